/** Shows nothing: frames_presented stays 0, because nobody saw a picture. */
import { NativePresenter, type PresenterOptions } from "./presenter.ts";

export class NullPresenter extends NativePresenter {
  constructor(options: PresenterOptions = {}) {
    super("present", "The presenter", "PF_PRESENT_FAILED", options, {});
  }
}
