/** Finds a font for the overlay. */
import { existsSync } from "node:fs";

/** Where distributions keep one, for machines without fontconfig's program. */
const wellKnownFonts = [
  "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",
  "/usr/share/fonts/dejavu-sans-mono-fonts/DejaVuSansMono.ttf",
  "/usr/share/fonts/TTF/DejaVuSansMono.ttf",
  "/usr/share/fonts/truetype/liberation/LiberationMono-Regular.ttf",
  "/usr/share/fonts/liberation-mono/LiberationMono-Regular.ttf",
  "/usr/share/fonts/noto/NotoSansMono-Regular.ttf",
];

/** SDL_ttf opens outline fonts only. */
const outlineFont = /\.(ttf|otf|ttc)$/i;

/** Path of a monospaced font, so that figures don't dance; undefined = there is none. */
export function findFont(): string | undefined {
  const fcMatch = Bun.which("fc-match");
  if (fcMatch !== null) {
    const found = Bun.spawnSync([fcMatch, "--format=%{file}", "monospace"], { stderr: "ignore" });
    const path = found.stdout.toString();
    if (found.success && outlineFont.test(path) && existsSync(path)) return path;
  }
  return wellKnownFonts.find((path) => existsSync(path));
}
