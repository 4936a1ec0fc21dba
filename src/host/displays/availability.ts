/** What a probe found, as a display backend tells it. Pure. */
import type { Readiness } from "../readiness/readiness.ts";
import type { Availability } from "./display.ts";

/** `why` is what it is, or what it lacks with the command that mends it. */
export function availabilityOf({ ok, name, version, checks }: Readiness): Availability {
  const failed = checks.find((check) => !check.ok);
  if (ok || failed === undefined) return { ok, why: `${name} can be streamed.`, version };
  const fix = failed.fix === null ? "" : ` Mend it with: ${failed.fix}`;
  return { ok, why: `${failed.detail}${fix}`, version };
}
