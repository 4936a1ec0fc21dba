/** A QR code for a terminal. */
import { renderUnicodeCompact } from "uqr";

/** Cameras want light around the code (ISO/IEC 18004 asks for 4 modules; 2 are enough on a screen). */
const border = 2;
const [blackOnWhite, plain] = ["\x1b[38;5;16;48;5;231m", "\x1b[0m"];

/** Undefined where the terminal is too small for it. In black on white, whatever its colours. */
export function qrCode(
  text: string,
  terminal: { readonly columns?: number; readonly rows?: number },
): string | undefined {
  const lines = renderUnicodeCompact(text, { border, invert: true }).split("\n");
  const width = Bun.stringWidth(lines[0] ?? "") + 2;
  if (width > (terminal.columns ?? 80) || lines.length + 12 > (terminal.rows ?? 24)) {
    return undefined;
  }
  return lines.map((line) => `  ${blackOnWhite}${line}${plain}`).join("\n");
}
