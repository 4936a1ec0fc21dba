/** Input by an emulated input server (EIS): gamescope's socket, Mutter's, KWin's or the portal's. */
import { NativeInput, type NativeInputOptions } from "../input/input.ts";

export interface EiOptions extends NativeInputOptions {
  /** Absolute path of the server's socket, as gamescope's LIBEI_SOCKET, or a connected socket. */
  readonly server: { readonly path: string } | { readonly fd: number };
  /** The region that places refer to: that of the stream's mapping id, else of this size. */
  readonly mappingId?: string;
  readonly width?: number;
  readonly height?: number;
}

/**
 * The server's own layout reads the keys, and text is typed by it: `layout` only counts where the
 * server has no keymap. Takes the descriptor over, also when it fails. The constructor waits up to
 * 3 s for the server's devices and throws PF_INPUT_FAILED, or PF_LIBRARY_MISSING without libei.
 */
export class EiDevices extends NativeInput {
  constructor(options: EiOptions) {
    const { server, mappingId = "", width = 0, height = 0 } = options;
    super("ei", options, { ...server, region: mappingId, width, height });
  }
}
