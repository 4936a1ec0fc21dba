/**
 * Where the program keeps what outlives it, and how: files that only their owner reads (0600, in
 * folders 0700), replaced as a whole (write, fsync, rename), so that a crash leaves the old or the
 * new content; and read against a schema, so that a damaged file is reported, never overwritten.
 */
import { constants } from "node:fs";
import { link, mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import type { z } from "zod";
import { PfError } from "./errors.ts";

/** What a person edits; what the program made and can't make again; what it may forget. */
export type StateKind = "config" | "data" | "state";

const xdg: Record<StateKind, readonly [variable: string, fallback: string]> = {
  config: ["XDG_CONFIG_HOME", ".config"],
  data: ["XDG_DATA_HOME", ".local/share"],
  state: ["XDG_STATE_HOME", ".local/state"],
};

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The folder of a kind: `$PUNKTFUNK_HOME/<kind>` where that is set, else punktfunk's folder by the
 * XDG base directory specification, which ignores relative paths.
 */
export function stateFolder(kind: StateKind, environment: Environment = process.env): string {
  const home = environment["PUNKTFUNK_HOME"];
  if (home !== undefined && home !== "") return join(home, kind);
  const [variable, fallback] = xdg[kind];
  const folder = environment[variable];
  const base =
    folder?.startsWith("/") === true ? folder : join(environment["HOME"] ?? homedir(), fallback);
  return join(base, "punktfunk");
}

/** The path of a file in a kind's folder. */
export function statePath(kind: StateKind, name: string): string {
  return join(stateFolder(kind), name);
}

/** A JSON file's checked content, or undefined when there is no such file. */
export async function readState<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
): Promise<z.output<Schema> | undefined> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(path, "it is not JSON", error);
  }
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const issue = checked.error.issues[0];
  const where = issue?.path.map(String).join(".") ?? "";
  throw invalid(path, `${where === "" ? "its content" : where} is not as expected`, checked.error);
}

/** Replaces a JSON file as a whole. */
export async function writeState(path: string, value: unknown): Promise<void> {
  await withTemporary(path, value, (temporary) => rename(temporary, path));
}

/** Writes a JSON file if there is none; false when there is one, which is left as it is. */
export async function createState(path: string, value: unknown): Promise<boolean> {
  return withTemporary(path, value, async (temporary) => {
    try {
      await link(temporary, path);
      return true;
    } catch (error) {
      if (errorCode(error) === "EEXIST") return false;
      throw error;
    }
  });
}

/**
 * Reads, changes and writes a file while no other process does the same; `change` gets undefined
 * when there is no file.
 */
export async function updateState<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
  change: (current: z.output<Schema> | undefined) => z.input<Schema>,
): Promise<void> {
  const release = await lock(path);
  try {
    await writeState(path, change(await readState(path, schema)));
  } finally {
    await release();
  }
}

/** A lock is held for a write of a small file; one this old belongs to a process that died. */
const lockStaleMs = 5000;
const lockRetryMs = 10;

async function lock(path: string): Promise<() => Promise<void>> {
  const lockPath = `${path}.lock`;
  await makeFolder(path);
  const { O_CREAT, O_EXCL, O_WRONLY } = constants;
  for (;;) {
    try {
      const file = await open(lockPath, O_CREAT | O_EXCL | O_WRONLY, 0o600);
      await file.close();
      return () => rm(lockPath, { force: true });
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw unusable(path, error);
    }
    const held = await stat(lockPath).catch(() => undefined);
    if (held !== undefined && Date.now() - held.mtimeMs > lockStaleMs) {
      await rm(lockPath, { force: true });
    } else {
      await Bun.sleep(lockRetryMs);
    }
  }
}

async function withTemporary<Result>(
  path: string,
  value: unknown,
  place: (temporary: string) => Promise<Result>,
): Promise<Result> {
  await makeFolder(path);
  const temporary = `${path}.${process.pid}.${crypto.randomUUID()}.tmp`;
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(`${JSON.stringify(value, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    const result = await place(temporary);
    await syncFolder(dirname(path));
    return result;
  } catch (error) {
    throw unusable(path, error);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw unusable(path, error);
  }
}

/** Makes a rename survive a power cut. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw unusable(path, error);
  }
}

const errorCode = (error: unknown) => (error as NodeJS.ErrnoException).code;

function invalid(path: string, why: string, cause: unknown): PfError {
  return new PfError("PF_STATE_INVALID", `${path} can't be used: ${why}.`, {
    hint: "Mend it, or move it away to begin anew; punktfunk does not overwrite it.",
    cause,
  });
}

function unusable(path: string, cause: unknown): PfError {
  if (cause instanceof PfError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new PfError("PF_STATE_INVALID", `${path} can't be read or written: ${why}.`, {
    hint: "Check the folder's owner and free space, or set PUNKTFUNK_HOME to another folder.",
    cause,
  });
}
