/**
 * How another process of the same user asks a client that streams: HTTP on a unix socket in the
 * user's runtime folder, one for each session. The folder is 0700 and the socket 0600, so that
 * nobody else can; it is gone with the session, and what a killed client left is swept away.
 */
import { chmod, mkdir, readdir, rm } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { PfError } from "../base/errors.ts";
import { stateFolder } from "../base/state.ts";
import { type Why, whySchema } from "../wire/management.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** `$PUNKTFUNK_HOME/run`, punktfunk's folder in XDG_RUNTIME_DIR, or one beside the state. */
export function liveFolder(environment: Environment = process.env): string {
  const { PUNKTFUNK_HOME: home, XDG_RUNTIME_DIR: runtime } = environment;
  if (home !== undefined && home !== "") return join(home, "run");
  if (runtime?.startsWith("/") === true) return join(runtime, "punktfunk");
  return join(stateFolder("state", environment), "run");
}

/** sun_path of unix(7), with its end. */
const pathBytesMax = 107;
const namePattern = /^client-(\d+)-(\d+)\.sock$/;

export interface LiveSession {
  readonly session: number;
  /** null: not enough was seen yet. */
  why(): Why | null;
}

/** Answers for a session until it is closed. */
export class LiveSocket {
  readonly #path: string;
  readonly #server: Bun.Server<undefined>;

  private constructor(path: string, server: Bun.Server<undefined>) {
    this.#path = path;
    this.#server = server;
  }

  /** Throws PF_STATE_INVALID when there can be no socket: the stream does not need one. */
  static async open(live: LiveSession): Promise<LiveSocket> {
    const folder = liveFolder();
    const path = join(folder, `client-${process.pid}-${live.session}.sock`);
    if (Buffer.byteLength(path) > pathBytesMax) throw unusable(path, "the path is too long");
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await chmod(folder, 0o700);
      await findLive();
      const server = Bun.serve({
        unix: path,
        fetch: ({ method, url }) => {
          if (method !== "GET" || new URL(url).pathname !== "/why") {
            return new Response(null, { status: 404 });
          }
          const answer = live.why();
          return answer === null ? new Response(null, { status: 409 }) : Response.json(answer);
        },
      });
      await chmod(path, 0o600);
      return new LiveSocket(path, server);
    } catch (error) {
      throw unusable(path, (error as Error).message);
    }
  }

  async close(): Promise<void> {
    await this.#server.stop(true);
    await rm(this.#path, { force: true });
  }
}

function unusable(path: string, why: string): PfError {
  return new PfError("PF_STATE_INVALID", `${path} can't be opened: ${why}.`, {
    hint: "Only punktfunk why needs it; XDG_RUNTIME_DIR names a folder that takes it.",
  });
}

/** A client of this user's that streams. */
export interface FoundSession {
  readonly session: number;
  /** null: not enough was seen yet; undefined: it has ended. */
  readonly why: (signal: AbortSignal) => Promise<Why | null | undefined>;
}

/** All that live on this machine. Sockets where nobody listens any more are taken away. */
export async function findLive(): Promise<FoundSession[]> {
  const folder = liveFolder();
  const names = await readdir(folder).catch(() => []);
  const found = await Promise.all(
    names.map(async (name): Promise<FoundSession | undefined> => {
      const session = Number(namePattern.exec(name)?.[2]);
      if (!Number.isSafeInteger(session)) return undefined;
      const path = join(folder, name);
      if (await listens(path)) return { session, why: (signal) => askWhy(path, signal) };
      await rm(path, { force: true });
      return undefined;
    }),
  );
  return found.filter((each) => each !== undefined);
}

/** A process that is stopped still has its socket. */
function listens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (isThere: boolean) => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once("connect", () => end(true));
    socket.once("error", ({ code }: NodeJS.ErrnoException) => {
      end(code !== "ECONNREFUSED" && code !== "ENOENT");
    });
  });
}

/** The client answers between two events; one that is stopped never does. */
const answerMsMax = 3000;

async function askWhy(path: string, signal: AbortSignal): Promise<Why | null | undefined> {
  const either = AbortSignal.any([signal, AbortSignal.timeout(answerMsMax)]);
  const response = await fetch("http://client/why", { unix: path, signal: either }).catch(
    () => undefined,
  );
  if (response === undefined) return undefined;
  if (response.status === 409) return null;
  const read = whySchema.safeParse(await response.json().catch(() => undefined));
  if (read.success) return read.data;
  throw new PfError("PF_PROTOCOL_VERSION", "The client that streams is of another version.", {
    hint: "Start it anew.",
  });
}
