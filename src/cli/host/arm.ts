import { PfError } from "../../base/errors.ts";
import type { Device, Pairing } from "../../wire/management.ts";
import { command } from "../command.ts";
import type { Output } from "../output.ts";
import type { HostApi } from "./api.ts";
import { apiArguments, reaching } from "./reaching.ts";
import { levelArgument, parseLevel, parseWindow } from "./values.ts";
import { deviceWords } from "./words.ts";

export default command({
  name: "host arm",
  description: "Show a PIN by which one device can pair, and wait until it has",
  args: {
    level: { ...levelArgument, description: "what the device may do", default: "full" },
    for: {
      type: "string",
      description: "how long the PIN is good, up to 2m",
      valueHint: "TIME",
      default: "2m",
    },
    wait: {
      type: "boolean",
      description: "see how it ends; Ctrl-C takes the PIN back",
      negativeDescription: "show the PIN and leave it armed",
      default: true,
    },
    ...apiArguments,
  },
  examples: [
    ["punktfunk host arm", "a PIN for punktfunk pair; it is good for one try"],
    ["punktfunk host arm --level view --for 30s", "for a device that only watches"],
    ["punktfunk host arm --no-wait --json", "for scripts"],
  ],
  async run(context) {
    const { args, output, interrupted } = context;
    const body = { level: parseLevel(args.level), durationMs: parseWindow(args.for) };
    // Once a PIN is armed, Ctrl-C has to be told to the host: it must not end the calls any more.
    const calls = new AbortController();
    const giveUp = () => calls.abort();
    interrupted.addEventListener("abort", giveUp, { once: true });
    const api = await reaching(context, calls.signal);
    interrupted.removeEventListener("abort", giveUp);
    const armed = await api.call("arm", { body });
    const { window } = armed;
    if (window === null) {
      throw new PfError("PF_HOST_REFUSED", "The host armed no PIN.", {
        hint: "See punktfunk host logs.",
      });
    }
    output.record({ type: "window", ...window, uri: armed.uri });
    if (!output.json) output.print(await pinWords(armed, window, output.interactive));
    if (args.wait === false) {
      output.record({ type: "summary", ended: null, device: null });
      return undefined;
    }
    const ending = await awaitEnding(window, { api, output, interrupted });
    calls.abort();
    return report(ending, output);
  },
});

type Window = NonNullable<Pairing["window"]>;
type How = NonNullable<Pairing["ended"]> | "replaced" | "interrupted";
interface Ending {
  readonly how: How;
  /** The device that was paired. */
  readonly device: Device | undefined;
}

async function pinWords(
  { uri }: Pairing,
  { pin, level }: Window,
  isInteractive: boolean,
): Promise<string> {
  const { showPin } = await import("../../wire/pairing/pin.ts");
  const spoken = `  PIN ${showPin(pin)}, for a device of the level ${level}: punktfunk pair HOST`;
  if (!isInteractive) return spoken;
  const { bigPin } = await import("./big-pin.ts");
  const parts = ["", bigPin(pin), "", spoken];
  if (uri !== null) {
    const { qrCode } = await import("./qr-code.ts");
    const code = qrCode(uri, process.stderr);
    if (code !== undefined) parts.push("", code, "");
  }
  return parts.join("\n");
}

const tickMs = 250;

async function awaitEnding(
  window: Window,
  given: {
    readonly api: HostApi;
    readonly output: Output;
    readonly interrupted: AbortSignal;
  },
): Promise<Ending> {
  const { api, output, interrupted } = given;
  const { countdown } = await import("./table.ts");
  // The host's clock may be another one: what remained counts.
  const endsMs = performance.now() + window.remainingMs;
  const tick = () =>
    output.live(`  ${countdown(endsMs - performance.now())} left · Ctrl-C ends it`);
  tick();
  const timer = setInterval(tick, tickMs);
  const interruption = Promise.withResolvers<"interrupted">();
  const onAbort = () => interruption.resolve("interrupted");
  interrupted.addEventListener("abort", onAbort, { once: true });
  if (interrupted.aborted) onAbort();
  try {
    const ending = endingOf(window, api);
    ending.catch(() => {});
    const first = await Promise.race([ending, interruption.promise]);
    if (first !== "interrupted") return first;
    await takeBack(window, api);
    return { how: "interrupted", device: undefined };
  } finally {
    clearInterval(timer);
    interrupted.removeEventListener("abort", onAbort);
    output.endLive();
  }
}

/** Follows the host until this window is no longer the one that is armed. */
async function endingOf(window: Window, api: HostApi): Promise<Ending> {
  // The first event is the state as it is now, so nothing is missed since it was armed.
  for await (const { name, data } of await api.events()) {
    if (name !== "pairing" || data.window?.id === window.id) continue;
    if (data.window !== null) return { how: "replaced", device: undefined };
    const how = data.ended ?? "disarmed";
    return { how, device: how === "used" ? await newestDevice(window, api) : undefined };
  }
  return { how: "interrupted", device: undefined };
}

async function newestDevice(window: Window, api: HostApi): Promise<Device | undefined> {
  const { devices } = await api.call("devices");
  return devices
    .filter(({ pairedAt }) => pairedAt >= window.armedAt)
    .toSorted((a, b) => (a.pairedAt < b.pairedAt ? 1 : -1))[0];
}

/** Disarms this window, not one that somebody armed after it. */
async function takeBack(window: Window, api: HostApi): Promise<void> {
  const now = await api.call("pairing");
  if (now.window?.id === window.id) await api.call("disarm");
}

const failures: Readonly<Record<Exclude<How, "used" | "interrupted">, string>> = {
  burnt: "A wrong PIN was tried, so this one is burnt.",
  expired: "Nobody used the PIN in time.",
  disarmed: "The PIN was taken back.",
  replaced: "Another PIN was armed in place of this one.",
};

function report({ how, device }: Ending, output: Output): undefined {
  if (how === "interrupted") output.info("The PIN is taken back.");
  if (how === "used") {
    const who = device === undefined ? "A device" : deviceWords(device);
    output.success(
      `${who} is paired${device === undefined ? "" : `; its level is ${device.level}`}.`,
    );
  }
  if (device !== undefined) output.record({ type: "device", ...device });
  output.record({ type: "summary", ended: how, device: device?.id ?? null });
  if (how === "used" || how === "interrupted") return undefined;
  throw new PfError("PF_PAIRING_FAILED", failures[how], {
    hint: how === "disarmed" || how === "replaced" ? "" : "Arm a new one: punktfunk host arm.",
  });
}
