/**
 * A question that one key answers, for where the keyboard belongs to the stream: while it is open
 * no key reaches the host, so that an answer is never typed there.
 */
import type { InputEvent } from "./input.ts";

/** HID usages of page 7: a is 4, and the others follow in the alphabet's order. */
const usageOf = (letter: string) => letter.charCodeAt(0) - 97 + 4;
const escapeUsage = 41;

export interface KeyQuestion<Answer> {
  readonly text: string;
  /** By their letter, a to z. */
  readonly answers: Readonly<Record<string, Answer>>;
}

export class KeyAsker {
  readonly #show: (text: string | undefined) => void;
  #open: { readonly onLetter: (letter: string) => void; readonly onEscape: () => void } | undefined;
  /** Keys that went down while a question was open: their way up is nothing for the host either. */
  readonly #held = new Set<number>();

  /** `show` shows a question instead of other words, or (undefined) takes it away. */
  constructor(show: (text: string | undefined) => void) {
    this.#show = show;
  }

  /** Resolves to undefined when Escape is pressed or `signal` aborts. One question at a time. */
  ask<Answer>(question: KeyQuestion<Answer>, signal: AbortSignal): Promise<Answer | undefined> {
    const { promise, resolve } = Promise.withResolvers<Answer | undefined>();
    const finish = (answer: Answer | undefined) => {
      this.#open = undefined;
      this.#show(undefined);
      signal.removeEventListener("abort", onAbort);
      resolve(answer);
    };
    const onAbort = () => finish(undefined);
    if (signal.aborted) return Promise.resolve(undefined);
    signal.addEventListener("abort", onAbort, { once: true });
    this.#open = {
      onLetter: (letter) => {
        if (Object.hasOwn(question.answers, letter)) finish(question.answers[letter]);
      },
      onEscape: () => finish(undefined),
    };
    this.#show(question.text);
    return promise;
  }

  /** Whether the event was for the question, and so for nobody else. */
  take(event: InputEvent): boolean {
    if (event.kind === "key") return this.#takeKey(event.a, event.b !== 0);
    if (event.kind !== "text" || this.#open === undefined) return false;
    this.#open.onLetter(event.text.toLowerCase());
    return true;
  }

  #takeKey(usage: number, isDown: boolean): boolean {
    if (!isDown) return this.#held.delete(usage);
    const open = this.#open;
    if (open === undefined) return false;
    this.#held.add(usage);
    if (usage === escapeUsage) open.onEscape();
    else if (usage >= usageOf("a") && usage <= usageOf("z")) {
      open.onLetter(String.fromCharCode(97 + usage - usageOf("a")));
    }
    return true;
  }
}
