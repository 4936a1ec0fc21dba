import { expect, test } from "bun:test";
import { SeededRandom } from "../../base/random.ts";
import { limit } from "../../wire/limits.ts";
import { deviceFingerprint, deviceId } from "../../wire/pairing/device-id.ts";
import {
  initialPending,
  type PendingAnswer,
  type PendingEvent,
  type PendingRequest,
  type PendingState,
  stepPending,
  waiting,
} from "./pending.ts";

const pendingMs = limit("pending_ms");
const keyOf = (number: number) => {
  const key = new Uint8Array(32);
  new DataView(key.buffer).setUint32(0, number);
  return key;
};
const requestOf = (number: number, address: string, name = "tv"): PendingEvent => ({
  type: "request",
  name,
  publicKey: keyOf(number),
  address,
});
const idOf = (number: number) => deviceId(keyOf(number));

/** A list of requests with a clock, for tests that tell a story. */
class Story {
  state: PendingState = initialPending;
  nowMs = 0;
  expired: PendingRequest[] = [];

  take(event: PendingEvent): PendingAnswer {
    const step = stepPending(this.state, event, this.nowMs);
    this.state = step.state;
    this.expired.push(...step.expired);
    return step.answer;
  }

  ask(number: number, address: string, name?: string): PendingAnswer {
    return this.take(requestOf(number, address, name));
  }

  get ids(): string[] {
    return waiting(this.state).map(({ id }) => id);
  }
}

const refused = (why: string) => ({ kind: "refused", why }) as never;

test("a request waits with all that a person needs to judge it", () => {
  const story = new Story();
  story.nowMs = 5;
  const answer = story.ask(1, "192.0.2.1", "Living-room\u0007 TV");
  expect(answer.kind).toBe("added");
  expect(waiting(story.state)).toEqual([
    {
      id: idOf(1),
      name: "Living-room TV",
      publicKey: keyOf(1),
      fingerprint: deviceFingerprint(keyOf(1)),
      address: "192.0.2.1",
      sinceMs: 5,
      expiresMs: 5 + pendingMs,
      ticket: 1,
    },
  ]);
});

test("approval takes a request off the list and carries the level", () => {
  const story = new Story();
  story.ask(1, "a");
  story.ask(2, "b");
  const answer = story.take({ type: "approve", id: idOf(1), level: "view" });
  expect(answer).toMatchObject({ kind: "approved", level: "view", request: { id: idOf(1) } });
  expect(story.ids).toEqual([idOf(2)]);
  expect(story.take({ type: "approve", id: idOf(1), level: "full" }).kind).toBe("unknown");
  expect(story.take({ type: "deny", id: "no such id" }).kind).toBe("unknown");
});

test("a device that was denied can't ask again for a while", () => {
  const story = new Story();
  story.ask(1, "a");
  story.nowMs = 1000;
  expect(story.take({ type: "deny", id: idOf(1) }).kind).toBe("denied");
  expect(story.ids).toEqual([]);
  expect(story.ask(1, "elsewhere")).toEqual(refused("denied"));
  story.nowMs = 1000 + pendingMs;
  expect(story.ask(1, "a").kind).toBe("added");
});

test("a request ends after three minutes, and is named once", () => {
  const story = new Story();
  story.ask(1, "a");
  story.nowMs = pendingMs - 1;
  story.take({ type: "tick" });
  expect(story.expired).toEqual([]);
  story.nowMs = pendingMs;
  expect(story.take({ type: "approve", id: idOf(1), level: "full" }).kind).toBe("unknown");
  story.take({ type: "tick" });
  expect(story.expired.map(({ id }) => id)).toEqual([idOf(1)]);
  expect(story.state.entries).toEqual([]);
});

test("a device that connects again keeps its one place, and its old connection ends nothing", () => {
  const story = new Story();
  const first = story.ask(1, "a");
  story.nowMs = 10;
  const again = story.ask(1, "b");
  expect(again).toMatchObject({ kind: "renewed", replaced: 1, request: { address: "b" } });
  expect(story.take({ type: "withdraw", ticket: 1 }).kind).toBe("unknown");
  expect(story.ids).toEqual([idOf(1)]);
  expect(first.kind).toBe("added");
  expect(story.take({ type: "withdraw", ticket: 2 }).kind).toBe("withdrawn");
  expect(story.ids).toEqual([]);
  expect(story.ask(1, "b").kind).toBe("added");
});

test("one address has two places, also when it keeps connecting anew with new keys", () => {
  const story = new Story();
  const kinds: string[] = [];
  for (let i = 0; i < 10; i++) {
    const answer = story.ask(i, i % 2 === 0 ? "192.0.2.1" : "::ffff:192.0.2.1");
    kinds.push(answer.kind);
    if (answer.kind === "added") {
      story.take({ type: "withdraw", ticket: answer.request.ticket });
    }
  }
  expect(kinds.filter((kind) => kind === "added").length).toBe(2);
  expect(story.ask(99, "192.0.2.1")).toEqual(refused("address"));
  expect(story.ask(99, "192.0.2.2").kind).toBe("added");
});

test("a list that is half full gives an address one place only", () => {
  const story = new Story();
  for (let i = 0; i < limit("pending_crowded_count"); i++) story.ask(i, `a${i >> 1}`);
  expect(story.ids.length).toBe(8);
  expect(story.ask(50, "b").kind).toBe("added");
  expect(story.ask(51, "b")).toEqual(refused("address"));
});

test("a full list takes nobody and loses nobody", () => {
  const story = new Story();
  for (let i = 0; i < limit("pending_max"); i++) {
    expect(story.ask(i, `a${i}`).kind).toBe("added");
  }
  const before = story.ids;
  expect(story.ask(99, "new")).toEqual(refused("full"));
  expect(story.ids).toEqual(before);
  expect(story.ask(3, "a3").kind).toBe("renewed");
  story.take({ type: "deny", id: idOf(5) });
  expect(story.ask(99, "new").kind).toBe("added");
});

test("100,000 requests from one address do not push out a real one, nor keep another one out", () => {
  const story = new Story();
  story.ask(1_000_000, "192.0.2.7", "real");
  for (let i = 0; i < 100_000; i++) {
    story.nowMs = i / 1000;
    story.ask(i, "192.0.2.66");
  }
  expect(story.ids.length).toBe(3);
  expect(story.ids).toContain(idOf(1_000_000));
  expect(story.ask(1_000_001, "192.0.2.8").kind).toBe("added");
});

test("100,000 requests from as many addresses, some withdrawn, do not push out a real one", () => {
  const random = new SeededRandom(4);
  const story = new Story();
  story.ask(1_000_000, "192.0.2.7", "real");
  for (let i = 0; i < 100_000; i++) {
    story.nowMs = i / 1000;
    const answer = story.ask(i, `2001:db8::${i.toString(16)}`);
    if (answer.kind === "added" && random.chance(0.5)) {
      story.take({ type: "withdraw", ticket: answer.request.ticket });
    }
  }
  expect(story.ids).toContain(idOf(1_000_000));
  expect(story.ids.length).toBeLessThanOrEqual(limit("pending_max"));
  const most = limit("pending_max") + limit("pending_remembered_max");
  expect(story.state.entries.length).toBeLessThanOrEqual(most);
  // Their time ends as everyone's does: then there is room again.
  story.nowMs += pendingMs;
  expect(story.ask(1_000_001, "192.0.2.8").kind).toBe("added");
});
