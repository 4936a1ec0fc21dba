/**
 * Elements without a framework. Text only ever becomes a text node or an attribute, so a name that
 * looks like markup is shown as it was given.
 */

type Child = Node | string | null;
type Listener = (event: Event) => void;
/**
 * Attributes by name: false and null leave one out, true sets it empty. `onclick` and its like are
 * listeners.
 */
type Attributes = Readonly<Record<string, string | number | boolean | null | Listener>>;

/** A new element. */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  return fill(document.createElement(name), attributes, children);
}

/** A new element of a drawing. */
export function draw<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[Name] {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function fill<Made extends Element>(
  element: Made,
  attributes: Attributes,
  children: readonly Child[],
): Made {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else setAttribute(element, name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** As in the attributes of a new element; does nothing where nothing changes. */
export function setAttribute(
  element: Element,
  name: string,
  value: string | number | boolean | null,
): void {
  if (value === false || value === null) element.removeAttribute(name);
  else {
    const text = value === true ? "" : String(value);
    if (element.getAttribute(name) !== text) element.setAttribute(name, text);
  }
}

/** Sets an element's text; a text that is there already keeps a reader's place and selection. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function show(element: HTMLElement, isShown: boolean): void {
  if (element.hidden === isShown) element.hidden = !isShown;
}

/** What shows one item of a list, and is told when the item changes. */
export interface View<Item> {
  readonly element: HTMLElement;
  update(item: Item): void;
}

export interface KeyedOptions<Item> {
  readonly container: HTMLElement;
  /** What gets the focus when the item that has it leaves; else the page's top would. */
  readonly refuge: HTMLElement;
  readonly keyOf: (item: Item) => string | number;
  readonly create: (item: Item) => View<Item>;
}

/**
 * A list whose elements live as long as their items, so that the focus, an open menu or a half
 * typed name survives what the host tells each second.
 */
export class Keyed<Item> {
  readonly #options: KeyedOptions<Item>;
  readonly #views = new Map<string | number, View<Item>>();

  constructor(options: KeyedOptions<Item>) {
    this.#options = options;
  }

  update(items: readonly Item[]): void {
    const { container, refuge, keyOf, create } = this.#options;
    const keys = new Set(items.map(keyOf));
    for (const [key, view] of this.#views) {
      if (keys.has(key)) continue;
      const hadFocus = view.element.contains(document.activeElement);
      view.element.remove();
      this.#views.delete(key);
      if (hadFocus) focusOn(refuge);
    }
    items.forEach((item, index) => {
      const key = keyOf(item);
      let view = this.#views.get(key);
      if (view === undefined) {
        view = create(item);
        this.#views.set(key, view);
      }
      view.update(item);
      const place = container.children[index] ?? null;
      if (place !== view.element) container.insertBefore(view.element, place);
    });
  }
}

/** Puts the focus where there is nothing to press: a heading, a region, a list. */
export function focusOn(element: HTMLElement): void {
  if (!element.hasAttribute("tabindex")) element.setAttribute("tabindex", "-1");
  element.focus();
}

/** Has a screen reader say a sentence when it has finished the one before. */
export function announce(sentence: string): void {
  const announcer = document.getElementById("announcer");
  if (announcer !== null) announcer.textContent = sentence;
}
