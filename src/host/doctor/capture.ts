/** What can be streamed here, and a picture of what would be. */
import { type Examination, wordsOf } from "../../base/diagnosis.ts";
import { EventQueue } from "../../ffi/core/core.ts";
import { noSink } from "../../ffi/library.ts";
import { formatMode } from "../../wire/mode.ts";
import { probeDisplays } from "../readiness/probe.ts";
import { type PictureStage, type PreparedSource, stageNumber } from "../sources.ts";
import { makeDesktop } from "./desktop.ts";

/** A desktop that shows nothing for this long shows nothing at all. */
const frameMsMax = 10_000;

export async function examineCapture(look: Examination): Promise<void> {
  look.progress("Asking the desktops …");
  const { found } = await probeDisplays(undefined, { signal: look.signal });
  for (const { kind, name, ok, version, checks } of found) {
    const title = `${name}${version === null ? "" : ` ${version}`}`;
    const lacking = checks.find((check) => !check.ok);
    if (ok) look.ok(kind, `${title} can be streamed: ${checks.length} checks passed.`);
    else look.warn(kind, lacking?.detail ?? `${title} can't be streamed.`, lacking?.fix ?? null);
  }
  const events = new EventQueue();
  try {
    const made = await makeDesktop(look, events);
    if (made === undefined) return;
    try {
      await firstFrame(look, events, made);
    } finally {
      await made.source.destroy();
    }
  } finally {
    await events.close();
  }
}

async function firstFrame(
  look: Examination,
  events: EventQueue,
  { source, madeMs }: { readonly source: PreparedSource; readonly madeMs: number },
): Promise<void> {
  const what = `${source.name} at ${formatMode(source.mode)}`;
  look.ok("desktop", `${what} was made in ${madeMs.toFixed(0)} ms. ${source.why}`);
  look.progress(`Waiting for the first picture of ${source.name} …`);
  let stage: PictureStage | undefined;
  const beganAt = performance.now();
  try {
    stage = source.openStage({ sink: noSink, events, stage: stageNumber.source });
    stage.start();
    const problem = await pictureOf(stage, events, look.signal);
    const frameMs = performance.now() - beganAt;
    if (problem === undefined) {
      const total = `${(madeMs + frameMs).toFixed(0)} ms after it was asked for`;
      look.ok(
        "first frame",
        `${what} gave it ${total}, capture took ${frameMs.toFixed(0)} of them.`,
      );
    } else {
      look.fail("first frame", `${what}: ${problem}`, `punktfunk probe-compositor ${source.name}`);
    }
  } catch (thrown) {
    look.signal.throwIfAborted();
    const fix = `punktfunk probe-compositor ${source.name}`;
    look.fail("first frame", `${what}: ${wordsOf(thrown)}`, fix);
  } finally {
    stage?.stop();
    stage?.close();
  }
}

/** Undefined when a picture came; else why none did. */
async function pictureOf(
  stage: PictureStage,
  events: EventQueue,
  signal: AbortSignal,
): Promise<string | undefined> {
  const until = performance.now() + frameMsMax;
  while (stage.counters.get("frames") === 0) {
    signal.throwIfAborted();
    const end = events.take().find(({ kind }) => kind === "failed" || kind === "ended");
    if (end !== undefined) return `${end.text}.`;
    if (performance.now() > until) return `no picture came within ${frameMsMax / 1000} s.`;
    await Bun.sleep(2);
  }
  return undefined;
}
