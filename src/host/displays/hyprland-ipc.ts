/**
 * Hyprland's control socket: one request a connection, answered and closed (wiki.hypr.land, IPC).
 * Hyprland handles a request in its main loop and waits for a connection that stays open, so each is
 * closed as soon as it is answered. Its second socket tells events, a line each: NAME>>DATA.
 */
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { z } from "zod";
import { PfError } from "../../base/errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** A compositor that is this late with an answer hangs. */
const answerMsMax = 5000;
/** Monitors with all their modes stay far below it. */
const answerBytesMax = 1024 * 1024;

const monitorsShape = z.array(
  z.looseObject({
    name: z.string(),
    width: z.number(),
    height: z.number(),
    /** Hz */
    refreshRate: z.number(),
  }),
);
export type HyprlandMonitor = z.infer<typeof monitorsShape>[number];

/** The folder with the sockets of the running Hyprland. Throws PF_DISPLAY_MISSING. */
export function hyprlandFolder(env: Environment): string {
  const instance = env["HYPRLAND_INSTANCE_SIGNATURE"];
  const runtime = env["XDG_RUNTIME_DIR"];
  // Up to 0.39 they lay in /tmp.
  const bases = [...(runtime ? [runtime] : []), "/tmp"];
  const found = bases
    .map((base) => join(base, "hypr", instance ?? ""))
    .find((folder) => existsSync(join(folder, ".socket.sock")));
  if (instance && found !== undefined) return found;
  const lacking = instance ? "It has ended" : "$HYPRLAND_INSTANCE_SIGNATURE is not set";
  throw new PfError("PF_DISPLAY_MISSING", `No Hyprland is running here: ${lacking}.`, {
    hint: "Start the host inside Hyprland.",
  });
}

export class HyprlandIpc {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** What `hyprctl REQUEST` prints. Throws PF_SOURCE_FAILED when nothing answers. */
  async ask(request: string): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const socket = connect(join(this.#folder, ".socket.sock"));
    const chunks: Buffer[] = [];
    let bytes = 0;
    const fail = (why: string) =>
      reject(new PfError("PF_SOURCE_FAILED", `Hyprland does not answer: ${why}.`));
    const timer = setTimeout(() => fail(`not within ${answerMsMax} ms`), answerMsMax);
    socket.on("connect", () => socket.write(request));
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > answerBytesMax) fail("its answer has no end");
    });
    socket.on("error", (error) => fail(error.message));
    socket.on("close", () => resolve(Buffer.concat(chunks).toString()));
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      socket.destroy();
    }
  }

  /** Throws PF_SOURCE_FAILED with Hyprland's words unless it answers "ok". */
  async command(request: string): Promise<void> {
    const answer = (await this.ask(request)).trim();
    if (answer === "ok") return;
    throw new PfError("PF_SOURCE_FAILED", `Hyprland refused "${request}": ${answer}.`);
  }

  async monitors(): Promise<readonly HyprlandMonitor[]> {
    const answer = await this.ask("j/monitors");
    try {
      return monitorsShape.parse(JSON.parse(answer));
    } catch (cause) {
      const words = "Hyprland tells its monitors in a way that is not known here.";
      throw new PfError("PF_SOURCE_FAILED", words, { cause });
    }
  }

  /** Calls back for each event until `close`; `ended` resolves when Hyprland goes. */
  follow(onEvent: (name: string, data: string) => void) {
    const socket = connect(join(this.#folder, ".socket2.sock"));
    const ended = Promise.withResolvers<void>();
    let rest = "";
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      const lines = (rest + chunk).split("\n");
      rest = (lines.pop() as string).slice(-lineBytesMax);
      for (const line of lines) {
        const at = line.indexOf(">>");
        if (at > 0) onEvent(line.slice(0, at), line.slice(at + 2));
      }
    });
    socket.on("error", () => {}); // close follows
    socket.on("close", () => ended.resolve());
    return { ended: ended.promise, close: () => socket.destroy() };
  }
}

const lineBytesMax = 65_536;
