/** Opens what shows the picture. */
import { PfError } from "../../base/errors.ts";
import type { EventQueue } from "../../ffi/core/core.ts";
import type { Presenter } from "../../ffi/present/presenter.ts";
import { TerminalPresenter } from "../../ffi/present/terminal.ts";
import { WindowPresenter } from "../../ffi/present/window.ts";
import { type KeyboardSituation, sendsText } from "../input/layout.ts";
import {
  type PresentChoice,
  type PresenterKind,
  type PresentRequest,
  presenterLadder,
} from "./choose.ts";
import { findFont } from "./font.ts";

export interface OpenPresenterOptions {
  readonly requested: PresentRequest;
  readonly title: string;
  /** Size of the picture. */
  readonly width: number;
  readonly height: number;
  readonly events: EventQueue;
  /** Number by which the presenter's events are known. */
  readonly stage: number;
  /** Decides whether keys that print come as text or by their place; default: by their place. */
  readonly keyboard?: KeyboardSituation;
  /** A window begins with the pointer and the keyboard grabbed. */
  readonly grab?: boolean;
}

export interface OpenedPresenter {
  readonly kind: PresenterKind;
  /** null: nothing shows the picture. */
  readonly presenter: Presenter | null;
  readonly why: string;
}

/**
 * Opens the first of the ladder that can be opened. Throws PF_DISPLAY_MISSING or
 * PF_LIBRARY_MISSING when what was asked for can't be; `auto` falls back and says why.
 */
export function openPresenter(options: OpenPresenterOptions): OpenedPresenter {
  const { requested } = options;
  const isTty = process.stdin.isTTY === true || process.stderr.isTTY === true;
  const reasons: string[] = [];
  for (const choice of presenterLadder({ requested, env: process.env, isTty })) {
    try {
      const presenter = openOne(choice, options);
      return { kind: choice.kind, presenter, why: [...reasons, choice.why].join(" ") };
    } catch (error) {
      if (requested !== "auto" || !(error instanceof PfError)) throw error;
      reasons.push(error.message);
    }
  }
  throw new Error("the ladder ends with none, which can't fail");
}

function openOne(choice: PresentChoice, options: OpenPresenterOptions): Presenter | null {
  const { events, stage, title, width, height, keyboard, grab = false } = options;
  if (choice.kind === "none") return null;
  const text = keyboard !== undefined && sendsText(keyboard, choice.kind);
  if (choice.kind === "terminal")
    return new TerminalPresenter({ events, stage, text, input: true });
  const font = findFont();
  return new WindowPresenter({
    events,
    stage,
    title,
    width,
    height,
    text,
    grab,
    ...(font === undefined ? {} : { font }),
  });
}
