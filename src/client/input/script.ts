/**
 * Scripts of input events, as `connect --input-test` plays them: one event a line, so that a person
 * can write them and a soak repeats them. `scriptHelp` is the whole language.
 */
import { PfError } from "../../base/errors.ts";
import { keys } from "../../wire/keys.ts";
import { limit } from "../../wire/limits.ts";
import { checkText } from "../../wire/text.ts";
import type { InputEvent } from "./input.ts";

export interface InputStep {
  /** Since the step before. */
  readonly afterMs: number;
  readonly event: InputEvent;
}

export interface InputScript {
  readonly steps: readonly InputStep[];
  /** Begins anew at its end. */
  readonly repeats: boolean;
}

/** The language, a line for each word of it. */
export const scriptHelp: readonly (readonly [line: string, what: string])[] = [
  ["wait 200ms", "before the next event; 1.5s, 200ms"],
  ["key LEFTCTRL+C", "press and release; names as Linux has them, as A, ENTER, F5, RIGHTALT"],
  ["key LEFTSHIFT down", "or up: only that"],
  ["text Hello\\n", "type the rest of the line; \\n, \\t and \\\\"],
  ["move 10 -4", "the pointer by pixels, right and down"],
  ["at 0.5 0.25", "the pointer to a place, 0 to 1 from the left and the top"],
  ["button left", "click left, middle, right, back or forward; with down or up only that"],
  ["scroll 0 -1.5", "notches, right and down"],
  ["touch 0 down 0.5 0.5", "a finger 0 to 15: down, move, up or cancel"],
  ["repeat", "as the last line: begin anew"],
];

/** Throws PF_USAGE with the line that it can't read. */
export function parseScript(source: string): InputScript {
  const steps: InputStep[] = [];
  let [waitMs, repeats] = [0, false];
  for (const [index, raw] of source.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    if (repeats) throw unreadable(index, line, "nothing may follow repeat");
    const [word = "", ...rest] = line.split(/\s+/);
    if (word === "wait") waitMs += duration(rest.join(""), () => unreadable(index, line));
    else if (word === "repeat") repeats = true;
    else {
      const read = readers[word];
      const events = read?.(rest, line.slice(word.length).trim());
      if (events === undefined) throw unreadable(index, line);
      for (const event of events) {
        steps.push({ afterMs: waitMs, event });
        waitMs = 0;
      }
    }
  }
  const spanMs = steps.reduce((sum, { afterMs }) => sum + afterMs, 0);
  if (repeats && spanMs === 0) {
    throw new PfError("PF_USAGE", "A script that repeats has to wait somewhere.", {
      hint: "Add a line such as: wait 10ms",
    });
  }
  return { steps, repeats };
}

function unreadable(index: number, line: string, why = "it is no event"): PfError {
  return new PfError("PF_USAGE", `Line ${index + 1} of the input script, "${line}": ${why}.`, {
    hint: `Lines look like: ${scriptHelp.map(([example]) => example).join(" | ")}`,
  });
}

function duration(text: string, error: () => PfError): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(text);
  if (match === null) throw error();
  return Number(match[1]) * (match[2] === "s" ? 1000 : 1);
}

type Reader = (words: readonly string[], rest: string) => InputEvent[] | undefined;

const usages: ReadonlyMap<string, number> = new Map(
  keys.map(([usage, , name]) => [name, usage] as const).reverse(),
);
const buttons = ["left", "middle", "right", "back", "forward"];
const phases = ["down", "move", "up", "cancel"];

const event = (kind: InputEvent["kind"], a: number, b: number, text = ""): InputEvent => {
  return { kind, a, b, text };
};
const isNumber = (word: string | undefined) => /^[+-]?\d+(\.\d+)?$/.test(word ?? "");
/** A share 0…1 as a place of the wire. */
const place = (word: string | undefined) =>
  isNumber(word) && Number(word) >= 0 && Number(word) <= 1
    ? Math.round(Number(word) * 65_535)
    : undefined;

