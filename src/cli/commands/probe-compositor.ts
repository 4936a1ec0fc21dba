import { ExitCode } from "../../base/errors.ts";
import type { DisplayKind } from "../../wire/displays.ts";
import { parseChoice, parseDuration } from "../arguments.ts";
import { command, jsonArgument } from "../command.ts";

export default command({
  name: "probe-compositor",
  description: "Tell which desktops can be streamed here now, and what the others lack",
  args: {
    name: {
      type: "positional",
      description:
        "one of sway, wlroots, hyprland, kwin, mutter, gamescope, portal, x11; usual: all of them",
      valueHint: "NAME",
      required: false,
    },
    running: {
      type: "boolean",
      description: "only desktops that run already, not what the host could start itself",
    },
    wait: {
      type: "string",
      description: "look again until it is ready, for as long as this",
      valueHint: "TIME",
    },
    ...jsonArgument,
  },
  examples: [
    ["punktfunk probe-compositor", "what can be streamed here, and what the rest lacks"],
    ["punktfunk probe-compositor mutter", "exit status 0 when Mutter can be streamed, else 1"],
    [
      "punktfunk probe-compositor --running --wait 20s",
      "wait for a desktop that starts, as services do",
    ],
    ["punktfunk probe-compositor --json", "one JSON line for each kind, for scripts"],
  ],
  async run({ args, output, interrupted }) {
    const { displayKinds, startedKinds } = await import("../../host/readiness/readiness.ts");
    const { waitUntilReady } = await import("../../host/readiness/probe.ts");
    const { importWords } = await import("../../host/readiness/environment.ts");
    const { readinessTable, readinessDetails } = await import("../readiness.ts");
    const running = args.running === true;
    const all = displayKinds.filter((kind) => !running || !startedKinds.includes(kind));
    const kinds: readonly DisplayKind[] =
      args.name === undefined ? all : [parseChoice(args.name, "desktop", all)];
    const waitMs = args.wait === undefined ? 0 : parseDuration(args.wait);
    const beganAt = performance.now();
    const { found, imported } = await waitUntilReady(kinds, {
      waitMs,
      running,
      signal: interrupted,
      onWaiting: () => {
        const seconds = Math.ceil((waitMs - (performance.now() - beganAt)) / 1000);
        output.live(`Waiting for ${args.name ?? "a desktop"}, ${seconds} s left …`);
      },
    });
    if (interrupted.aborted) return ExitCode.interrupted;
    output.endLive();
    const words = importWords(imported);
    if (words !== "") output.info(words);
    for (const readiness of found) output.record({ type: "probe", ...readiness });
    const ready = found.filter(({ ok }) => ok).map(({ kind }) => kind);
    if (!output.json) output.print(readinessTable(found));
    if (!output.json && ready.length === 0) output.print(readinessDetails(found));
    const ok = ready.length > 0;
    const waitedMs = Math.round(performance.now() - beganAt);
    output.record({ type: "summary", ok, ready, imported, waitedMs });
    const asked = args.name ?? "any desktop";
    if (ok) output.success(`Ready to be streamed: ${ready.join(", ")}.`);
    else
      output.warn(`${asked} can't be streamed here${waitMs > 0 ? ", for all the waiting" : ""}.`);
    return ok ? ExitCode.done : ExitCode.failed;
  },
});
