/** Text that a client types, read back from the application's file and from the picture. */
import { expect } from "bun:test";
import { EventQueue } from "../../ffi/core/core.ts";
import type { Display } from "../../host/displays/display.ts";
import { until } from "../processes.ts";
import { shareOf, View } from "./view.testing.ts";

const text = "Grüße from punktfunk 123";
const isBright = (red: number, green: number, blue: number) => red + green + blue > 360;

/** The command of a terminal, white on black, that keeps what is typed into it. */
export function terminalWords(file: string): string[] {
  const look = ["--font=monospace:pixelsize=24", "--override=colors.background=000000"];
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
}

/** Types a line; it has to arrive in the file and as letters of light in the decoded picture. */
export async function readsBack(display: Display, { file, name }: ReadBackOptions): Promise<void> {
  await using view = new View(display);
  const events = new EventQueue();
  const input = display.openInput({ events, stage: 5 });
  try {
    await until(() => Bun.file(file).exists(), "the terminal", 60_000);
    const empty = shareOf(await view.picture(), isBright);
    expect(input.text(`${text}\n`)).toBe(true);
    await until(async () => (await Bun.file(file).text()) === `${text}\n`, "the text", 60_000);
    // 24 letters on a dark picture; the cursor moves on by itself.
    const typed = await view.picture(
      (picture) => shareOf(picture, isBright) > empty + 0.001,
      "the letters",
    );
    expect(shareOf(typed, isBright)).toBeLessThan(empty + 0.1);
    await view.save(name);
  } finally {
    input.close();
    await events.close();
  }
}
