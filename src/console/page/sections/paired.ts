/** Devices that are paired: renamed, given another level or an end, revoked. */
import type { Device, DeviceChange } from "../../../wire/management.ts";
import type { Level } from "../../../wire/pairing/level.ts";
import { call, hostNow } from "../api.ts";
import { ask, button, doing, facts, field, freshId, levelSelect, notify } from "../controls.ts";
import { Keyed, make, setAttribute, setText, show, type View } from "../dom.ts";
import type { Feed } from "../feed.ts";
import * as format from "../format.ts";

/** The list, with its heading. */
export function pairedList(feed: Feed): HTMLElement {
  const none = make("p", { class: "empty" }, "No device is paired yet.");
  const title = make("h3", {}, "Paired devices");
  const list = make("ul", { class: "devices", "aria-label": "Paired devices" });
  const keyed = new Keyed<Device>({
    container: list,
    refuge: title,
    keyOf: ({ id }) => id,
    create: (device) => new DeviceView(device),
  });
  feed.on("devices", ({ devices }) => {
    keyed.update(devices);
    show(none, devices.length === 0);
    show(list, devices.length > 0);
  });
  return make("div", { class: "panel" }, title, none, list);
}

class DeviceView implements View<Device> {
  readonly element: HTMLElement;
  readonly #name = make("h4", { id: freshId() });
  readonly #state = make("span", { class: "badge" });
  readonly #level = make("span");
  readonly #seen = make("span");
  readonly #expires = make("span");
  readonly #edit: HTMLButtonElement;
  readonly #revoke: HTMLButtonElement;
  #device: Device;

  constructor(device: Device) {
    this.#device = device;
    this.#edit = button("Edit…", {}, () => this.#change());
    this.#revoke = button("Revoke…", { kind: "danger" }, () => this.#forget());
    this.element = make(
      "li",
      { class: "card device", "aria-labelledby": this.#name.id },
      make("div", { class: "title" }, this.#name, this.#state),
      facts([
        ["Level", this.#level],
        ["Last seen", this.#seen],
        ["Paired", format.moment(device.pairedAt)],
        ["Expires", this.#expires],
      ]),
      make(
        "details",
        {},
        make("summary", {}, "Fingerprint"),
        make("p", { class: "fingerprint" }, format.grouped(device.fingerprint)),
      ),
      make("div", { class: "actions" }, this.#edit, this.#revoke),
    );
  }

  update(device: Device): void {
    this.#device = device;
    const { name, level, connected, expired, lastSeenAt, expiresAt } = device;
    setText(this.#name, name);
    setText(this.#level, level);
    setText(this.#seen, connected ? "now" : lastSeenAt === null ? "never" : agoOf(lastSeenAt));
    setText(this.#expires, expiresAt === null ? "never" : format.moment(expiresAt));
    setText(this.#state, expired ? "Expired" : connected ? "Connected" : "");
    setAttribute(this.#state, "data-state", expired ? "bad" : connected ? "good" : null);
    this.#edit.setAttribute("aria-label", `Edit ${name}…`);
    this.#revoke.setAttribute("aria-label", `Revoke ${name}…`);
  }

  async #change(): Promise<void> {
    const before = this.#device;
    const name = make("input", {
      type: "text",
      required: true,
      maxlength: 128,
      autocomplete: "off",
    });
    name.value = before.name;
    const level = levelSelect(before.level);
    const expires = make("input", { type: "datetime-local" });
    expires.value = localOf(before.expiresAt);
    const isAccepted = await ask({
      title: `Edit ${before.name}`,
      body: [
        field("Name", name),
        field("Level", level),
        field("Expires", expires, "Empty: it stays paired until it is revoked."),
      ],
      accept: "Save",
    });
    if (!isAccepted) return;
    const change: DeviceChange = {
      ...(name.value === before.name ? {} : { name: name.value }),
      ...(level.value === before.level ? {} : { level: level.value as Level }),
      ...(expires.value === localOf(before.expiresAt)
        ? {}
        : { expiresAt: expires.value === "" ? null : new Date(expires.value).toISOString() }),
    };
    if (Object.keys(change).length === 0) return;
    await doing(this.#edit, async () => {
      const after = await call("changeDevice", { id: before.id, body: change });
      notify(`${after.name} is saved.`, "done");
    });
  }

  async #forget(): Promise<void> {
    const { id, name, connected } = this.#device;
    const isAccepted = await ask({
      title: `Revoke ${name}?`,
      body: [
        `It can't connect any more until it is paired again.${connected ? " Its session ends at once." : ""}`,
      ],
      accept: "Revoke",
      isDangerous: true,
    });
    if (!isAccepted) return;
    await doing(this.#revoke, async () => {
      await call("revoke", { id });
      notify(`${name} is revoked.`, "done");
    });
  }
}

const agoOf = (iso: string) => `${format.duration(hostNow() - Date.parse(iso))} ago`;

/** As a datetime-local control has it: local time, to the minute. */
function localOf(iso: string | null): string {
  if (iso === null) return "";
  const date = new Date(iso);
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
}
