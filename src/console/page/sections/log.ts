/** The host's log: the last lines, by level, following what is new. */
import type { LogLine } from "../../../wire/management.ts";
import { call, sentenceOf } from "../api.ts";
import { notify, type Section, sectionElement } from "../controls.ts";
import { make, setText } from "../dom.ts";
import type { Feed } from "../feed.ts";
import * as format from "../format.ts";

/** As many as the host keeps. */
const linesMax = 1000;

const levelLabels: Readonly<Record<LogLine["level"], string>> = {
  info: "Info",
  success: "Success",
  warn: "Warning",
  error: "Error",
};
const levels = Object.keys(levelLabels) as LogLine["level"][];

export class LogSection implements Section {
  readonly id = "log";
  readonly title = "Log";
  readonly element: HTMLElement;
  readonly #lines = make("ol", { class: "lines" });
  readonly #view = make(
    "div",
    { class: "log", role: "log", "aria-live": "off", "aria-label": "Log lines", tabindex: 0 },
    this.#lines,
  );
  readonly #follow = make("input", { type: "checkbox", checked: true });
  readonly #count = make("p", { class: "hint" });
  readonly #shown = new Set<LogLine["level"]>(levels);

  constructor(feed: Feed) {
    const filters = levels.map((level) => {
      const box = make("input", { type: "checkbox", checked: true });
      box.addEventListener("change", () => {
        if (box.checked) this.#shown.add(level);
        else this.#shown.delete(level);
        for (const line of this.#lines.children) this.#filter(line as HTMLElement);
        this.#settle();
      });
      return make("label", { class: "check" }, box, levelLabels[level]);
    });
    this.#follow.addEventListener("change", () => this.#settle());
    // Whoever reads further up is not pulled down; back at the end, following goes on.
    this.#view.addEventListener("scroll", () => {
      this.#follow.checked = this.#isAtEnd();
    });
    this.element = sectionElement(
      "log",
      "Log",
      make(
        "div",
        { class: "row tools" },
        make("fieldset", {}, make("legend", {}, "Levels"), ...filters),
        make("label", { class: "check" }, this.#follow, "Follow new lines"),
      ),
      this.#view,
      this.#count,
    );
    let startedAt: string | undefined;
    feed.on("status", (status) => {
      // A host that started again counts its lines from 1 again.
      if (startedAt !== undefined && startedAt !== status.startedAt) {
        this.#lines.replaceChildren();
        void this.#refresh();
      }
      startedAt = status.startedAt;
    });
    feed.on("log", (line) => this.#add([line]));
    feed.onLive(() => void this.#refresh());
  }

  /** Fetches what came before, or while the connection was lost. */
  async #refresh(): Promise<void> {
    try {
      const { lines } = await call("logs", {
        query: { after: sequenceOf(this.#lines.lastElementChild) },
      });
      this.#add(lines);
    } catch (error) {
      notify(sentenceOf(error), "error");
    }
  }

  shown(): void {
    this.#settle();
  }

  #add(lines: readonly LogLine[]): void {
    for (const { sequence, at, level, text } of lines) {
      // New lines may come before the older ones that were asked for.
      let before = this.#lines.lastElementChild;
      while (before !== null && sequenceOf(before) > sequence) {
        before = before.previousElementSibling;
      }
      if (sequenceOf(before) === sequence) continue;
      const line = make(
        "li",
        { class: level, "data-level": level, "data-sequence": sequence },
        make("time", { datetime: at }, format.clock(at)),
        make("span", { class: "level" }, levelLabels[level]),
        make("span", { class: "text" }, text),
      );
      this.#filter(line);
      if (before === null) this.#lines.prepend(line);
      else before.after(line);
    }
    while (this.#lines.childElementCount > linesMax) this.#lines.firstElementChild?.remove();
    this.#settle();
  }

  #filter(line: HTMLElement): void {
    line.hidden = !this.#shown.has(line.dataset["level"] as LogLine["level"]);
  }

  #isAtEnd(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = this.#view;
    return scrollHeight - scrollTop - clientHeight < 8;
  }

  #settle(): void {
    const all = this.#lines.childElementCount;
    const visible = this.#lines.querySelectorAll(":scope > li:not([hidden])").length;
    setText(
      this.#count,
      visible === all
        ? format.plural(all, "line")
        : `${format.count(visible)} of ${format.plural(all, "line")}`,
    );
    if (this.#follow.checked) this.#view.scrollTop = this.#view.scrollHeight;
  }
}

/** Of a line that is shown; 0: of none. */
const sequenceOf = (line: Element | null): number =>
  line === null ? 0 : Number((line as HTMLElement).dataset["sequence"]);
