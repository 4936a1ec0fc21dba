import { expect, test } from "bun:test";
import { EventStreamParser, type ServerEvent } from "./event-stream.ts";

const parse = (...pieces: string[]): ServerEvent[] => {
  const parser = new EventStreamParser();
  return pieces.flatMap((piece) => parser.push(piece));
};

const stream = 'event: status\ndata: {"a":1}\n\n: still here\n\nevent: log\ndata: x\ndata: y\n\n';
const events: ServerEvent[] = [
  { name: "status", data: '{"a":1}' },
  { name: "log", data: "x\ny" },
];

test("events are read with their names, and lines of data are joined", () => {
  expect(parse(stream)).toEqual(events);
});

test("it does not matter where the bytes are cut", () => {
  for (let cut = 0; cut <= stream.length; cut += 1) {
    expect(parse(stream.slice(0, cut), stream.slice(cut))).toEqual(events);
  }
  expect(parse(...stream)).toEqual(events);
});

test("all three ends of a line are known, cut in the middle too", () => {
  for (const end of ["\r\n", "\r", "\n"]) {
    const text = `${stream.replaceAll("\n", end)}:${end}`;
    expect(parse(text)).toEqual(events);
    expect(parse(...text)).toEqual(events);
  }
});

test("comments, unknown fields and events without data tell nothing", () => {
  expect(parse(":\n\nid: 7\nretry: 10\n\nevent: lonely\n\ndata\n\n")).toEqual([
    { name: "message", data: "" },
  ]);
});

test("a line without an end does not fill the memory", () => {
  const parser = new EventStreamParser();
  const piece = "x".repeat(1_000_000);
  expect(() => {
    for (let index = 0; index < 10; index += 1) parser.push(piece);
  }).toThrow("without an end");
});
