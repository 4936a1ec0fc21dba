/**
 * The demo: a host and a client as two processes of this program over loopback, each with a state
 * folder of its own that is removed at the end, so that nothing of the person's is touched.
 */
import { join } from "node:path";
import { ExitCode } from "../base/errors.ts";
import { type OwnHost, program, startOwnHost } from "./own-host.ts";

export interface DemoOptions {
  readonly json: boolean;
  readonly interrupted: AbortSignal;
  readonly info: (text: string) => void;
  /** Flags for `serve` and for `connect` besides the ones that the demo itself needs. */
  readonly serve: readonly string[];
  readonly connect: readonly string[];
}

/** Runs the demo; returns the client's exit code. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const { serve: flags, info } = options;
  await using host = await startOwnHost({ name: "demo", flags, info });
  return await runClient(options, host);
}

async function runClient(options: DemoOptions, host: OwnHost) {
  const client = Bun.spawn(
    [
      ...program,
      "connect",
      `127.0.0.1:${host.port}`,
      "--fingerprint",
      host.fingerprint,
      ...options.connect,
      ...(options.json ? ["--json"] : []),
    ],
    {
      env: { ...process.env, PUNKTFUNK_HOME: join(host.folder, "client") },
      stdin: "inherit",
      stdout: "inherit",
      stderr: "inherit",
    },
  );
  const interrupt = () => client.kill("SIGINT");
  options.interrupted.addEventListener("abort", interrupt, { once: true });
  if (options.interrupted.aborted) interrupt();
  const code = await client.exited;
  return options.interrupted.aborted ? ExitCode.interrupted : code;
}
