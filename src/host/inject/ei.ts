/** Input by libei: gamescope's socket, or what ConnectToEIS of Mutter, KWin or the portal gives. */
import { closeSync } from "node:fs";
import { PfError } from "../../base/errors.ts";
import { EiDevices, type EiOptions } from "../../ffi/ei/ei.ts";
import type { InputTarget } from "./target.ts";

/**
 * Keyboard, pointers and touch of an input server; the desktop's own layout reads the keys. Takes
 * the descriptor over. Throws PF_INPUT_FAILED; PF_LIBRARY_MISSING where this build is without libei.
 */
export function openEiInput(options: EiOptions): InputTarget {
  try {
    return new EiDevices(options);
  } catch (thrown) {
    const isMissing = thrown instanceof PfError && thrown.code === "PF_LIBRARY_MISSING";
    if (isMissing && "fd" in options.server) closeSync(options.server.fd);
    throw thrown;
  }
}
