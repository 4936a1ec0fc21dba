/** Text that a client types, read back from the application's file and from the picture. */
import { expect } from "bun:test";
import { EventQueue } from "../../ffi/core/core.ts";
import type { Display } from "../../host/displays/display.ts";
import type { InputTarget } from "../../host/inject/target.ts";
import { until } from "../processes.ts";
import { shareOf, View } from "./view.testing.ts";

/** From a window's first picture to its keyboard, which nothing tells. */
const settleMs = 500;
/** Not of the layout us: where a desktop types by its layout alone, another text is asked for. */
const foreignText = "Grüße from punktfunk 123";
/** The terminal's, which no desktop has by itself. */
const background = "000060";
const isBackground = (red: number, green: number, blue: number) =>
  red < 30 && green < 30 && blue > 60 && blue < 130;
const isBright = (red: number, green: number, blue: number) => red + green + blue > 360;

/** The command of a terminal, white on dark blue, that keeps what is typed into it. */
export function terminalWords(file: string): string[] {
  const look = ["--font=monospace:pixelsize=24", `--override=colors.background=${background}`];
  return ["foot", ...look, "sh", "-c", `cat > ${file}`];
}

/** The same for a shell. */
export function terminal(file: string): string {
  const words = terminalWords(file);
  return [...words.slice(0, -1), `'${words.at(-1)}'`].join(" ");
}

export interface ReadBackOptions {
  /** What the terminal on the display keeps. */
  readonly file: string;
  /** Of the PNG. */
  readonly name: string;
  readonly text?: string;
}

/** Types a line; it has to arrive in the file and as letters of light in the decoded picture. */
export async function readsBack(display: Display, options: ReadBackOptions): Promise<void> {
  const { file, name, text = foreignText } = options;
  await using view = new View(display);
  const events = new EventQueue();
  const input = await openInput(display, events);
  try {
    await until(() => Bun.file(file).exists(), "the terminal", 60_000);
    const terminal = await view.picture((one) => shareOf(one, isBackground) > 0.2, "the terminal");
    const empty = shareOf(terminal, isBright);
    await Bun.sleep(settleMs);
    expect(input.text(`${text}\n`)).toBe(true);
    await until(async () => (await Bun.file(file).text()) === `${text}\n`, "the text", 60_000);
    const typed = await view.picture(
      (picture) => shareOf(picture, isBright) > empty + 0.001,
      "the letters",
    );
    expect(shareOf(typed, isBright)).toBeLessThan(empty + 0.1);
    await view.still();
    await view.save(name);
  } finally {
    input.close();
    await events.close();
  }
}

/** Puts the pointer onto the display, where new windows come then. */
export async function pointAt(display: Display): Promise<void> {
  const events = new EventQueue();
  const input = await openInput(display, events);
  input.position(32_768, 32_768);
  await Bun.sleep(2 * settleMs);
  input.close();
  await events.close();
}

/** Opens it as soon as the desktop answers: an emulated one may be busy for longer than is usual. */
async function openInput(display: Display, events: EventQueue): Promise<InputTarget> {
  let input: InputTarget | undefined;
  let words = "";
  const isOpen = () => {
    try {
      input = display.openInput({ events, stage: 5 });
    } catch (error) {
      words = (error as Error).message;
    }
    return input !== undefined;
  };
  await until(isOpen, "its input", 60_000).catch(() => {
    throw new Error(words);
  });
  return input as InputTarget;
}
