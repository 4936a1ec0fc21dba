/** Parts of forms and dialogs that several sections use. */
import type { Level } from "../../wire/pairing/level.ts";
import { sentenceOf } from "./api.ts";
import { announce, make } from "./dom.ts";

let ids = 0;
/** An id that no other element of the page has. */
export const freshId = (): string => {
  ids += 1;
  return `e${ids}`;
};

type Control = HTMLInputElement | HTMLSelectElement | HTMLOutputElement;

/** A control under its label; the hint is read after it. */
export function field(label: string, control: Control, hint?: string): HTMLElement {
  control.id ||= freshId();
  const hintId = `${control.id}-hint`;
  if (hint !== undefined) control.setAttribute("aria-describedby", hintId);
  return make(
    "div",
    { class: "field" },
    make("label", { for: control.id }, label),
    control,
    hint === undefined ? null : make("p", { class: "hint", id: hintId }, hint),
  );
}

export function select<Value extends string>(
  options: Readonly<Record<Value, string>>,
  selected?: Value,
): HTMLSelectElement {
  const element = make("select");
  for (const [value, label] of Object.entries<string>(options)) {
    element.append(make("option", { value, selected: value === selected }, label));
  }
  return element;
}

export const levelLabels: Readonly<Record<Level, string>> = {
  full: "Full: also manage this host",
  play: "Play: picture, sound and input",
  view: "View: picture and sound only",
};

export const levelSelect = (selected: Level = "full"): HTMLSelectElement =>
  select(levelLabels, selected);

/** A button that does something on this page or at the host. */
export function button(
  label: string,
  { kind = "plain", name }: { kind?: "plain" | "primary" | "danger"; name?: string } = {},
  press: () => unknown,
): HTMLButtonElement {
  return make(
    "button",
    { type: "button", class: kind, "aria-label": name ?? null, onclick: () => press() },
    label,
  );
}

/**
 * Does something at the host; its failure becomes a notice. Meanwhile the control answers no
 * second press, but keeps the focus.
 */
export async function doing<Done>(
  control: HTMLElement,
  task: () => Promise<Done>,
): Promise<Done | undefined> {
  if (control.getAttribute("aria-busy") === "true") return undefined;
  control.setAttribute("aria-busy", "true");
  try {
    return await task();
  } catch (error) {
    notify(sentenceOf(error), "error");
    return undefined;
  } finally {
    control.removeAttribute("aria-busy");
  }
}

const noticeMs = 6000;

/** Says a sentence below the page: an error stays until it is dismissed. */
export function notify(sentence: string, kind: "done" | "error"): void {
  const area = document.getElementById("notices");
  if (area === null) return;
  const isError = kind === "error";
  const notice = make("div", { class: `notice ${kind}`, role: isError ? "alert" : null });
  notice.append(
    make("p", {}, sentence),
    button("Dismiss", { name: `Dismiss: ${sentence}` }, () => {
      notice.remove();
      document.getElementById("main")?.focus();
    }),
  );
  for (const older of [...area.children].slice(0, -2)) older.remove();
  area.append(notice);
  if (isError) return;
  announce(sentence);
  const leave = () => {
    // Who has gone to it, decides when it goes.
    if (!notice.contains(document.activeElement)) notice.remove();
  };
  setTimeout(leave, noticeMs);
}

export interface DialogOptions {
  readonly title: string;
  readonly body: readonly (Node | string)[];
  readonly accept: string;
  readonly isDangerous?: boolean;
}

/** Asks in a dialog; true: accepted. Escape and "Cancel" refuse; the focus returns by itself. */
export function ask({ title, body, accept, isDangerous = false }: DialogOptions): Promise<boolean> {
  const titleId = freshId();
  const dialog = make("dialog", { "aria-labelledby": titleId });
  const form = make(
    "form",
    { method: "dialog" },
    make("h2", { id: titleId }, title),
    ...body.map((part) => (typeof part === "string" ? make("p", {}, part) : part)),
    make(
      "div",
      { class: "actions" },
      button("Cancel", {}, () => dialog.close()),
      make(
        "button",
        { type: "submit", value: "accept", class: isDangerous ? "danger" : "primary" },
        accept,
      ),
    ),
  );
  dialog.append(form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "accept");
    });
  });
}

/** What a password manager files the password under: there are no names of users here. */
export const userNameForManagers = (): HTMLElement =>
  make("input", { type: "text", autocomplete: "username", value: "punktfunk", hidden: true });

/** A description list of short facts. */
export function facts(entries: readonly (readonly [string, Node | string])[]): HTMLElement {
  const list = make("dl", { class: "facts" });
  for (const [term, fact] of entries) {
    list.append(make("div", {}, make("dt", {}, term), make("dd", {}, fact)));
  }
  return list;
}

/** A part of the page that the navigation leads to. */
export interface Section {
  readonly id: string;
  readonly title: string;
  readonly element: HTMLElement;
  /** It is in sight again. */
  shown?(): void;
}

/** The frame of a section: its heading takes the focus when the section is entered. */
export function sectionElement(
  id: string,
  title: string,
  ...children: readonly (Node | null)[]
): HTMLElement {
  return make(
    "section",
    { id, "aria-labelledby": `${id}-title` },
    make("h2", { id: `${id}-title`, tabindex: -1 }, title),
    ...children,
  );
}
