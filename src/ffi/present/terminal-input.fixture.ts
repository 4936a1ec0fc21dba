/** Shows a still card in the terminal and prints its input, a line an event, to the file given. */
import { appendFileSync } from "node:fs";
import { EventQueue } from "../core/core.ts";
import { TestCards } from "./present.testing.ts";
import { TerminalPresenter } from "./terminal.ts";

const [file = "", mode = ""] = process.argv.slice(2);
const events = new EventQueue();
const terminal = new TerminalPresenter({ events, input: true, text: mode === "text" });
const cards = new TestCards(terminal.sink());
const listening = events.listen(({ kind, a, b, text }) => {
  appendFileSync(file, `${kind} ${a} ${b} ${text}`.trim().concat("\n"));
});
process.on("SIGUSR1", () => terminal.setInputEnabled(false));
process.on("SIGUSR2", () => terminal.setInputEnabled(true));
const interrupted = new Promise((resolve) => process.once("SIGINT", resolve));
terminal.start();
cards.push({ width: 1280, height: 720 });
await interrupted;
terminal.close();
await events.close();
await listening;
console.log("the end");
