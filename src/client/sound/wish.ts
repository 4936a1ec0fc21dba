/** What sound a client asks for. */

export const audioChoices = ["auto", "off", "stereo", "5.1", "7.1"] as const;
export type AudioChoice = (typeof audioChoices)[number];

/**
 * Channels to ask the host for; null = no sound. `auto` is stereo, and no sound from this machine
 * itself, where it would come back into the sink that it is taken from.
 */
export function audioWish(choice: AudioChoice, isSameMachine: boolean): number | null {
  switch (choice) {
    case "auto":
      return isSameMachine ? null : 2;
    case "off":
      return null;
    case "stereo":
      return 2;
    case "5.1":
      return 6;
    case "7.1":
      return 8;
  }
}

/** Channels as a person names them. */
export function nameChannels(count: number): string {
  return { 1: "mono", 2: "stereo", 6: "5.1", 8: "7.1" }[count] ?? `${count} channels`;
}
