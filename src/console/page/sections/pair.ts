/** A PIN for a device that pairs: large, with what is left of its time, and how it ended. */
import { limit } from "../../../wire/limits.ts";
import type { Pairing } from "../../../wire/management.ts";
import type { Level } from "../../../wire/pairing/level.ts";
import { call } from "../api.ts";
import { button, doing, field, levelSelect, notify, select } from "../controls.ts";
import { announce, focusOn, make, setText, show } from "../dom.ts";
import type { Feed } from "../feed.ts";
import * as format from "../format.ts";
import { qrCode } from "../qr.ts";

const endings: Readonly<Record<NonNullable<Pairing["ended"]>, string>> = {
  used: "A device gave the right PIN and is paired.",
  burnt: "A device gave a wrong PIN, so this one no longer counts. Show a new PIN to try again.",
  expired: "The time was over before a device gave the PIN.",
  disarmed: "The PIN was withdrawn.",
};

/** What is left when a screen reader is told, in seconds. */
const marks = [10, 30, 60] as const;

/** The least mark that is not below what is left. */
const markOf = (leftMs: number): number =>
  marks.find((seconds) => leftMs <= seconds * 1000) ?? Number.POSITIVE_INFINITY;

const durations = {
  [limit("pair_window_ms")]: format.duration(limit("pair_window_ms")),
  60000: "1 min",
  30000: "30 s",
};

/** The panel, with its heading. */
export class PairPanel {
  readonly element: HTMLElement;
  readonly #level = levelSelect();
  readonly #duration = select(durations, String(limit("pair_window_ms")));
  readonly #ended = make("p", { class: "ended", role: "status" });
  readonly #idle = make("div");
  readonly #armed = make("div", { class: "armed" });
  readonly #pin = make("p", { class: "pin" });
  readonly #left = make("span", { class: "left", role: "timer", "aria-label": "Time left" });
  readonly #grants = make("p");
  readonly #command = make("code");
  readonly #address = make("code", { class: "address" });
  readonly #code = make("div", { class: "code" });
  readonly #arm: HTMLButtonElement;
  readonly #disarm: HTMLButtonElement;
  #window: Pairing["window"] = null;
  #endsAtMs = 0;
  /** The last of the marks that was passed. */
  #mark = Number.POSITIVE_INFINITY;

  constructor(feed: Feed) {
    this.#arm = button("Show a PIN", { kind: "primary" }, () =>
      doing(this.#arm, async () => {
        const body = {
          level: this.#level.value as Level,
          durationMs: Number(this.#duration.value),
        };
        feed.tell("pairing", await call("arm", { body }));
        focusOn(this.#pin);
      }),
    );
    this.#disarm = button("Withdraw the PIN", {}, () =>
      doing(this.#disarm, async () => {
        await call("disarm");
        notify("The PIN is withdrawn.", "done");
      }),
    );
    this.#idle.append(
      make(
        "div",
        { class: "row" },
        field("Level", this.#level),
        field("Time", this.#duration),
        make("div", { class: "actions" }, this.#arm),
      ),
    );
    this.#armed.append(
      make(
        "div",
        {},
        this.#pin,
        make("p", {}, "Time left: ", this.#left),
        this.#grants,
        make("p", {}, "On the other machine, run ", this.#command, " and type the PIN."),
        make("p", { class: "hint" }, "It counts for one try: a wrong PIN withdraws it."),
        make("div", { class: "actions" }, this.#disarm),
      ),
      make("div", {}, this.#code, this.#address),
    );
    this.element = make(
      "div",
      { class: "panel" },
      make("h3", {}, "Pair a device"),
      this.#idle,
      this.#armed,
      this.#ended,
    );
    feed.on("status", ({ name }) => setText(this.#command, `punktfunk pair ${shellWord(name)}`));
    feed.on("pairing", (pairing) => this.#update(pairing));
    setInterval(() => this.#tick(), 250);
  }

  #update({ window, ended, uri }: Pairing): void {
    const isFresh = window !== null && window.id !== this.#window?.id;
    const hadFocus = this.#armed.contains(document.activeElement);
    const wasArmed = this.#window !== null;
    this.#window = window;
    show(this.#idle, window === null);
    show(this.#armed, window !== null);
    setText(this.#ended, window === null && ended !== null ? endings[ended] : "");
    if (window === null) {
      for (const part of [this.#pin, this.#code, this.#address]) part.replaceChildren();
      if (wasArmed && hadFocus) this.#arm.focus();
      return;
    }
    this.#endsAtMs = performance.now() + window.remainingMs;
    if (isFresh) {
      this.#showPin(window.pin);
      setText(this.#grants, `The device gets the level ${window.level}.`);
      setText(this.#address, uri ?? "");
      this.#code.replaceChildren(
        ...(uri === null ? [] : [qrCode(uri, "QR code of the address below")]),
      );
      this.#mark = markOf(window.remainingMs);
      announce(`The PIN is ${window.pin.split("").join(" ")}.`);
    }
    this.#tick();
  }

  #showPin(pin: string): void {
    const half = Math.ceil(pin.length / 2);
    this.#pin.replaceChildren(
      make("span", { class: "unseen" }, `PIN: ${pin.split("").join(" ")}`),
      make("span", { "aria-hidden": "true" }, pin.slice(0, half)),
      make("span", { "aria-hidden": "true" }, pin.slice(half)),
    );
  }

  #tick(): void {
    if (this.#window === null) return;
    const leftMs = this.#endsAtMs - performance.now();
    setText(this.#left, format.countdown(leftMs));
    const mark = markOf(leftMs);
    if (mark >= this.#mark || leftMs <= 0) return;
    this.#mark = mark;
    announce(`${mark} seconds left for the PIN.`);
  }
}

/** A word as a shell takes it. */
const shellWord = (text: string) =>
  /^[\w.:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
