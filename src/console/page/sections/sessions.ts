/** Who is connected, and how it goes: figures of the last second and charts of two minutes. */
import { type StageName, stageNames, stages } from "../../../base/stages.ts";
import type { Figures, Session } from "../../../wire/management.ts";
import { call, hostNow } from "../api.ts";
import { Chart } from "../chart.ts";
import { ask, button, doing, freshId, notify, type Section, sectionElement } from "../controls.ts";
import { Keyed, make, setText, show, type View } from "../dom.ts";
import type { Feed } from "../feed.ts";
import * as format from "../format.ts";
import { History, type Reading } from "../history.ts";

const seriesOf = (names: readonly StageName[]) =>
  names.map((name) => ({ reading: name, label: stages[name].label }));
const stageSeries = seriesOf(stageNames);
/** Those that follow one another: their sum is the whole way. */
const stackedSeries = seriesOf(stageNames.filter((name) => !stages[name].isAside));

const newCharts = () => [
  new Chart({
    title: "Frames a second",
    series: [
      { reading: "captured", label: "Captured" },
      { reading: "sent", label: "Sent" },
      { reading: "presented", label: "Presented" },
    ],
    format: format.rate,
    least: 30,
  }),
  new Chart({
    title: "Latency by stage, median",
    series: stackedSeries,
    isStacked: true,
    format: format.latency,
    least: 5000,
  }),
  new Chart({
    title: "Bitrate on the network",
    series: [{ reading: "bitrate", label: "Sent" }],
    format: format.bitrate,
    least: 1000,
  }),
  new Chart({
    title: "Packets lost",
    series: [{ reading: "loss", label: "Lost" }],
    format: format.percent,
    least: 1,
  }),
];

const tableRows: readonly (readonly [Reading, string, (value: number | null) => string])[] = [
  ["captured", "Frames captured a second", format.rate],
  ["sent", "Frames sent a second", format.rate],
  ["presented", "Frames presented a second", format.rate],
  ["whole", "Capture to presentation", format.latency],
  ...stageSeries.map(({ reading, label }) => [reading, label, format.latency] as const),
  ["bitrate", "Bitrate on the network", format.bitrate],
  ["loss", "Packets lost", format.percent],
];

export function sessionsSection(feed: Feed): Section {
  const none = make("p", { class: "empty" }, "Nobody is connected.");
  const list = make("div", { class: "sessions" });
  const element = sectionElement("sessions", "Sessions", none, list);
  const keyed = new Keyed<Session>({
    container: list,
    refuge: element.querySelector("h2") ?? element,
    keyOf: ({ id }) => id,
    create: (session) => new SessionView(session),
  });
  feed.on("sessions", ({ sessions }) => {
    keyed.update(sessions);
    show(none, sessions.length === 0);
  });
  return { id: "sessions", title: "Sessions", element };
}

