/**
 * A chart of the last two minutes, drawn as SVG. Its legend says each line's newest value as text;
 * the drawing itself has a sentence for those who don't see it.
 */
import { draw, make, setAttribute, setText } from "./dom.ts";
import { type History, type Reading, windowSeconds } from "./history.ts";
import { axisTop, type Frame, linePath, stackedPaths, stackTops } from "./plot.ts";

export interface Series {
  readonly reading: Reading;
  readonly label: string;
}

export interface ChartOptions {
  readonly title: string;
  readonly series: readonly Series[];
  /** Areas upon each other, of which the sum is what counts; else a line each. */
  readonly isStacked?: boolean;
  readonly format: (value: number | null) => string;
  /** What the axis reaches at least, so that noise does not fill the picture. */
  readonly least: number;
}

export class Chart {
  readonly element: HTMLElement;
  readonly #options: ChartOptions;
  readonly #paths: readonly SVGPathElement[];
  readonly #values: readonly HTMLElement[];
  readonly #picture: SVGSVGElement;
  readonly #top = make("span");
  readonly #middle = make("span");

  constructor(options: ChartOptions) {
    this.#options = options;
    const { title, series, isStacked = false } = options;
    this.#paths = series.map(({ reading }) =>
      draw("path", { class: `${isStacked ? "area" : "line"} series-${reading}` }),
    );
    this.#values = series.map(() => make("span", { class: "value" }));
    this.#picture = draw(
      "svg",
      {
        viewBox: `0 0 ${windowSeconds} 100`,
        preserveAspectRatio: "none",
        role: "img",
        "aria-label": `${title}: not measured yet`,
      },
      ...[0, 25, 50, 75, 100].map((y) =>
        draw("path", { class: "grid", d: `M0 ${y}H${windowSeconds}` }),
      ),
      ...this.#paths,
    );
    const legend = series.map(({ reading, label }, index) =>
      make(
        "li",
        {},
        make("span", { class: `swatch series-${reading}`, "aria-hidden": "true" }),
        label,
        " ",
        this.#values[index] ?? null,
      ),
    );
    this.element = make(
      "figure",
      { class: "chart" },
      make("figcaption", {}, make("h4", {}, title), make("ul", { class: "legend" }, ...legend)),
      make(
        "div",
        { class: "plot" },
        make(
          "div",
          { class: "axis", "aria-hidden": "true" },
          this.#top,
          this.#middle,
          make("span", {}, "0"),
        ),
        this.#picture,
        make(
          "div",
          { class: "time", "aria-hidden": "true" },
          make("span", {}, `${windowSeconds / 60} min ago`),
          make("span", {}, "now"),
        ),
      ),
    );
  }

  update(history: History): void {
    const { series, isStacked = false, format, least, title } = this.#options;
    const layers = series.map(({ reading }) => history.points(reading));
    const heights = isStacked
      ? stackTops(layers)
      : layers.flatMap((layer) => layer.map(({ value }) => value ?? 0));
    const frame: Frame = { seconds: windowSeconds, top: axisTop(heights, least) };
    const paths = isStacked
      ? stackedPaths(layers, frame)
      : layers.map((layer) => linePath(layer, frame));
    const newest = layers.map((layer) => layer.at(-1)?.value ?? null);
    paths.forEach((path, index) => {
      const [element, value] = [this.#paths[index], this.#values[index]];
      if (element !== undefined) setAttribute(element, "d", path);
      if (value !== undefined) setText(value, format(newest[index] ?? null));
    });
    setText(this.#top, format(frame.top));
    setText(this.#middle, format(frame.top / 2));
    const said = series.map(({ label }, index) => `${label} ${saidOf(newest[index], format)}`);
    setAttribute(this.#picture, "aria-label", `${title}, now: ${said.join(", ")}`);
  }
}

const saidOf = (value: number | null | undefined, format: (value: number) => string) =>
  value == null ? "not measured" : format(value);
