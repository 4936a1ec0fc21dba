/** Server-sent events out of the bytes of an answer (the HTML standard, section 9.2). */

export interface ServerEvent {
  readonly name: string;
  readonly data: string;
}

/** More than a host ever says at once: its log of 1,000 lines has less. */
const lineCharsMax = 4_000_000;

/** Takes text as it comes in pieces, and gives each event that it completes. */
export class EventStreamParser {
  #rest = "";
  #name = "";
  #data: string[] = [];

  push(text: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    // A carriage return at the end may be half of a line's end.
    const whole = this.#rest + text;
    const lines = whole.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > lineCharsMax) throw new Error("The host sent a line without an end.");
    for (const line of lines) {
      if (line === "") {
        if (this.#data.length > 0) {
          events.push({ name: this.#name || "message", data: this.#data.join("\n") });
        }
        this.#name = "";
        this.#data = [];
        continue;
      }
      const colon = line.indexOf(":");
      const field = colon === -1 ? line : line.slice(0, colon);
      const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "event") this.#name = value;
      else if (field === "data") this.#data.push(value);
    }
    return events;
  }
}
