/** Input of a wlroots compositor, sway among them. */
import { InputDevices, type InputOptions } from "../../ffi/input/input.ts";
import type { InputTarget } from "./target.ts";

/**
 * Its virtual keyboard and pointer; fingers move the pointer. The keyboard brings a layout of its
 * own, which the desktop reads its keys by. Throws PF_INPUT_FAILED.
 */
export function openWlrootsInput(options: InputOptions): InputTarget {
  return Object.assign(new InputDevices(options), { keyboardLayout: options.layout ?? "us" });
}
