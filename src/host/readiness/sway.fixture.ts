/** For tests: a headless sway in a runtime folder of its own, as a user's desktop would lie there. */
import { chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface PrivateSway extends AsyncDisposable {
  readonly pid: number;
  /** XDG_RUNTIME_DIR of it. */
  readonly runtimeFolder: string;
}

/** sway refuses root. */
const nobody = 65_534;
const isRoot = process.geteuid?.() === 0;

/** A runtime folder that the compositor's user owns. */
export async function runtimeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "pf-ready-"));
  if (isRoot) await chown(folder, nobody, nobody);
  return folder;
}

/** Starts it; resolves when sway says that its configuration was run. */
export async function startSway(folder: string): Promise<PrivateSway> {
  const config = join(folder, "config");
  await writeFile(config, "swaybg_command -\nxwayland disable\nexec echo ready\n");
  const asNobody = ["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"];
  const sway = Bun.spawn([...(isRoot ? asNobody : []), "sway", "--config", config], {
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: folder,
      XDG_RUNTIME_DIR: folder,
      WLR_BACKENDS: "headless",
      WLR_RENDERER: "pixman",
      WLR_LIBINPUT_NO_DEVICES: "1",
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
  });
  for await (const chunk of sway.stdout) {
    if (new TextDecoder().decode(chunk).includes("ready")) break;
  }
  return {
    pid: sway.pid,
    runtimeFolder: folder,
    [Symbol.asyncDispose]: async () => {
      sway.kill("SIGCONT");
      sway.kill("SIGKILL");
      await sway.exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
