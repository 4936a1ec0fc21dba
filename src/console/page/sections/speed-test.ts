/** Tests the path to a client that streams, and takes over what it recommends. */
import type { Session, SpeedTest } from "../../../wire/management.ts";
import { call } from "../api.ts";
import { clampBitrate } from "../bitrate-scale.ts";
import { button, doing, facts, field, notify } from "../controls.ts";
import { announce, make, setAttribute, setText, show } from "../dom.ts";
import type { Feed } from "../feed.ts";
import * as format from "../format.ts";

const limitedBy: Readonly<Record<NonNullable<SpeedTest["result"]>["limitedBy"], string>> = {
  rate: "Nothing held it back: what was asked for came through.",
  clamp: "The test's own limit held it back; the path may carry more.",
  host: "This machine held it back, not the network.",
  network: "The network held it back.",
  client: "The client's machine held it back, not the network.",
};

/** The panel, with its heading. */
export class SpeedTestPanel {
  readonly element: HTMLElement;
  readonly #feed: Feed;
  readonly #client = make("select", { required: true });
  readonly #none = make("p", { class: "empty" }, "A speed test needs a client that streams.");
  readonly #form: HTMLFormElement;
  readonly #start = make("button", { type: "submit", class: "primary" }, "Start the test");
  readonly #stop: HTMLButtonElement;
  readonly #running = make("div", { class: "running" });
  readonly #meter = make("progress", { "aria-label": "Throughput of what is tried" });
  readonly #said = make("p");
  readonly #outcome = make("div", { class: "outcome" });
  #test: SpeedTest | undefined;

  constructor(feed: Feed) {
    this.#feed = feed;
    this.#stop = button("Stop", {}, () =>
      doing(this.#stop, async () => {
        if (this.#test !== undefined) await call("stopSpeedTest", { id: this.#test.id });
      }),
    );
    this.#form = make(
      "form",
      {
        onsubmit: (event) => {
          event.preventDefault();
          void this.#begin();
        },
      },
      field("Client", this.#client, "Its picture stands still during the test."),
      make("div", { class: "actions" }, this.#start, this.#stop),
    );
    this.#running.append(this.#meter, this.#said);
    this.element = make(
      "div",
      { class: "panel" },
      make("h3", {}, "Speed test"),
      this.#none,
      this.#form,
      this.#running,
      this.#outcome,
    );
    this.#show(undefined);
    feed.on("sessions", ({ sessions }) => this.#offer(sessions));
    feed.on("speedTest", (test) => this.#show(test));
    feed.onLive(() => void this.#refresh());
  }

  /** After a lost connection: the test that ran may have ended meanwhile. */
  async #refresh(): Promise<void> {
    if (this.#test?.state !== "running") return;
    const { id } = this.#test;
    this.#show(await call("speedTest", { id }).catch(() => undefined));
  }

  #offer(sessions: readonly Session[]): void {
    const streams = sessions.filter(({ purpose, stream }) => purpose === "stream" && stream);
    const wanted = streams.map(({ id, client }) => [String(id), client] as const);
    const offered = [...this.#client.options];
    const isSame =
      wanted.length === offered.length &&
      wanted.every(([id, client], index) => {
        const option = offered[index];
        return option?.value === id && option.textContent === client;
      });
    if (!isSame) {
      const chosen = this.#client.value;
      this.#client.replaceChildren(
        ...wanted.map(([value, client]) =>
          make("option", { value, selected: value === chosen }, client),
        ),
      );
    }
    const isPossible = wanted.length > 0 || this.#test?.state === "running";
    show(this.#none, !isPossible);
    show(this.#form, isPossible);
  }

  async #begin(): Promise<void> {
    await doing(this.#start, async () => {
      const session = Number(this.#client.value);
      this.#feed.tell("speedTest", await call("startSpeedTest", { body: { session } }));
      announce("The speed test runs.");
      this.#stop.focus();
    });
  }

  #show(test: SpeedTest | undefined): void {
    // What is known of a newer test, or of the end of this one, is not taken back.
    const before = this.#test;
    if (before !== undefined && test !== undefined) {
      if (test.id < before.id) return;
      if (test.id === before.id && before.state !== "running") return;
    }
    this.#test = test;
    const isRunning = test?.state === "running";
    const hadFocus = document.activeElement === this.#stop;
    show(this.#start, !isRunning);
    show(this.#stop, isRunning);
    if (!isRunning && hadFocus) this.#start.focus();
    show(this.#running, isRunning);
    if (isRunning) {
      this.#progress(test.progress);
      this.#outcome.replaceChildren();
    } else if (test !== undefined) this.#end(test);
  }

  #progress(progress: SpeedTest["progress"]): void {
    if (progress === null) {
      this.#meter.removeAttribute("value");
      setText(this.#said, "The client starts the test.");
      return;
    }
    const { targetKbps, throughputKbps, lossPct, jitterUs } = progress;
    setAttribute(this.#meter, "max", targetKbps);
    setAttribute(this.#meter, "value", Math.min(throughputKbps, targetKbps));
    setText(
      this.#said,
      `Trying ${format.bitrate(targetKbps)}: ${format.bitrate(throughputKbps)} came through, loss ${format.percent(lossPct)}, jitter ${format.latency(jitterUs)}.`,
    );
  }

  #end({ state, result, error }: SpeedTest): void {
    if (state === "stopped" || result === null) {
      const sentence =
        state === "stopped"
          ? "The test was stopped."
          : `The test failed. ${error ?? "The host's log may say more."}`;
      this.#outcome.replaceChildren(make("p", {}, sentence));
      announce(sentence);
      return;
    }
    const { throughputKbps, lossPct, jitterUs, recommendedKbps, bursts } = result;
    this.#outcome.replaceChildren(
      facts([
        ["Throughput", format.bitrate(throughputKbps)],
        ["Loss", format.percent(lossPct)],
        ["Jitter", format.latency(jitterUs)],
        ["Recommended", format.bitrate(recommendedKbps)],
        ["Bursts", String(bursts)],
      ]),
      make("p", {}, limitedBy[result.limitedBy]),
      recommendedKbps === null ? "" : this.#takeOver(clampBitrate(recommendedKbps)),
    );
    announce(`The speed test is done. Recommended: ${format.bitrate(recommendedKbps)}.`);
  }

  #takeOver(kbps: number): HTMLElement {
    const use = button("Use recommended bitrate", {}, () =>
      doing(use, async () => {
        const { bitrateKbpsMax } = this.#feed.newest("settings") ?? {};
        const isAbove = bitrateKbpsMax !== undefined && kbps > bitrateKbpsMax;
        const settings = await call("changeSettings", {
          body: { bitrateKbpsDefault: kbps, ...(isAbove ? { bitrateKbpsMax: kbps } : {}) },
        });
        this.#feed.tell("settings", settings);
        const raised = isAbove ? ", and the highest one is raised to it" : "";
        notify(`The usual bitrate is ${format.bitrate(kbps)} now${raised}.`, "done");
      }),
    );
    return make("div", { class: "actions" }, use);
  }
}
