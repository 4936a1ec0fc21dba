/** What gamescope says, understood. Pure. */

/** The lines that its application's script prints, which no application can guess. */
export interface SessionMarks {
  readonly token: string;
}

export type GamescopeLine =
  | { readonly kind: "node"; readonly node: number }
  /** The application starts: gamescope has its sockets. `eis` is the name of the one for input. */
  | { readonly kind: "ready"; readonly eis: string }
  | { readonly kind: "ended"; readonly status: number }
  | { readonly kind: "other" };

export function readLine(line: string, { token }: SessionMarks): GamescopeLine {
  const node = /\bstream available on node ID: (\d+)/.exec(line);
  if (node !== null) return { kind: "node", node: Number(node[1]) };
  const [mark, secret, word, value = ""] = line.split(" ");
  if (mark !== "punktfunk" || secret !== token) return { kind: "other" };
  return word === "ready"
    ? { kind: "ready", eis: value }
    : { kind: "ended", status: Number(value) };
}

/** What its messages mean, the most telling ones first. */
const meanings: readonly (readonly [pattern: RegExp, sentence: string])[] = [
  [
    // It also says in passing that a driver has no modifiers, and goes on with some of those.
    /error.*DRM format modifiers|failed to allocate buffer for KMS|vulkan_make_output failed/i,
    "The graphics driver can't share pictures (it has no DRM format modifiers or no memory for them): gamescope needs a graphics card with a driver that can.",
  ],
  [
    /failed to find (a )?(suitable )?physical device|vkCreateInstance failed|no physical devices/i,
    "There is no Vulkan driver for a graphics card, by which gamescope draws.",
  ],
  [
    /(unrecognized|unknown|invalid) (option|backend)/i,
    "This gamescope is too old to run without a screen.",
  ],
  [/pw_context_connect failed|pipewire.*(connect|init).*failed/i, "gamescope found no PipeWire."],
];

/** Why gamescope failed, as a sentence; undefined where its messages do not tell. */
export function gamescopeReason(lines: readonly string[]): string | undefined {
  return meanings.find(([pattern]) => lines.some((line) => pattern.test(line)))?.[1];
}