class SessionView implements View<Session> {
  readonly element: HTMLElement;
  readonly #history = new History();
  readonly #charts = newCharts();
  readonly #name = make("h3", { id: freshId() });
  readonly #about = make("p", { class: "about" });
  readonly #headline = [
    headline("Presented", "frames a second"),
    headline("Latency", "capture to screen"),
    headline("Bitrate", "on the network"),
    headline("Lost", "of packets"),
  ] as const;
  readonly #details = make("p", { class: "about" });
  readonly #streams = make("div");
  readonly #cells = new Map<Reading, readonly HTMLElement[]>();
  readonly #table: HTMLDetailsElement;
  readonly #kick: HTMLButtonElement;
  #session: Session;

  constructor(session: Session) {
    this.#session = session;
    this.#kick = button("End session", {}, () => this.#end());
    this.#table = this.#newTable();
    this.#streams.append(
      make("div", { class: "headlines" }, ...this.#headline.map(({ element }) => element)),
      make("div", { class: "charts" }, ...this.#charts.map(({ element }) => element)),
      this.#table,
    );
    this.element = make(
      "article",
      { class: "card session", "aria-labelledby": this.#name.id },
      make(
        "header",
        {},
        make("div", {}, this.#name, this.#about),
        make("div", { class: "actions" }, this.#kick),
      ),
      this.#streams,
      this.#details,
    );
  }

  update(session: Session): void {
    this.#session = session;
    const { stream, figures } = session;
    setText(this.#name, session.client);
    this.#kick.setAttribute("aria-label", `End session of ${session.client}`);
    setText(this.#about, aboutOf(session));
    show(this.#streams, session.purpose === "stream");
    const [fps, latency, rate, loss] = this.#headline;
    setText(fps.value, format.rate(figures?.fps.presented));
    setText(latency.value, format.latency(figures?.captureToPresentedUs?.p50));
    setText(rate.value, format.bitrate(figures?.bitrateKbps));
    setText(loss.value, format.percent(figures?.lossPct));
    setText(
      latency.note,
      figures?.captureToPresentedUs == null
        ? "capture to screen"
        : `capture to screen, p99 ${format.latency(figures.captureToPresentedUs.p99)}${trust(figures)}`,
    );
    setText(
      rate.note,
      stream === null ? "on the network" : `encoder at ${format.bitrate(stream.bitrateKbps)}`,
    );
    setText(this.#details, detailsOf(session));
    if (figures === null) return;
    this.#history.add(figures);
    for (const chart of this.#charts) chart.update(this.#history);
    if (this.#table.open) this.#fillTable();
  }

  #newTable(): HTMLDetailsElement {
    const body = make("tbody");
    for (const [reading, label] of tableRows) {
      const cells = Array.from({ length: 4 }, () => make("td"));
      this.#cells.set(reading, cells);
      body.append(make("tr", {}, make("th", { scope: "row" }, label), ...cells));
    }
    const heads = ["Figure", "Now", "Lowest", "Mean", "Highest"];
    return make(
      "details",
      { ontoggle: () => this.#fillTable() },
      make("summary", {}, "Figures as a table"),
      make(
        "div",
        { class: "wide", tabindex: 0, role: "region", "aria-label": "Figures as a table" },
        make(
          "table",
          {},
          make("caption", {}, "The last 2 minutes. A dash is a figure that was not measured."),
          make(
            "thead",
            {},
            make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head))),
          ),
          body,
        ),
      ),
    );
  }

  #fillTable(): void {
    for (const [reading, , say] of tableRows) {
      const { now, lowest, mean, highest } = this.#history.summary(reading);
      const cells = this.#cells.get(reading) ?? [];
      [now, lowest, mean, highest].forEach((value, index) => {
        const cell = cells[index];
        if (cell !== undefined) setText(cell, say(value));
      });
    }
  }

  async #end(): Promise<void> {
    const { id, client } = this.#session;
    const isAccepted = await ask({
      title: `End the session of ${client}?`,
      body: [
        "Its picture stops at once. A paired device may connect again; revoke it to keep it out.",
      ],
      accept: "End session",
      isDangerous: true,
    });
    if (!isAccepted) return;
    await doing(this.#kick, async () => {
      await call("kick", { id });
      notify(`The session of ${client} is ended.`, "done");
    });
  }
}

/** What a time across machines is worth. */
function trust({ clock }: Figures): string {
  if (clock?.suspect === true) return ", clock offset suspect";
  const errorUs = clock?.errorNs == null ? null : clock.errorNs / 1000;
  return errorUs === null || errorUs === 0 ? "" : ` ± ${format.latency(errorUs)}`;
}

function headline(label: string, about: string) {
  const value = make("span", { class: "figure" });
  const note = make("span", { class: "note" }, about);
  const element = make("div", {}, make("span", { class: "label" }, label), value, note);
  return { element, value, note };
}

function aboutOf({ purpose, address, level, device, startedAt }: Session): string {
  const since = `for ${format.duration(hostNow() - Date.parse(startedAt))}`;
  const what = purpose === "probe" ? "tests the speed" : "connected";
  const who = device === null ? "not paired" : `level ${level}`;
  return `${address} · ${what} ${since} · ${who}`;
}

function detailsOf({ purpose, stream, ...totals }: Session): string {
  const sent = `${format.bytes(totals.bytesSentTotal)} sent in ${format.plural(totals.packetsSentTotal, "packet")}, ${format.count(totals.packetsDroppedTotal)} dropped by this machine`;
  if (stream === null) return purpose === "probe" ? sent : "The stream has not started yet.";
  return [
    stream.mode,
    `${stream.codec} by ${stream.encoder}`,
    `from ${stream.source} (${stream.sourceWhy})`,
    `parity ${format.percent(stream.parityPermille / 10)} (${stream.parityCause})`,
    sent,
  ].join(" · ");
}
