/** Who may connect: requests, a PIN for a new device, and those that are paired. */
import { type Section, sectionElement } from "../controls.ts";
import { make } from "../dom.ts";
import type { Feed } from "../feed.ts";
import { PairPanel } from "./pair.ts";
import { pairedList } from "./paired.ts";
import { pendingList } from "./pending.ts";

export function devicesSection(feed: Feed): Section {
  return {
    id: "devices",
    title: "Devices",
    element: sectionElement(
      "devices",
      "Devices",
      make(
        "div",
        { class: "panels" },
        pendingList(feed),
        new PairPanel(feed).element,
        pairedList(feed),
      ),
    ),
  };
}
