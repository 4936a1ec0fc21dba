/** The page of who has signed in: header, navigation, warnings, and one section at a time. */
import type { SignedIn } from "../../wire/management.ts";
import { call, token } from "./api.ts";
import { button, doing, type Section } from "./controls.ts";
import { announce, make, setAttribute, setText, show } from "./dom.ts";
import { type Connection, Feed } from "./feed.ts";
import * as format from "./format.ts";
import { devicesSection } from "./sections/devices.ts";
import { LogSection } from "./sections/log.ts";
import { sessionsSection } from "./sections/sessions.ts";
import { settingsSection } from "./sections/settings.ts";

export function shell(signedIn: SignedIn): HTMLElement {
  const banner = new ConnectionBanner(() => feed.retry());
  const feed: Feed = new Feed((connection) => banner.update(connection));
  const sections: readonly Section[] = [
    sessionsSection(feed),
    devicesSection(feed),
    settingsSection(feed, signedIn),
    new LogSection(feed),
  ];

  const name = make("span", { class: "host" });
  const leave = button("Sign out", {}, () =>
    doing(leave, async () => {
      if (signedIn.by === "password") await call("logout");
      token.set(null);
      location.reload();
    }),
  );
  const links = new Map(
    sections.map(({ id, title }) => [id, make("a", { href: `#${id}` }, title)] as const),
  );
  const waiting = make("span", { class: "count" });
  links.get("devices")?.append(waiting);
  const open = make(
    "p",
    { class: "banner warning" },
    "Anyone in the network may connect, because pairing is switched off by serve --open.",
  );
  const asking = make("span");
  const asked = make(
    "p",
    { class: "banner" },
    asking,
    " ",
    make("a", { href: "#devices" }, "Review"),
  );
  const main = make(
    "main",
    { id: "main", tabindex: -1 },
    banner.element,
    open,
    asked,
    ...sections.map(({ element }) => element),
  );

  feed.on("status", (status) => {
    setText(name, status.name);
    show(open, status.pair === "optional");
  });
  const current = () => location.hash.slice(1);
  const tellPending = () => {
    const pending = feed.newest("pending")?.pending ?? [];
    const hostName = feed.newest("status")?.name ?? "";
    setText(waiting, pending.length === 0 ? "" : String(pending.length));
    setAttribute(
      waiting,
      "aria-label",
      pending.length === 0 ? null : `, ${pending.length} waiting`,
    );
    const count = pending.length === 0 ? "" : `(${pending.length}) `;
    document.title = `${count}${hostName === "" ? "" : `${hostName} – `}punktfunk`;
    show(asked, pending.length > 0 && current() !== "devices");
    const [first] = pending;
    const who =
      pending.length === 1
        ? `${first?.name} asks`
        : `${format.plural(pending.length, "device")} ask`;
    setText(asking, `${who} to pair.`);
  };
  feed.on("pending", tellPending);
  feed.on("status", tellPending);

  const enter = (isFirst: boolean) => {
    const wanted = sections.find(({ id }) => id === current()) ?? sections[0];
    for (const section of sections) {
      const isCurrent = section === wanted;
      show(section.element, isCurrent);
      links.get(section.id)?.setAttribute("aria-current", isCurrent ? "page" : "false");
    }
    tellPending();
    wanted?.shown?.();
    if (isFirst) return;
    scrollTo({ top: 0 });
    document.getElementById(`${wanted?.id}-title`)?.focus({ preventScroll: true });
  };
  addEventListener("hashchange", () => enter(false));
  show(open, false);
  enter(true);

  return make(
    "div",
    { class: "shell" },
    make("header", { class: "top" }, make("h1", {}, "punktfunk"), name, leave),
    make("nav", { "aria-label": "Sections" }, ...links.values()),
    main,
    make("div", { id: "notices", role: "region", "aria-label": "Notices" }),
  );
}

/** Says that the host is not heard, and when the next try is. */
class ConnectionBanner {
  readonly element: HTMLElement;
  readonly #said = make("span");
  #timer: ReturnType<typeof setInterval> | undefined;
  #wasLost = false;

  constructor(retry: () => void) {
    this.element = make(
      "p",
      { class: "banner warning", hidden: true },
      this.#said,
      " ",
      button("Try now", {}, retry),
    );
  }

  update(connection: Connection): void {
    clearInterval(this.#timer);
    const isLost = connection.state === "lost";
    if (isLost) {
      const tell = () => {
        const seconds = Math.ceil((connection.retryAtMs - performance.now()) / 1000);
        const when = seconds > 0 ? `in ${seconds} s` : "now";
        setText(
          this.#said,
          `The connection to the host is lost; what is shown is old. Trying again ${when}.`,
        );
      };
      tell();
      this.#timer = setInterval(tell, 500);
      if (!this.#wasLost) announce("The connection to the host is lost.");
    } else if (this.#wasLost && connection.state === "live") {
      announce("The connection to the host is back.");
    }
    if (connection.state !== "connecting") this.#wasLost = isLost;
    show(this.element, isLost);
  }
}
