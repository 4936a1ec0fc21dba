/** Devices of the kernel that the host writes to, and whether this user may. */
import { closeSync, constants, existsSync, openSync } from "node:fs";
import type { Examination } from "../../base/diagnosis.ts";
import { asRoot } from "../../base/install.ts";

interface DeviceNeed {
  /** As "uinput": the node in /dev, and its module. */
  readonly name: string;
  readonly purpose: string;
}

export function checkDevice(look: Examination, { name, purpose }: DeviceNeed): void {
  const path = `/dev/${name}`;
  if (!existsSync(path)) {
    const load = asRoot(`modprobe ${name}`);
    const keep = `echo ${name} | ${asRoot(`tee /etc/modules-load.d/punktfunk-${name}.conf`)}`;
    look.warn(path, `It is not there: ${purpose} can't be made.`, `${load} && ${keep}`);
    return;
  }
  try {
    closeSync(openSync(path, constants.O_RDWR | constants.O_NONBLOCK));
    look.ok(path, `It opens: ${purpose} can be made.`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const isForbidden = code === "EACCES" || code === "EPERM";
    const detail = `It can't be opened (${message}): ${purpose} can't be made.`;
    look.warn(path, detail, isForbidden ? rule(name) : asRoot(`modprobe ${name}`));
  }
}

/** Gives the device to who sits at the machine, and to the group input. */
function rule(name: string): string {
  const line =
    `KERNEL=="${name}", SUBSYSTEM=="misc", MODE="0660", GROUP="input", ` +
    `TAG+="uaccess", OPTIONS+="static_node=${name}"`;
  const file = `/etc/udev/rules.d/60-punktfunk-${name}.rules`;
  return [
    `echo '${line}' | ${asRoot(`tee ${file}`)}`,
    asRoot("udevadm control --reload-rules"),
    asRoot(`udevadm trigger /dev/${name}`),
    `${asRoot("usermod -aG input $USER")} # then log in anew`,
  ].join(" && ");
}
