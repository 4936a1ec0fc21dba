import { describe, expect, test } from "bun:test";
import { millis } from "../../base/units.ts";
import { type InputTarget, SessionInjector } from "./inject.ts";
import { initialRate, takeTokens } from "./rate.ts";
import { checkText } from "./text.ts";

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
  return { calls, injector, wait };
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

describe("text", () => {
  test("keeps every printable character and makes line ends plain", () => {
    expect(checkText("a\r\nb\rc\td€😀")).toEqual({
      ok: true,
      text: "a\nb\nc\td€😀",
      characters: 9,
    });
  });

  test.each([
    ["a\u0000", "U+0000"],
    ["\u001b[A", "U+001B"],
    ["\u007f", "U+007F"],
    ["\u0085", "U+0085"],
    ["\ud800", "U+D800"],
    ["\uffff", "U+FFFF"],
  ])("refuses %j by name", (text, name) => {
    expect(checkText(text)).toEqual({
      ok: false,
      why: `The text holds ${name}, which can't be typed.`,
    });
  });

  test("has a longest message", () => {
    expect(checkText("é".repeat(2048)).ok).toBe(true);
    expect(checkText("é".repeat(2049)).ok).toBe(false);
  });
});
