/**
 * What the program tells people while it runs: one line each, on stderr, so that stdout stays for
 * machines. Secrets are wrapped in `Secret` (secret.ts) and therefore can't show up here.
 */
import { type ConsolaInstance, createConsola, LogLevels } from "consola";

export type Verbosity = "quiet" | "normal" | "verbose";

const levels: Record<Verbosity, number> = {
  quiet: LogLevels.warn,
  normal: LogLevels.info,
  verbose: LogLevels.debug,
};

/** The program's log. */
export const log: ConsolaInstance = createConsola({
  level: levels.normal,
  stdout: process.stderr,
  stderr: process.stderr,
});

/** How much is told from now on. */
export function setVerbosity(verbosity: Verbosity): void {
  log.level = levels[verbosity];
}
