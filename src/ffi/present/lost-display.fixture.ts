/** Opens a window, says `ready`, and reports how it learns that its display is gone. */
import { EventQueue } from "../core/core.ts";
import { EventLog, TestCards } from "./present.testing.ts";
import { WindowPresenter } from "./window.ts";

const card = { width: 320, height: 240 };
const events = new EventQueue();
const log = new EventLog(events);
const window = new WindowPresenter({ events, title: "lost", ...card });
const cards = new TestCards(window.sink());
window.start();
await log.one("started");
cards.push(card);
console.log("ready");
const { text } = await log.one("failed");
cards.push(card);
window.close();
await events.close();
console.log(`${text}, ${cards.live} pictures held`);
