/** The host's side of a round of the clock. */
import { nowNs } from "../ffi/core/core.ts";
import type { MessageOf } from "../wire/control.ts";

/** Answers a round; to be called as soon as it comes. */
export function echoOf({ id, clientNs }: MessageOf<"clockProbe">): MessageOf<"clockEcho"> {
  const hostReceivedNs = nowNs();
  return { type: "clockEcho", id, clientNs, hostReceivedNs, hostSentNs: nowNs() };
}
