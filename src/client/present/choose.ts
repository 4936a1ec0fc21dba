/** Decides where the picture is shown. */

export type PresenterKind = "window" | "terminal" | "none";
export type PresentRequest = PresenterKind | "auto";

export interface PresentSituation {
  readonly requested: PresentRequest;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether a person sits at a terminal. */
  readonly isTty: boolean;
}

export interface PresentChoice {
  readonly kind: PresenterKind;
  /** A sentence for a person. */
  readonly why: string;
}

/** The best first: each is tried until one really opens. A demand is the only one in the list. */
export function presenterLadder(situation: PresentSituation): readonly PresentChoice[] {
  const { requested, env, isTty } = situation;
  if (requested !== "auto") {
    return [{ kind: requested, why: requested === "none" ? whyNone.asked : whyAsked[requested] }];
  }
  const ladder: PresentChoice[] = [];
  const display = env["WAYLAND_DISPLAY"] || env["DISPLAY"];
  if (display) ladder.push({ kind: "window", why: `A window shows the picture on ${display}.` });
  const dumb = !env["TERM"] || env["TERM"] === "dumb";
  if (isTty && !dumb) {
    const why = display ? "the display can't be used" : "there is no display";
    ladder.push({ kind: "terminal", why: `The terminal shows the picture: ${why}.` });
  }
  ladder.push({ kind: "none", why: whyNone.noPlace });
  return ladder;
}

const whyAsked = {
  window: "A window shows the picture, as asked.",
  terminal: "The terminal shows the picture, as asked.",
} as const;

const whyNone = {
  asked: "Nothing shows the picture, as asked.",
  noPlace: "Nothing shows the picture: there is no display and no terminal for it.",
} as const;

/** What is tried first. */
export function choosePresenter(situation: PresentSituation): PresentChoice {
  return presenterLadder(situation)[0] as PresentChoice;
}
