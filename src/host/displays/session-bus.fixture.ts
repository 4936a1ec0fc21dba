/** For tests: a session bus of their own, as every desktop has one. */
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nativeProgram } from "../../ffi/build.ts";
import { Supervised } from "../../ffi/supervise/supervise.ts";

/** Whether this machine can run the tests at all. */
export const sessionBusInstalled = Bun.which("dbus-daemon") !== null;

export interface SessionBus extends AsyncDisposable {
  /** As DBUS_SESSION_BUS_ADDRESS has it. */
  readonly address: string;
  /** Of the daemon. */
  readonly pid: number;
}

/** Starts one that starts no services; dispose with `await using`. */
export async function startSessionBus(): Promise<SessionBus> {
  nativeProgram("release", "bin/pf_supervise");
  const folder = mkdtempSync(join(tmpdir(), "pf-bus-"));
  rmdirSync(folder); // the supervisor makes it, and removes it at the end
  const lines: string[] = [];
  const ready = Promise.withResolvers<void>();
  const supervised = new Supervised({
    command: ["dbus-daemon", `--config-file=${folder}/config`, ...told],
    env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin" },
    folder,
    files: { config: config(folder) },
    onLine: (line) => {
      if (lines.push(line) === 2) ready.resolve();
    },
  });
  const failed = supervised.exited.then(() => {
    throw new Error(`The message bus ended: ${supervised.errorLines.join(" ")}`);
  });
  await Promise.race([ready.promise, failed]);
  failed.catch(() => {});
  return {
    address: lines[0] as string,
    pid: Number(lines[1]),
    [Symbol.asyncDispose]: async () => {
      await supervised.stop();
    },
  };
}

const told = ["--nofork", "--nopidfile", "--print-address=1", "--print-pid=1"];

const config = (folder: string) => `<!DOCTYPE busconfig PUBLIC
  "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=${folder}/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
`;
