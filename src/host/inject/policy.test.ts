import { describe, expect, test } from "bun:test";
import { millis } from "../../base/units.ts";
import { SessionInjector } from "./inject.ts";
import { initialRate, takeTokens } from "./rate.ts";
import type { InputTarget } from "./target.ts";

/** What an injector passed on, as words. */
function recorder() {
  const calls: string[] = [];
  const note =
    (name: string) =>
    (...values: (number | boolean | string)[]) =>
      void calls.push([name, ...values].join(" "));
  const target: InputTarget = {
    key: note("key"),
    button: note("button"),
    motion: note("motion"),
    position: note("position"),
    scroll: note("scroll"),
    touch: note("touch"),
    close: note("close"),
    text: (text) => {
      calls.push(`text ${text}`);
      return true;
    },
  };
  let now = 0;
  const injector = new SessionInjector(target, () => millis(now));
  const wait = (ms: number) => {
    now += ms;
  };
  return { calls, injector, target, wait };
}

describe("a session's input", () => {
  test("names keys and buttons as Linux does", () => {
    const { calls, injector } = recorder();
    injector.key(0x04, true);
    injector.button(3, true);
    expect(calls).toEqual(["key 30 true", "button 273 true"]);
  });

  test("passes on edges, not repetitions", () => {
    const { calls, injector } = recorder();
    for (const down of [true, true, true, false, false]) injector.key(0x04, down);
    expect(calls).toEqual(["key 30 true", "key 30 false"]);
  });

  test("counts what no keyboard or mouse has", () => {
    const { calls, injector } = recorder();
    injector.key(0x00, true);
    injector.key(0xffff, true);
    injector.button(0, true);
    injector.button(99, true);
    injector.position(-1, 0);
    injector.position(0, 65_536);
    injector.motion(Number.NaN, 0);
    injector.motion(0, Number.POSITIVE_INFINITY);
    injector.scroll(1e9, 0);
    expect(calls).toEqual([]);
    expect(injector.refused).toBe(9);
  });

  test("releases what is held, once, and then forgets it", () => {
    const { calls, injector } = recorder();
    injector.key(0x04, true);
    injector.key(0x05, true);
    injector.key(0x05, false);
    injector.button(1, true);
    calls.length = 0;
    injector.releaseAll();
    injector.releaseAll();
    expect(calls).toEqual(["key 30 false", "button 272 false"]);
  });

  test("releases everything before it closes, and takes nothing after", () => {
    const { calls, injector } = recorder();
    injector.key(0x04, true);
    injector.close();
    injector.close();
    injector.key(0x05, true);
    injector.motion(1, 1);
    expect(injector.text("x")).toBe("The desktop takes no more input.");
    expect(calls).toEqual(["key 30 true", "key 30 false", "close"]);
  });

  test("bounds presses, but no release, and recovers", () => {
    const { calls, injector, wait } = recorder();
    for (let i = 0; i < 1000; i++) {
      injector.key(0x04, true);
      injector.key(0x04, false);
    }
    expect(calls.length).toBe(800);
    expect(calls.at(-1)).toBe("key 30 false");
    wait(1000);
    injector.key(0x04, true);
    expect(calls.at(-1)).toBe("key 30 true");
  });

  test("follows fingers, and knows nothing of one that is not down", () => {
    const { calls, injector } = recorder();
    injector.touch(1, "move", 5, 5);
    injector.touch(1, "down", 10, 20);
    injector.touch(1, "down", 11, 21);
    injector.touch(0, "down", 0, 65_535);
    injector.touch(1, "move", 30, 40);
    injector.touch(1, "up", 99, 99);
    injector.touch(1, "up", 99, 99);
    injector.touch(2, "cancel", 0, 0);
    expect(calls).toEqual([
      "touch 1 down 10 20",
      "touch 0 down 0 65535",
      "touch 1 move 30 40",
      "touch 1 up 30 40",
    ]);
    injector.touch(16, "down", 0, 0);
    injector.touch(3, "down", 65_536, 0);
    expect(injector.refused).toBe(2);
  });

  test("takes its fingers off the picture at the end", () => {
    const { calls, injector } = recorder();
    injector.touch(4, "down", 1, 2);
    injector.touch(4, "move", 3, 4);
    injector.releaseAll();
    injector.close();
    expect(calls.slice(2)).toEqual(["touch 4 cancel 3 4", "close"]);
  });

  test("bounds a flood of everything at once, and leaves nothing down", () => {
    const { calls, injector } = recorder();
    for (let i = 0; i < 20_000; i++) {
      injector.touch(i % 16, "down", i, i);
      injector.touch(i % 16, "move", i, 0);
      injector.key(4 + (i % 26), true);
      injector.button(1 + (i % 5), true);
      injector.motion(1, 1);
      if (i % 3 === 0) injector.touch(i % 16, "up", 0, 0);
      if (i % 5 === 0) injector.key(4 + (i % 26), false);
    }
    expect(injector.refused).toBeGreaterThan(10_000);
    expect(calls.length).toBeLessThan(16_000 + 3 * 400);
    injector.releaseAll();
    const held = new Set<string>();
    for (const call of calls) {
      const [what, which, how] = call.split(" ");
      if (how === "true" || how === "down") held.add(`${what} ${which}`);
      else if (how !== "move") held.delete(`${what} ${which}`);
    }
    expect([...held]).toEqual([]);
  });

  test("says when the desktop's keyboard lacks a character", () => {
    const target = { ...recorder().target, text: () => false };
    const injector = new SessionInjector(target, () => millis(0));
    expect(injector.text("ж")).toStartWith("The desktop's keyboard can't type this text");
  });

  test("bounds text and says so", () => {
    const { injector, wait } = recorder();
    const long = "x".repeat(4096);
    expect(injector.text(long)).toBeUndefined();
    expect(injector.text(long)).toBe("More text came than can be typed in this time.");
    wait(5000);
    expect(injector.text(long)).toBeUndefined();
  });
});

describe("a token bucket", () => {
  const allowance = { perSecond: 10, burst: 5 };

  test("gives its burst, then its rate", () => {
    let state = initialRate(allowance, millis(0));
    let taken = 0;
    for (let now = 0; now < 10_000; now += 10) {
      const result = takeTokens(allowance, state, { now: millis(now), cost: 1 });
      state = result.state;
      if (result.allowed) taken++;
    }
    expect(taken).toBeWithin(104, 106);
  });

  test("takes nothing when it refuses, and ignores time that runs back", () => {
    const state = initialRate(allowance, millis(1000));
    const refused = takeTokens(allowance, state, { now: millis(500), cost: 6 });
    expect(refused).toEqual({ allowed: false, state: { tokens: 5, at: millis(1000) } });
  });
});
