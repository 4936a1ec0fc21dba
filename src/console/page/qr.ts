/** A QR code as one path. Always dark on light: scanners don't read the other way round. */
import { encode } from "uqr";
import { draw } from "./dom.ts";

/** Light cells around the code (ISO/IEC 18004, 6.3.8). */
const quietZone = 4;

export function qrCode(text: string, label: string): SVGSVGElement {
  const { data, size } = encode(text, { ecc: "M", border: quietZone });
  const cells = data.flatMap((row, y) =>
    row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : [])),
  );
  return draw(
    "svg",
    { class: "qr", viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": label },
    draw("path", { class: "light", d: `M0 0h${size}v${size}H0z` }),
    draw("path", { class: "dark", d: cells.join("") }),
  );
}
