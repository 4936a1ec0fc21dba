/**
 * What `doctor` finds, one verdict for each thing that was really tried. The host examines its own
 * planes, the client the way to a host; both tell it in these terms.
 */
import { toPfError } from "./errors.ts";

/** What a stream is made of, in the order in which it is examined. */
export const planes = ["capture", "encode", "input", "audio", "net", "service"] as const;
export type Plane = (typeof planes)[number];

/** `warn` = it works, but less well than it could. */
export type Verdict = "ok" | "warn" | "fail";

export interface Check {
  readonly plane: Plane;
  /** What was tried, as "h264_vaapi" or "first frame". */
  readonly name: string;
  readonly verdict: Verdict;
  /** What came of it, in the words of who said it. */
  readonly detail: string;
  /** The command that mends it; null where there is nothing to mend, or no command does it. */
  readonly fix: string | null;
}

export interface ExaminationHooks {
  readonly onCheck: (check: Check) => void;
  /** What is being tried now. */
  readonly onProgress: (text: string) => void;
  readonly signal: AbortSignal;
}

/** One plane while it is examined. */
export class Examination {
  readonly plane: Plane;
  readonly #hooks: ExaminationHooks;
  readonly #checks: Check[] = [];

  constructor(plane: Plane, hooks: ExaminationHooks) {
    this.plane = plane;
    this.#hooks = hooks;
  }

  get signal(): AbortSignal {
    return this.#hooks.signal;
  }

  get checks(): readonly Check[] {
    return this.#checks;
  }

  ok(name: string, detail: string): void {
    this.#add({ name, verdict: "ok", detail, fix: null });
  }

  warn(name: string, detail: string, fix: string | null): void {
    this.#add({ name, verdict: "warn", detail, fix });
  }

  fail(name: string, detail: string, fix: string | null): void {
    this.#add({ name, verdict: "fail", detail, fix });
  }

  /** Says what is tried next; throws when the person has had enough. */
  progress(text: string): void {
    this.signal.throwIfAborted();
    this.#hooks.onProgress(text);
  }

  #add(check: Omit<Check, "plane">): void {
    const whole = { plane: this.plane, ...check };
    this.#checks.push(whole);
    this.#hooks.onCheck(whole);
  }
}

/** The worst of some verdicts. */
export function worst(checks: readonly { readonly verdict: Verdict }[]): Verdict {
  const verdicts = new Set(checks.map(({ verdict }) => verdict));
  return verdicts.has("fail") ? "fail" : verdicts.has("warn") ? "warn" : "ok";
}

/** What a thrown thing says, without the advice. */
export const wordsOf = (thrown: unknown): string => toPfError(thrown).message;
