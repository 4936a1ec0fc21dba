/** The way in for a client's keys and pointer: that of the desktop, and the kernel's devices. */
import type { Examination } from "../../base/diagnosis.ts";
import { EventQueue } from "../../ffi/core/core.ts";
import { makeDesktop } from "./desktop.ts";
import { checkDevice } from "./devices.ts";

export async function examineInput(look: Examination): Promise<void> {
  const events = new EventQueue();
  try {
    const made = await makeDesktop(look, events);
    if (made !== undefined) {
      const { source } = made;
      look.progress(`Opening keyboard and mouse of ${source.name} …`);
      const isOpen = source.injector !== null;
      // Nothing is typed: a person may be working there.
      const detail = `${source.name} takes keyboard and mouse.`;
      if (isOpen) look.ok("desktop", detail);
      else look.fail("desktop", source.why, `punktfunk probe-compositor ${source.name}`);
      await source.destroy();
    }
  } finally {
    await events.close();
  }
  checkDevice(look, { name: "uinput", purpose: "a keyboard and mouse of the kernel" });
  checkDevice(look, { name: "uhid", purpose: "a gamepad with motion and touch" });
}
