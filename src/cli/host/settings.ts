import { PfError } from "../../base/errors.ts";
import { limit } from "../../wire/limits.ts";
import { compositors, type Settings, type SettingsChange } from "../../wire/management.ts";
import { parseBitrate, parseChoice, parseCount } from "../arguments.ts";
import { command } from "../command.ts";
import { apiArguments, reaching } from "./reaching.ts";

export default command({
  name: "host settings",
  description: "Show the host's settings, or change them now and for later starts",
  args: {
    bitrate: {
      type: "string",
      description: "for clients that ask for none",
      valueHint: "RATE",
    },
    "max-bitrate": {
      type: "string",
      description: "the most that a client gets",
      valueHint: "RATE",
    },
    "max-sessions": { type: "string", description: "clients at once, 1 to 64", valueHint: "COUNT" },
    compositor: {
      type: "string",
      description: `where the next session's pictures come from: ${compositors.join(", ")}`,
      valueHint: "SOURCE",
    },
    ...apiArguments,
  },
  examples: [
    ["punktfunk host settings", "what is in force"],
    ["punktfunk host settings --bitrate 20M --max-bitrate 50M", "sessions that run follow"],
    ["punktfunk host settings --max-sessions 2 --compositor sway", "from the next session on"],
  ],
  async run(context) {
    const { args, output } = context;
    const change: SettingsChange = {
      ...(args.bitrate === undefined ? {} : { bitrateKbpsDefault: parseRate(args.bitrate) }),
      ...(args["max-bitrate"] === undefined
        ? {}
        : { bitrateKbpsMax: parseRate(args["max-bitrate"]) }),
      ...(args["max-sessions"] === undefined
        ? {}
        : { sessionsMax: parseCount(args["max-sessions"], "sessions", 1, 64) }),
      ...(args.compositor === undefined
        ? {}
        : { compositor: parseChoice(args.compositor, "source", compositors) }),
    };
    const changed = Object.keys(change);
    const api = await reaching(context);
    const settings =
      changed.length === 0
        ? await api.call("settings")
        : await api.call("changeSettings", { body: change });
    output.record({ type: "settings", ...settings });
    if (changed.length > 0) output.success("The settings are changed, and kept.");
    if (!output.json) output.print(await words(settings));
    output.record({ type: "summary", changed });
    return undefined;
  },
});

/** A rate that the host's encoders take. */
function parseRate(text: string): number {
  const rate = parseBitrate(text);
  const [low, high] = [limit("bitrate_kbps_min"), limit("bitrate_kbps_max")];
  if (rate >= low && rate <= high) return rate;
  throw new PfError("PF_USAGE", `${text} is no bitrate for a stream.`, {
    hint: `Write ${low}k to ${high / 1_000_000}G.`,
  });
}

async function words(settings: Settings): Promise<string> {
  const { facts } = await import("./table.ts");
  const { rateWords } = await import("../speed.ts");
  return facts([
    ["bitrate", `${rateWords(settings.bitrateKbpsDefault)}, where a client asks for none`],
    ["max-bitrate", rateWords(settings.bitrateKbpsMax)],
    ["max-sessions", String(settings.sessionsMax)],
    ["compositor", settings.compositor],
  ]);
}
