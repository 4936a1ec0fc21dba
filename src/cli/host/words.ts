/** Words that several commands have in common. */
import { plainLine } from "../../wire/control.ts";

/** A device as it is named in a sentence. */
export const deviceWords = ({ id, name }: { readonly id: string; readonly name: string }) =>
  `"${plainLine(name)}" (${id})`;

export const noneWaits = {
  what: "device that waits",
  hint: "See punktfunk host pending.",
} as const;

export const nonePaired = {
  what: "paired device",
  hint: "See punktfunk host devices.",
} as const;