/** Down, up, or both with what is held around it. */
function edges(kind: "key" | "button", held: readonly number[], how: string | undefined) {
  const downs = held.map((which) => event(kind, which, 1));
  const ups = held.map((which) => event(kind, which, 0)).reverse();
  if (how === undefined) return [...downs, ...ups];
  return how === "down" ? downs : how === "up" ? ups : undefined;
}

const readers: Readonly<Record<string, Reader>> = {
  key: ([chord = "", how, ...more]) => {
    const held = chord.split("+").map((name) => usages.get(name.toUpperCase()));
    if (more.length > 0 || held.includes(undefined)) return undefined;
    return edges("key", held as number[], how);
  },
  button: ([name = "", how, ...more]) => {
    const number = buttons.indexOf(name) + 1;
    return number === 0 || more.length > 0 ? undefined : edges("button", [number], how);
  },
  text: (_, rest) => {
    const escapes: Record<string, string> = { n: "\n", t: "\t", "\\": "\\" };
    const text = rest.replace(/\\([nt\\])/g, (_all, name: string) => escapes[name] as string);
    return text !== "" && checkText(text).ok ? [event("text", 0, 0, text)] : undefined;
  },
  move: ([x, y, ...more]) =>
    more.length === 0 && isNumber(x) && isNumber(y)
      ? [event("motion", Number(x), Number(y))]
      : undefined,
  at: ([x, y, ...more]) => {
    const [across, down] = [place(x), place(y)];
    if (more.length > 0 || across === undefined || down === undefined) return undefined;
    return [event("position", across, down)];
  },
  scroll: ([x, y, ...more]) =>
    more.length === 0 && isNumber(x) && isNumber(y)
      ? [event("scroll", Math.round(Number(x) * 120), Math.round(Number(y) * 120))]
      : undefined,
  touch: ([finger, phase = "", x, y, ...more]) => {
    const [number, across, down] = [Number(finger), place(x), place(y)];
    const isFinger = /^\d+$/.test(finger ?? "") && number < limit("touch_fingers_max");
    const how = phases.indexOf(phase);
    if (more.length > 0 || !isFinger || how < 0) return undefined;
    if (across === undefined || down === undefined) return undefined;
    return [event("touch", number + 256 * how, across + 65_536 * down)];
  },
};

/**
 * What is played when no script is given: five seconds of letters, text, motion, a circle, the wheel
 * in parts of a notch and a finger, again and again.
 */
export function usualScript(): InputScript {
  const share = (value: number) => (0.5 + value).toFixed(4);
  const around = (steps: number, radius: number, line: (x: string, y: string) => string) =>
    Array.from({ length: steps }, (_, i) => {
      const angle = (2 * Math.PI * i) / steps;
      return line(share(radius * Math.cos(angle)), share(radius * Math.sin(angle)));
    });
  const letters = Array.from(
    "PUNKTFUNK",
    (letter) => `key ${letter} down\nwait 40ms\nkey ${letter} up`,
  );
  const back = Array.from(letters, () => "key BACKSPACE");
  const lines = [
    ...letters,
    ...back,
    "text grün 123 €",
    ...around(
      60,
      1,
      (x, y) => `move ${(Number(x) * 8 - 4).toFixed(1)} ${(Number(y) * 8 - 4).toFixed(1)}`,
    ),
    "button left",
    ...around(120, 0.3, (x, y) => `at ${x} ${y}`),
    ...Array.from({ length: 24 }, (_, i) => `scroll 0 ${i < 12 ? 0.25 : -0.25}`),
    "touch 0 down 0.5 0.5",
    ...around(60, 0.2, (x, y) => `touch 0 move ${x} ${y}`),
    "touch 0 up 0.5 0.5",
  ];
  return parseScript(`${lines.join("\nwait 16ms\n")}\nrepeat`);
}
