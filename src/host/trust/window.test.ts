import { expect, test } from "bun:test";
import { inspect } from "node:util";
import { limit } from "../../wire/limits.ts";
import { initialWindow, stepWindow, type WindowEvent, type WindowState } from "./window.ts";

const windowMs = limit("pair_window_ms");
const spanMs = limit("pair_attempt_span_ms");
const arming: WindowEvent = { type: "arm", randomInt: () => 42_137, level: "full" };
const attemptOf = (address: string): WindowEvent => ({ type: "attempt", address });
const guessOf = (window: number, isRight: boolean): WindowEvent => ({
  type: "guess",
  window,
  isRight,
});

/** The state after events, each with its time. */
function after(...events: readonly (readonly [WindowEvent, number])[]): WindowState {
  return events.reduce((state, [event, at]) => stepWindow(state, event, at).state, initialWindow);
}
const answerOf = (state: WindowState, event: WindowEvent, at: number) =>
  stepWindow(state, event, at).answer;

test("a window is armed with a PIN for two minutes", () => {
  const { state, answer } = stepWindow(initialWindow, arming, 1000);
  expect(answer.kind).toBe("armed");
  expect(state.armed).toMatchObject({ id: 1, level: "full", expiresMs: 121_000 });
  expect(state.armed?.pin.reveal()).toBe("042137");
  expect(answerOf(state, attemptOf("a"), 120_999).kind).toBe("accepted");
  expect(answerOf(state, attemptOf("a"), 121_000)).toEqual({ kind: "refused", why: "expired" });
});

test("without a window nobody may start, and is told how the last one ended", () => {
  const refused = (why: string) => ({ kind: "refused", why });
  expect(answerOf(initialWindow, attemptOf("a"), 0)).toEqual(refused("closed") as never);
  const ends: Record<string, WindowEvent> = {
    disarmed: { type: "disarm" },
    burnt: guessOf(1, false),
    used: guessOf(1, true),
  };
  for (const [why, event] of Object.entries(ends)) {
    const state = after([arming, 0], [event, 1]);
    expect(state.armed).toBeUndefined();
    expect(answerOf(state, attemptOf("a"), 2)).toEqual(refused(why) as never);
    expect(answerOf(state, guessOf(1, true), 2)).toEqual(refused(why) as never);
  }
});

test("the first guess is the only one, even of clients that started at the same time", () => {
  const started = after([arming, 0], [attemptOf("a"), 1], [attemptOf("b"), 2]);
  const wrong = stepWindow(started, guessOf(1, false), 3);
  expect(wrong.answer.kind).toBe("accepted");
  expect(answerOf(wrong.state, guessOf(1, true), 4)).toEqual({ kind: "refused", why: "burnt" });
  const right = stepWindow(started, guessOf(1, true), 3);
  expect(answerOf(right.state, guessOf(1, true), 4)).toEqual({ kind: "refused", why: "used" });
});

test("a guess after the window's time does not count", () => {
  const started = after([arming, 0], [attemptOf("a"), windowMs - 1]);
  expect(answerOf(started, guessOf(1, true), windowMs)).toEqual({
    kind: "refused",
    why: "expired",
  });
});

test("arming again makes a new PIN and ends ceremonies of the old one, at no cost of the guess", () => {
  const again = after([arming, 0], [attemptOf("a"), 1], [{ ...arming, randomInt: () => 7 }, 2]);
  expect(again.armed?.pin.reveal()).toBe("000007");
  const old = stepWindow(again, guessOf(1, true), 3);
  expect(old.answer).toEqual({ kind: "refused", why: "expired" });
  expect(stepWindow(old.state, guessOf(2, true), 4).answer.kind).toBe("accepted");
});

test("one address soon has to wait, others do not", () => {
  const most = limit("pair_attempts_per_address_max");
  let state = after([arming, 0]);
  for (let i = 0; i < most; i++) state = stepWindow(state, attemptOf("192.0.2.1"), i).state;
  for (const address of ["192.0.2.1", "::ffff:192.0.2.1", "::FFFF:192.0.2.1"]) {
    expect(answerOf(state, attemptOf(address), most)).toEqual({
      kind: "refused",
      why: "limited",
      retryMs: spanMs - most,
    });
  }
  expect(answerOf(state, attemptOf("192.0.2.2"), most).kind).toBe("accepted");
  expect(answerOf(state, attemptOf("192.0.2.1"), spanMs).kind).toBe("accepted");
});

test("all addresses together are limited, and the state stays small", () => {
  let state = after([arming, 0]);
  let accepted = 0;
  for (let i = 0; i < 100_000; i++) {
    const step = stepWindow(state, attemptOf(`2001:db8::${i.toString(16)}`), 1);
    if (step.answer.kind === "accepted") accepted += 1;
    state = step.state;
  }
  expect(accepted).toBe(limit("pair_attempts_max"));
  expect(state.attempts.length).toBe(accepted);
});

test("attempts before a window is armed do not count against it, those of an earlier window do", () => {
  let state = initialWindow;
  for (let i = 0; i < 100; i++) state = stepWindow(state, attemptOf("a"), i).state;
  state = stepWindow(state, arming, 100).state;
  for (let i = 0; i < limit("pair_attempts_per_address_max"); i++) {
    const step = stepWindow(state, attemptOf("a"), 101);
    expect(step.answer.kind).toBe("accepted");
    state = step.state;
  }
  state = stepWindow(state, arming, 102).state;
  expect(answerOf(state, attemptOf("a"), 103)).toMatchObject({ why: "limited" });
});

test("a state that is printed does not show the PIN", () => {
  const state = after([arming, 0]);
  expect(inspect(state, { depth: 5 }) + JSON.stringify(state)).not.toContain("042137");
});
