/** Whether this machine has a PipeWire that can be used: see probe.h. */
import { ptr } from "bun:ffi";
import { toPfError } from "../../base/errors.ts";
import { pipewireServer } from "../../wire/abi.ts";
import { readField, readText } from "../../wire/layout.ts";
import { openLibrary } from "../library.ts";

const symbols = { pf_pipewire_probe: { args: ["ptr", "ptr"], returns: "i32" } } as const;

let library: ReturnType<typeof openLibrary<typeof symbols>> | undefined;
const pipewire = () => (library ??= openLibrary("pipewire", symbols));

/** What a look at PipeWire found. */
export interface PipeWireProbe {
  /** Whether pictures and sound can come from it. */
  readonly ok: boolean;
  /** A sentence: what it is, or what is missing and how to get it. */
  readonly why: string;
  /** The server's version; null when none answers. */
  readonly version: string | null;
}

/**
 * Asks the server at `socketPath` (default: the user's own) for its version and whether a session
 * manager runs. Never throws; takes a few milliseconds, and at most two answers' time (6 s) when
 * the server hangs.
 */
export function probePipeWire(socketPath = ""): PipeWireProbe {
  const bytes = new Uint8Array(pipewireServer.bytes);
  try {
    const { functions, check } = pipewire();
    const path = new TextEncoder().encode(`${socketPath}\0`);
    const asked = functions.pf_pipewire_probe(ptr(path), ptr(bytes));
    check(asked, "PF_SOURCE_FAILED", "PipeWire can't be used");
  } catch (error) {
    return { ok: false, why: toPfError(error).sentence(), version: null };
  }
  const version = readText(bytes, pipewireServer, "version");
  const managed = readField(new DataView(bytes.buffer), pipewireServer, "session_manager") !== 0;
  const why = managed
    ? `PipeWire ${version} answers.`
    : `PipeWire ${version} answers, but no session manager runs: start wireplumber.`;
  return { ok: managed, why, version };
}
