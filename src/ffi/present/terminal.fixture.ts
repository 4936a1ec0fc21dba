/**
 * Shows test cards in the terminal that it runs in until a line comes: `overlay` shows the overlay,
 * `quit` (or SIGTERM) ends in order and prints what was counted, `exit` leaves without a word.
 */
import { createInterface } from "node:readline";
import { EventQueue } from "../core/core.ts";
import { EventLog, type PixelFormatName, TestCards } from "./present.testing.ts";
import { TerminalPresenter } from "./terminal.ts";

const format = (process.argv[2] ?? "i420") as PixelFormatName;
const events = new EventQueue();
const log = new EventLog(events);
const terminal = new TerminalPresenter({ events });
const cards = new TestCards(terminal.sink());
terminal.start();
const pushing = setInterval(() => cards.push({ format, width: 1280, height: 720 }), 15);
const lines = createInterface({ input: process.stdin });
process.on("SIGTERM", () => void quit());
lines.on("line", (line) => {
  if (line === "overlay") {
    terminal.setOverlay("60 fps  ÄÖ\x1b[2J  4.2 ms");
  } else if (line === "exit") {
    process.exit(0);
  } else if (line === "quit") {
    void quit();
  }
});

async function quit(): Promise<void> {
  lines.close();
  clearInterval(pushing);
  const begin = performance.now();
  terminal.stop();
  const stopMs = performance.now() - begin;
  const counted = terminal.counters.snapshot();
  const us = terminal.counters.histogram("present_us").percentileUs(0.5);
  terminal.close();
  await events.close();
  const drawsWith = log.of("started")[0]?.text;
  console.log(JSON.stringify({ drawsWith, live: cards.live, stopMs, us, ...counted }));
  console.log("the end");
}
