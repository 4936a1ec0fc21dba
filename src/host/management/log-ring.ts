/** The host's last words, for who was not there when they were said. No secret ever reaches it. */
import type { LogLine } from "../../wire/management.ts";

const linesMax = 1000;
const textMax = 2000;

export class LogRing {
  readonly #lines: LogLine[] = [];
  readonly #listeners = new Set<(line: LogLine) => void>();
  #sequence = 0;

  push(level: LogLine["level"], text: string): void {
    const line = {
      sequence: ++this.#sequence,
      at: new Date().toISOString(),
      level,
      text: text.slice(0, textMax),
    };
    this.#lines.push(line);
    if (this.#lines.length > linesMax) this.#lines.shift();
    for (const listener of this.#listeners) listener(line);
  }

  /** The newest `count` lines of a later sequence, the oldest first. */
  after(sequence: number, count: number): readonly LogLine[] {
    return this.#lines.filter((line) => line.sequence > sequence).slice(-count);
  }

  /** Listeners must not throw. Returns how to stop it. */
  subscribe(listener: (line: LogLine) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
