/**
 * The one line over the picture, where several have something to say: a question that is open first,
 * then what was said last for a few seconds, else the figures.
 */
import { type Millis, millis } from "../../base/units.ts";

/** Long enough to read a sentence. */
export const noticeMs: Millis = millis(8000);

export class StatusLine {
  readonly #show: (text: string) => void;
  readonly #nowMs: () => number;
  #figures = "";
  #question: string | undefined;
  #notice: { readonly text: string; readonly untilMs: number } | undefined;

  constructor(show: (text: string) => void, nowMs: () => number = () => performance.now()) {
    this.#show = show;
    this.#nowMs = nowMs;
  }

  /** Each second anew; what was said goes away with the first figures after its time. */
  setFigures(text: string): void {
    this.#figures = text;
    this.#update();
  }

  /** undefined = no question is open any more. */
  setQuestion(text: string | undefined): void {
    this.#question = text;
    this.#update();
  }

  say(text: string): void {
    this.#notice = { text, untilMs: this.#nowMs() + noticeMs };
    this.#update();
  }

  #update(): void {
    if (this.#notice !== undefined && this.#nowMs() >= this.#notice.untilMs) {
      this.#notice = undefined;
    }
    this.#show(this.#question ?? this.#notice?.text ?? this.#figures);
  }
}
