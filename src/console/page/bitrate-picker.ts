/** A bitrate by slider or by number, in Mbps; both say the same. */
import {
  bitrateAt,
  bitrateKbpsMax,
  bitrateKbpsMin,
  clampBitrate,
  sliderMax,
  sliderOf,
} from "./bitrate-scale.ts";
import { freshId } from "./controls.ts";
import { make } from "./dom.ts";
import { bitrate } from "./format.ts";

export class BitratePicker {
  readonly element: HTMLElement;
  readonly #slider = make("input", { type: "range", min: 0, max: sliderMax, step: 1 });
  readonly #number = make("input", {
    type: "number",
    min: bitrateKbpsMin / 1000,
    max: bitrateKbpsMax / 1000,
    step: "any",
    required: true,
    inputmode: "decimal",
  });
  #kbps = bitrateKbpsMin;

  constructor(label: string, hint: string, changed: () => void) {
    const id = freshId();
    const labelId = `${id}-label`;
    this.#number.id = id;
    this.#number.setAttribute("aria-describedby", `${id}-hint`);
    this.#slider.setAttribute("aria-label", `${label}, slider`);
    this.#slider.addEventListener("input", () => {
      this.#kbps = bitrateAt(this.#slider.valueAsNumber);
      this.#number.value = String(this.#kbps / 1000);
      this.#say();
      changed();
    });
    this.#number.addEventListener("input", () => {
      const mbps = this.#number.valueAsNumber;
      if (Number.isFinite(mbps) && this.#number.validity.valid) {
        this.#kbps = clampBitrate(mbps * 1000);
        this.#slider.value = String(sliderOf(this.#kbps));
        this.#say();
      }
      changed();
    });
    this.element = make(
      "div",
      { class: "field picker" },
      make("label", { for: id, id: labelId }, label),
      make(
        "div",
        { class: "pick" },
        this.#slider,
        this.#number,
        make("span", { "aria-hidden": "true" }, "Mbps"),
        make(
          "div",
          { class: "scale", "aria-hidden": "true" },
          make("span", {}, bitrate(bitrateKbpsMin)),
          make("span", {}, bitrate(bitrateKbpsMax)),
        ),
      ),
      make("p", { class: "hint", id: `${id}-hint` }, `In Mbps. ${hint}`),
    );
  }

  get kbps(): number {
    return this.#kbps;
  }

  set kbps(kbps: number) {
    this.#kbps = kbps;
    this.#number.value = String(kbps / 1000);
    this.#slider.value = String(sliderOf(kbps));
    this.#say();
  }

  /** Says what is wrong beside the number; "" for nothing. */
  set complaint(sentence: string) {
    this.#number.setCustomValidity(sentence);
  }

  #say(): void {
    this.#slider.setAttribute("aria-valuetext", bitrate(this.#kbps));
  }
}
