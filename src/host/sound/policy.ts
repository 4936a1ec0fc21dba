/** What sound a host gives to whom. */
import type { ChannelCount } from "../../ffi/audio/sound.ts";

export const audioSources = ["auto", "monitor", "off"] as const;
/** auto: a sink of the session's own; monitor: what the default sink plays; off: no sound. */
export type AudioSource = (typeof audioSources)[number];

export interface SoundPolicy {
  readonly audio: AudioSource;
  /** Whether clients may be heard at all. */
  readonly microphone: boolean;
}

export interface SoundWish {
  /** Channels that the client wants; null = no sound. */
  readonly audio: number | null;
  readonly microphone: boolean | null;
}

export interface SoundGrant {
  readonly channelCount: ChannelCount | null;
  readonly microphone: boolean;
  /** Why the client is not heard although it wants to be; null = it is, or does not. */
  readonly refusal: string | null;
}

/** Who asks for it. */
export interface SoundClient {
  readonly isPaired: boolean;
  /** Whether it may act on the desktop, which being heard is too. */
  readonly mayInput: boolean;
}

/** A microphone is for paired devices only, whatever the host allows others. */
export function grantSound(policy: SoundPolicy, wish: SoundWish, client: SoundClient): SoundGrant {
  const channelCount = policy.audio === "off" ? null : layoutFor(wish.audio);
  if (wish.microphone !== true) return { channelCount, microphone: false, refusal: null };
  if (!policy.microphone) {
    const refusal = "The host takes no microphone: it has to be started with --mic.";
    return { channelCount, microphone: false, refusal };
  }
  if (!client.isPaired) {
    const refusal = "The host takes the microphone of paired devices only: run punktfunk pair.";
    return { channelCount, microphone: false, refusal };
  }
  if (!client.mayInput) {
    const refusal = "This device may only watch: change its level by punktfunk host level.";
    return { channelCount, microphone: false, refusal };
  }
  return { channelCount, microphone: true, refusal: null };
}

/** The largest layout of at most so many channels. */
function layoutFor(wanted: number | null): ChannelCount | null {
  if (wanted === null || wanted < 1) return null;
  return ([8, 6, 2, 1] as const).find((count) => count <= wanted) ?? null;
}
