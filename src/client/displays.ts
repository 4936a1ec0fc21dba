/** Asks a host which desktops it can stream, without starting one. */
import type { MessageOf } from "../wire/control.ts";
import { parseMode } from "../wire/mode.ts";
import { greetHost, type HostTarget, type ReachHooks, reachHost } from "./control/reach.ts";

export type OfferedDisplay = NonNullable<MessageOf<"welcome">["displays"]>[number];

/** Throws as `reachHost` and `greetHost` do; empty for a host that does not say. */
export async function askDisplays(
  target: HostTarget,
  hooks: ReachHooks,
): Promise<readonly OfferedDisplay[]> {
  const connection = await reachHost(target, hooks);
  const interrupt = () => void connection.close("interrupted");
  hooks.interrupted.addEventListener("abort", interrupt, { once: true });
  try {
    const welcome = await greetHost(connection, {
      mode: parseMode("640x360@30"),
      codecs: ["h264", "hevc", "av1"],
      bitrateKbps: null,
      fecPermille: null,
      purpose: "probe",
      waits: false,
    });
    return welcome.displays ?? [];
  } finally {
    hooks.interrupted.removeEventListener("abort", interrupt);
    await connection.close("done");
  }
}
