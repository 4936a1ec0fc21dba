/** When a client's request for a keyframe is answered with one. */
import { type Millis, millis } from "../../base/units.ts";

/**
 * Requests closer together than this are one: the keyframe that answered the first is still on its
 * way. Shorter than the client's repeat interval (50 ms), so that the loss of that keyframe itself
 * is answered by the first repeat.
 */
export const keyframeIntervalMin: Millis = millis(40);

export interface KeyframeState {
  /** When the last keyframe was forced; -Infinity before the first. */
  readonly forcedAt: number;
}

export const initialKeyframeState: KeyframeState = { forcedAt: Number.NEGATIVE_INFINITY };

/** Whether to force a keyframe for a request that arrives at `now` (ms), and the next state. */
export function onKeyframeRequest(
  state: KeyframeState,
  now: Millis,
): { readonly force: boolean; readonly state: KeyframeState } {
  if (now - state.forcedAt < keyframeIntervalMin) return { force: false, state };
  return { force: true, state: { forcedAt: now } };
}
