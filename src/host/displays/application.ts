/** The application that a desktop of the host's own starts with. */
import { PfError } from "../../base/errors.ts";

/** Terminals by preference: those that draw without a GPU and start fast come first. */
const terminals = ["foot", "alacritty", "kitty", "weston-terminal", "gnome-terminal", "konsole"];
const x11Terminals = ["xterm", "urxvt"];
/** Of the others, those that know both. */
const bothTerminals = ["alacritty", "kitty", "gnome-terminal", "konsole"];

export interface ApplicationSearch {
  /** `--app`; undefined = a terminal. */
  readonly app: string | undefined;
  /** Path of a program or null, as Bun.which. */
  readonly which: (name: string) => string | null;
  /** What the desktop can show; default: Wayland applications, and X11 ones where Xwayland is. */
  readonly shows?: "x11";
}

/** The shell command of the application. Throws PF_SOURCE_FAILED when it is not there. */
export function chooseApplication({ app, which, shows }: ApplicationSearch): string {
  if (app === undefined || app.trim() === "") {
    const onWayland = which("Xwayland") === null ? terminals : [...terminals, ...x11Terminals];
    const usable = shows === "x11" ? [...x11Terminals, ...bothTerminals] : onWayland;
    const found = usable.find((name) => which(name) !== null);
    if (found !== undefined) return found;
    throw new PfError("PF_SOURCE_FAILED", "No terminal is installed to show on the desktop.", {
      hint: `Install ${shows === "x11" ? "xterm" : "foot"}, or name an application with --app.`,
      cause: "PF_E_MISSING",
    });
  }
  const program = plainProgram(app);
  if (program !== undefined && which(program) === null) throw notFound(app, program);
  return app;
}

export function notFound(app: string, program: string): PfError {
  return new PfError("PF_SOURCE_FAILED", `The application "${program}" was not found.`, {
    hint: app === program ? "Check --app." : `Check --app "${app}".`,
    cause: "PF_E_MISSING",
  });
}

/** The program that a command starts with; undefined where only a shell can tell. */
export function plainProgram(command: string): string | undefined {
  const first = /^\s*([A-Za-z0-9_./+-]+)(?=\s|$)/.exec(command)?.[1];
  return first === undefined || shellWords.has(first) ? undefined : first;
}

const shellWords = new Set(
  "if for while until case exec cd export set unset eval . trap umask true false : time".split(" "),
);
