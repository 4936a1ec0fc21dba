/** Settings of the host, the speed test, the password, and what this host is. */
import type { Settings, SettingsChange, SignedIn } from "../../../wire/management.ts";
import { call } from "../api.ts";
import { BitratePicker } from "../bitrate-picker.ts";
import {
  button,
  doing,
  facts,
  field,
  notify,
  type Section,
  sectionElement,
  select,
} from "../controls.ts";
import { make, setText } from "../dom.ts";
import type { Feed } from "../feed.ts";
import * as format from "../format.ts";
import { passwordPanel } from "./password.ts";
import { SpeedTestPanel } from "./speed-test.ts";

const compositorLabels: Readonly<Record<Settings["compositor"], string>> = {
  auto: "Automatic: the best that this machine has",
  synthetic: "Synthetic: a test picture",
  sway: "sway: a desktop of its own",
  wlroots: "wlroots: the desktop that runs",
  kwin: "KWin: the Plasma desktop that runs",
  mutter: "Mutter: the GNOME desktop that runs, or one of its own",
  hyprland: "Hyprland: the desktop that runs",
  gamescope: "gamescope: a session of its own",
  portal: "Portal: the desktop that runs, after a question there",
  x11: "X11: the desktop that runs, or one of its own",
};

export function settingsSection(feed: Feed, signedIn: SignedIn): Section {
  return {
    id: "settings",
    title: "Settings",
    element: sectionElement(
      "settings",
      "Settings",
      make(
        "div",
        { class: "panels" },
        new SettingsPanel(feed).element,
        new SpeedTestPanel(feed).element,
        signedIn.role === "owner" ? passwordPanel(signedIn) : null,
        aboutPanel(feed),
      ),
    ),
  };
}

class SettingsPanel {
  readonly element: HTMLElement;
  readonly #usual: BitratePicker;
  readonly #highest: BitratePicker;
  readonly #sessions = make("input", { type: "number", min: 1, max: 64, step: 1, required: true });
  readonly #compositor = select(compositorLabels);
  readonly #save = make("button", { type: "submit", class: "primary" }, "Save");
  readonly #undo: HTMLButtonElement;
  #inForce: Settings | undefined;

  constructor(feed: Feed) {
    const changed = () => this.#judge();
    this.#usual = new BitratePicker(
      "Usual bitrate",
      "For clients that ask for no bitrate of their own.",
      changed,
    );
    this.#highest = new BitratePicker(
      "Highest bitrate",
      "No client gets more; sessions that run follow at once.",
      changed,
    );
    this.#sessions.addEventListener("input", changed);
    this.#compositor.addEventListener("input", changed);
    this.#undo = button("Undo", {}, () => this.#fill());
    const save = async (event: Event) => {
      event.preventDefault();
      const body = this.#change();
      if (Object.keys(body).length === 0) return;
      await doing(this.#save, async () => {
        const settings = await call("changeSettings", { body });
        this.#inForce = settings;
        feed.tell("settings", settings);
        notify("The settings are saved and in force.", "done");
      });
    };
    this.element = make(
      "form",
      { class: "panel", onsubmit: (event) => void save(event) },
      make("h3", {}, "Streams"),
      this.#usual.element,
      this.#highest.element,
      field(
        "Sessions at once",
        this.#sessions,
        "Further clients wait in a line, or are refused. 1 to 64.",
      ),
      field("Picture comes from", this.#compositor, "Counts from the next session on."),
      make("div", { class: "actions" }, this.#save, this.#undo),
    );
    this.#judge();
    feed.on("settings", (settings) => {
      if (this.#inForce === undefined) void this.#nameDisplays();
      const isEdited = this.#inForce !== undefined && Object.keys(this.#change()).length > 0;
      this.#inForce = settings;
      if (isEdited) this.#judge();
      else this.#fill();
    });
  }

  /** Says at each desktop whether it is there, as soon as the host has told. */
  async #nameDisplays(): Promise<void> {
    const { displays } = await call("displays").catch(() => ({ displays: [] }));
    for (const { kind, ok, version, why } of displays) {
      const option = optionOf(this.#compositor, kind);
      if (option === undefined) continue;
      const label = compositorLabels[kind];
      option.textContent = ok
        ? `${label}${version === null ? "" : ` (${version})`}`
        : `${label} – not here`;
      option.title = why;
    }
  }

  #fill(): void {
    if (this.#inForce === undefined) return;
    const { bitrateKbpsDefault, bitrateKbpsMax, sessionsMax, compositor } = this.#inForce;
    this.#usual.kbps = bitrateKbpsDefault;
    this.#highest.kbps = bitrateKbpsMax;
    this.#sessions.value = String(sessionsMax);
    this.#compositor.value = compositor;
    this.#judge();
  }

  /** What differs from what is in force. */
  #change(): SettingsChange {
    const before = this.#inForce;
    if (before === undefined) return {};
    const now: Settings = {
      bitrateKbpsDefault: this.#usual.kbps,
      bitrateKbpsMax: this.#highest.kbps,
      sessionsMax: this.#sessions.valueAsNumber,
      compositor: this.#compositor.value as Settings["compositor"],
    };
    const names = Object.keys(now) as (keyof Settings)[];
    return Object.fromEntries(
      names.filter((name) => now[name] !== before[name]).map((name) => [name, now[name]]),
    );
  }

  #judge(): void {
    this.#usual.complaint =
      this.#usual.kbps > this.#highest.kbps ? "It is above the highest bitrate." : "";
    const isSame = Object.keys(this.#change()).length === 0;
    this.#save.setAttribute("aria-disabled", String(isSame));
    this.#undo.setAttribute("aria-disabled", String(isSame));
  }
}

function aboutPanel(feed: Feed): HTMLElement {
  const values = Array.from({ length: 8 }, () => make("span"));
  const [name, version, pair, started, sessions, ports, id] = values;
  const fingerprint = make("p", { class: "fingerprint" });
  feed.on("status", (status) => {
    const texts: readonly (readonly [HTMLElement | undefined, string])[] = [
      [name, status.name],
      [version, status.version],
      [pair, status.pair === "required" ? "required" : "not required: anyone may connect"],
      [started, format.moment(status.startedAt)],
      [
        sessions,
        `${status.sessions} now, ${format.count(status.sessionsTotal)} in all; ${format.plural(status.refusedTotal, "connection")} refused`,
      ],
      [
        ports,
        `control UDP ${status.controlPort}, media UDP ${status.mediaPort}, management TCP ${status.managementPort}`,
      ],
      [id, status.hostId],
      [fingerprint, format.grouped(status.fingerprint)],
    ];
    for (const [element, text] of texts) if (element !== undefined) setText(element, text);
  });
  return make(
    "div",
    { class: "panel" },
    make("h3", {}, "This host"),
    facts([
      ["Name", name ?? ""],
      ["Version", version ?? ""],
      ["Pairing", pair ?? ""],
      ["Started", started ?? ""],
      ["Sessions", sessions ?? ""],
      ["Ports", ports ?? ""],
      ["Id", id ?? ""],
    ]),
    make("h4", {}, "Fingerprint of its certificate"),
    fingerprint,
  );
}

const optionOf = (list: HTMLSelectElement, value: string): HTMLOptionElement | undefined =>
  [...list.options].find((option) => option.value === value);
