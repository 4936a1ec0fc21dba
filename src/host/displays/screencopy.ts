/** What displays of wlroots compositors have in common: screencopy and its input protocols. */
import { CaptureStage } from "../../ffi/capture/capture.ts";
import type { InputTarget } from "../inject/target.ts";
import { openWlrootsInput } from "../inject/wlroots.ts";
import type { PictureStage, StageWiring } from "../sources.ts";
import type { Display, InputWiring } from "./display.ts";

/** A display that is one output of a wlroots compositor. */
export interface WlrootsDisplay extends Display {
  /** Absolute path of the compositor's Wayland socket. */
  readonly socketPath: string;
  /** The output to capture; also the one that absolute positions refer to. */
  readonly outputName: string;
}

type Output = Pick<WlrootsDisplay, "socketPath" | "outputName" | "mode">;

export function captureOutput({ socketPath, outputName, mode }: Output, wiring: StageWiring) {
  const { refreshMilliHz } = mode;
  const stage: PictureStage = new CaptureStage({
    socketPath,
    outputName,
    refreshMilliHz,
    ...wiring,
  });
  return stage;
}

export function controlOutput(output: Output, wiring: InputWiring): InputTarget {
  const { socketPath, outputName } = output;
  const { keyboardLayout, ...rest } = wiring;
  const layout = keyboardLayout === undefined ? {} : { layout: keyboardLayout };
  return openWlrootsInput({ socketPath, outputName, ...rest, ...layout });
}
