import { expect, test } from "bun:test";
import { limit } from "../wire/limits.ts";
import { ApprovalQueue, approvalQuestion, type PendingRequest, type Verdict } from "./approvals.ts";

const request = (id: string): PendingRequest => ({
  type: "pendingRequest",
  id,
  name: `device ${id}`,
  fingerprint: "0123456789abcdef".repeat(4),
  address: "192.0.2.7",
  timeoutMs: 180_000,
});

function makeQueue() {
  const asked: {
    readonly id: string;
    readonly signal: AbortSignal;
    readonly answer: (verdict: Verdict | undefined) => void;
  }[] = [];
  const sent: unknown[] = [];
  const settled: string[] = [];
  const queue = new ApprovalQueue({
    ask: ({ id }, signal) => {
      const { promise, resolve } = Promise.withResolvers<Verdict | undefined>();
      signal.addEventListener("abort", () => resolve("full"));
      asked.push({ id, signal, answer: resolve });
      return promise;
    },
    send: (answer) => sent.push(answer),
    settledElsewhere: ({ id }, how) => settled.push(`${id} ${how}`),
  });
  return { queue, asked, sent, settled };
}

test("one question is open at a time, in the order in which they came", async () => {
  const { queue, asked, sent } = makeQueue();
  for (const id of ["a", "b", "c"]) queue.take(request(id));
  queue.take(request("a"));
  expect(asked.map(({ id }) => id)).toEqual(["a"]);
  asked[0]?.answer("play");
  await Bun.sleep(0);
  asked[1]?.answer(null);
  await Bun.sleep(0);
  asked[2]?.answer(undefined);
  await Bun.sleep(0);
  expect(asked.map(({ id }) => id)).toEqual(["a", "b", "c"]);
  expect(sent).toEqual([
    { type: "pendingAnswer", id: "a", level: "play" },
    { type: "pendingAnswer", id: "b", level: null },
  ]);
});

test("a question that is settled elsewhere is taken away, and its answer is not sent", async () => {
  const { queue, asked, sent, settled } = makeQueue();
  for (const id of ["a", "b", "c"]) queue.take(request(id));
  queue.take({ type: "pendingSettled", id: "b", how: "denied" });
  queue.take({ type: "pendingSettled", id: "a", how: "approved" });
  queue.take({ type: "pendingSettled", id: "z", how: "approved" });
  await Bun.sleep(0);
  expect(asked[0]?.signal.aborted).toBe(true);
  expect(asked.map(({ id }) => id)).toEqual(["a", "c"]);
  expect(settled).toEqual(["b denied", "a approved"]);
  queue.close();
  await Bun.sleep(0);
  expect(asked[1]?.signal.aborted).toBe(true);
  expect(sent).toEqual([]);
});

test("a host that asks without end fills no memory", () => {
  const { queue, asked } = makeQueue();
  for (let i = 0; i < 10_000; i++) queue.take(request(String(i)));
  expect(asked.length).toBe(1);
  for (let i = 0; i < 100; i++) queue.take({ type: "pendingSettled", id: String(i), how: "x" });
  expect(limit("pending_max")).toBe(16);
});

test("the question names the device, its fingerprint and where it comes from", () => {
  expect(approvalQuestion({ ...request("a"), name: "Living-room TV" }, "gamingbox")).toBe(
    'Allow "Living-room TV" (fp 0123 4567 89ab cdef, from 192.0.2.7) to pair with gamingbox?',
  );
});

test("who was left to others is told about when settled, and asks anew after a withdrawal", async () => {
  const { queue, asked, settled } = makeQueue();
  queue.take(request("a"));
  asked[0]?.answer(undefined);
  await Bun.sleep(0);
  queue.take({ type: "pendingSettled", id: "a", how: "denied" });
  expect(settled).toEqual(["a denied"]);
  queue.take(request("b"));
  // Both in one read: the question is not closed yet when it is asked again.
  queue.take({ type: "pendingSettled", id: "b", how: "withdrawn" });
  queue.take(request("b"));
  await Bun.sleep(0);
  expect(asked.map(({ id, signal }) => [id, signal.aborted])).toEqual([
    ["a", false],
    ["b", true],
    ["b", false],
  ]);
});

test("who may not manage any longer is asked nothing more, until asked again", async () => {
  const { queue, asked, sent } = makeQueue();
  for (const id of ["a", "b"]) queue.take(request(id));
  queue.clear();
  await Bun.sleep(0);
  expect([asked.length, asked[0]?.signal.aborted, sent.length]).toEqual([1, true, 0]);
  queue.take(request("b"));
  expect(asked.map(({ id }) => id)).toEqual(["a", "b"]);
});
