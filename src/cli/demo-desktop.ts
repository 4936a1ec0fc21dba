/** What the demo's desktop shows: a terminal with a colour wave and a counter that never stand still. */

/** Rows and columns of the wave; any terminal has room for it. */
const [rows, columns] = [14, 56];

/**
 * An awk program that draws about 30 pictures a second. It is handed over on the command line, so
 * that the unprivileged user of the desktop needs to read no file of ours.
 */
const wave = `
BEGIN {
  printf "\\033[2J\\033[?25l";
  for (t = 0; ; t++) {
    printf "\\033[H\\n   \\033[1mpunktfunk\\033[0m  picture %06d\\n\\n", t;
    for (y = 0; y < ${rows}; y++) {
      printf "   ";
      for (x = 0; x < ${columns}; x++) {
        v = sin(x / 7 + t / 9) + sin((x + y * 2) / 11 - t / 13) + sin(y / 4 + t / 17);
        printf "\\033[48;2;%d;%d;%dm ", 110 + 36 * v, 70 + 40 * sin(v + t / 23), 150 - 30 * v;
      }
      printf "\\033[0m\\n";
    }
    printf "\\n   every pixel here was captured, encoded, sealed, sent and decoded\\n";
    fflush();
    system("sleep 0.03");
  }
}`;

/** The shell command of the demo's application; undefined where the host's own choice is as good. */
export function demoApplication(): string | undefined {
  if (Bun.which("foot") === null || Bun.which("awk") === null) return undefined;
  const program = wave.replaceAll(/\s*\n\s*/g, " ").trim();
  return `foot --font=monospace:pixelsize=28 awk '${program}'`;
}
