/** Input by the kernel's uinput, for desktops that read the machine's devices by themselves. */
import { NativeInput, type NativeInputOptions } from "../input/input.ts";

export interface UinputOptions extends NativeInputOptions {
  /** Default /dev/uinput. */
  readonly path?: string;
}

/**
 * A keyboard, a mouse, a pointer with places and a touch screen of the kernel. The desktop's own
 * layout reads the keys: `layout` says which it is, for typing text, and what it does not have can't
 * be typed. The constructor throws PF_INPUT_FAILED with what is missing.
 */
export class UinputDevices extends NativeInput {
  constructor(options: UinputOptions = {}) {
    super("uinput", options, { path: options.path ?? "/dev/uinput" });
  }
}
