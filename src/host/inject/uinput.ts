/** Input by the kernel's virtual devices, where a desktop offers no way of its own. */
import { UinputDevices, type UinputOptions } from "../../ffi/uinput/uinput.ts";
import type { InputTarget } from "./target.ts";

/**
 * Works with every desktop that reads the machine's devices, so not with one that runs without a
 * seat; positions go over all its screens. Needs access to /dev/uinput. Throws PF_INPUT_FAILED.
 */
export function openUinputInput(options: UinputOptions = {}): InputTarget {
  return new UinputDevices(options);
}
