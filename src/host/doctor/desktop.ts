/** The desktop that the host would stream to the next client, made for the doctor. */
import { type Examination, wordsOf } from "../../base/diagnosis.ts";
import { PfError } from "../../base/errors.ts";
import type { EventQueue } from "../../ffi/core/core.ts";
import { parseMode } from "../../wire/mode.ts";
import { prepareSource } from "../displays/prepare.ts";
import { HostSettings } from "../settings.ts";
import type { PreparedSource } from "../sources.ts";

export const usualMode = parseMode("1280x720@60");

/** Makes it as a session would; the checks of its making are told. Undefined when there is none. */
export async function makeDesktop(
  look: Examination,
  events: EventQueue,
): Promise<{ readonly source: PreparedSource; readonly madeMs: number } | undefined> {
  const { compositor: wish } = (await HostSettings.open({})).current;
  look.progress("Making a desktop …");
  const beganAt = performance.now();
  try {
    const source = await prepareSource(
      { wish, app: undefined, pattern: "moving" },
      { mode: usualMode, signal: look.signal, events },
    );
    if (source.name !== "synthetic") return { source, madeMs: performance.now() - beganAt };
    await source.destroy();
    look.fail("desktop", source.why, "punktfunk probe-compositor");
  } catch (thrown) {
    look.signal.throwIfAborted();
    const hint = thrown instanceof PfError ? (thrown.hint ?? "") : "";
    look.fail("desktop", `${wordsOf(thrown)} ${hint}`.trim(), "punktfunk probe-compositor");
  }
  return undefined;
}
