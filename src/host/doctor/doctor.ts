/** What the host needs to stream, each plane really tried, as the host itself would do it. */
import { Examination, type ExaminationHooks, type Plane } from "../../base/diagnosis.ts";
import { toPfError } from "../../base/errors.ts";
import { importEnvironment } from "../readiness/environment.ts";

export type HostPlane = Exclude<Plane, "net">;

const examine: Readonly<Record<HostPlane, () => Promise<(look: Examination) => Promise<void>>>> = {
  capture: async () => (await import("./capture.ts")).examineCapture,
  encode: async () => (await import("./encode.ts")).examineEncode,
  input: async () => (await import("./input.ts")).examineInput,
  audio: async () => (await import("./audio.ts")).examineAudio,
  service: async () => (await import("./service.ts")).examineService,
};

/** Examines a plane in the environment that the service gets. */
export async function examineHost(plane: HostPlane, hooks: ExaminationHooks): Promise<void> {
  // The service finds what it lacks in the same way.
  await importEnvironment();
  const look = new Examination(plane, hooks);
  const run = await examine[plane]();
  try {
    await run(look);
  } catch (thrown) {
    if (hooks.signal.aborted) return;
    const error = toPfError(thrown);
    if (error.code === "PF_INTERNAL") throw thrown;
    // What every part of the plane needs is not there.
    look.fail("native libraries", error.message, "npm run setup");
  }
}
