/** Devices that wait to be let in: compared by fingerprint, then approved or denied. */
import type { PendingDevice } from "../../../wire/management.ts";
import type { Level } from "../../../wire/pairing/level.ts";
import { call, hostNow } from "../api.ts";
import { button, doing, field, freshId, levelSelect, notify } from "../controls.ts";
import { announce, Keyed, make, setText, show, type View } from "../dom.ts";
import type { Feed } from "../feed.ts";
import * as format from "../format.ts";

/** The list, with its heading. */
export function pendingList(feed: Feed): HTMLElement {
  const none = make("p", { class: "empty" }, "No device waits for approval.");
  const title = make("h3", {}, "Requests to pair");
  const list = make("ul", { class: "cards", "aria-label": "Devices that wait" });
  const keyed = new Keyed<PendingDevice>({
    container: list,
    refuge: title,
    keyOf: ({ id }) => id,
    create: (device) => new PendingView(device),
  });
  let known: ReadonlySet<string> = new Set();
  feed.on("pending", ({ pending }) => {
    keyed.update(pending);
    show(none, pending.length === 0);
    show(list, pending.length > 0);
    const fresh = pending.filter(({ id }) => !known.has(id));
    known = new Set(pending.map(({ id }) => id));
    const [first] = fresh;
    if (first === undefined) return;
    const others = fresh.length > 1 ? ` and ${format.plural(fresh.length - 1, "other")}` : "";
    announce(`${first.name}${others} asks to pair.`);
  });
  setInterval(() => keyed.update(feed.newest("pending")?.pending ?? []), 1000);
  return make(
    "div",
    { class: "panel" },
    title,
    make(
      "p",
      { class: "hint" },
      "Approve a device only if it shows the same fingerprint on its own screen.",
    ),
    none,
    list,
  );
}

class PendingView implements View<PendingDevice> {
  readonly element: HTMLElement;
  readonly #left = make("span");
  readonly #level = levelSelect();
  readonly #device: PendingDevice;

  constructor(device: PendingDevice) {
    this.#device = device;
    const { name, address, since, fingerprint } = device;
    const title = make("h4", { id: freshId() }, name);
    const approve = button("Approve", { kind: "primary", name: `Approve ${name}` }, () =>
      doing(approve, () => this.#approve()),
    );
    const deny = button("Deny", { name: `Deny ${name}` }, () => doing(deny, () => this.#deny()));
    this.element = make(
      "li",
      { class: "card request", "aria-labelledby": title.id },
      title,
      make("p", { class: "about" }, `${address} · asked at ${format.clock(since)} · `, this.#left),
      make("p", { class: "fingerprint" }, format.grouped(fingerprint)),
      field("Level", this.#level),
      make("div", { class: "actions" }, approve, deny),
    );
  }

  update({ expiresAt }: PendingDevice): void {
    const left = Date.parse(expiresAt) - hostNow();
    setText(this.#left, `${format.countdown(left)} left`);
  }

  async #approve(): Promise<void> {
    const level = this.#level.value as Level;
    const { name } = await call("approve", { id: this.#device.id, body: { level } });
    notify(`${name} is paired, with the level ${level}.`, "done");
  }

  async #deny(): Promise<void> {
    await call("deny", { id: this.#device.id });
    notify(`${this.#device.name} was sent away.`, "done");
  }
}
