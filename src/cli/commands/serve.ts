import { hostname } from "node:os";
import { perMille } from "../../base/units.ts";
import { audioSources } from "../../host/sound/policy.ts";
import { sourceNames } from "../../wire/displays.ts";
import { limit } from "../../wire/limits.ts";
import {
  parseChoice,
  parseCount,
  parseFec,
  parseKeyboardLayout,
  parseOwnAddress,
  parsePort,
  parseProbeRate,
} from "../arguments.ts";
import { command, jsonArgument } from "../command.ts";

const sources = ["auto", ...sourceNames] as const;
const patterns = { moving: "moving", card: "testCard", still: "still" } as const;
const patternNames = Object.keys(patterns) as (keyof typeof patterns)[];

export default command({
  name: "serve",
  description: "Stream this machine's desktop to clients that connect",
  args: {
    port: {
      type: "string",
      description: "UDP port of the control plane; 0 = any free one",
      valueHint: "PORT",
      default: "9777",
    },
    "media-port": {
      type: "string",
      description: "UDP port of the media plane; usual: the control port + 1",
      valueHint: "PORT",
    },
    name: { type: "string", description: "the name that clients see", valueHint: "NAME" },
    bind: {
      type: "string",
      description: "listen at this address of the machine alone; usual: at all",
      valueHint: "ADDRESS",
    },
    advertise: {
      type: "boolean",
      description: "let clients find this host by its name",
      negativeDescription: "be found by address only",
      default: true,
    },
    open: {
      type: "boolean",
      description: "serve devices that are not paired too: whoever reaches the port controls it",
    },
    arm: {
      type: "boolean",
      description: "show a PIN for pairing a device, good for two minutes and one try",
    },
    source: {
      type: "string",
      description: `where pictures come from: ${sources.join(", ")}; usual: as kept, auto at first`,
      valueHint: "SOURCE",
    },
    app: {
      type: "string",
      description: "what runs in a desktop that the host starts; usual: a terminal",
      valueHint: "CMD",
    },
    pattern: {
      type: "string",
      description: `picture of the synthetic source: ${Object.keys(patterns).join(", ")}`,
      valueHint: "PATTERN",
      default: "moving",
    },
    "keyboard-layout": {
      type: "string",
      description: "layout of the keyboard in desktops that take one; client: each client's own",
      valueHint: "LAYOUT|client",
      default: "client",
    },
    audio: {
      type: "string",
      description:
        "sound that clients hear: auto, of a sink that the host adds; monitor, what the default " +
        "sink plays; off",
      valueHint: audioSources.join("|"),
      default: "auto",
    },
    mic: {
      type: "boolean",
      description: "let applications hear the microphones of paired devices that offer theirs",
    },
    encoder: {
      type: "string",
      description: "auto, nvenc, vaapi, software, or a name such as libx264",
      valueHint: "ENCODER",
      default: "auto",
    },
    fec: {
      type: "string",
      description: "share of parity: auto adapts it to the path, 5 to 50 percent fix it",
      valueHint: "auto|PERCENT",
      default: "auto",
    },
    "max-probe": {
      type: "string",
      description: "fastest burst that a speed test gets, up to 20G",
      valueHint: "RATE",
      default: "3G",
    },
    "max-concurrent": {
      type: "string",
      description: "clients at once; further ones wait in a line; usual: as kept, 4 at first",
      valueHint: "COUNT",
      alias: "max-sessions",
    },
    "mgmt-port": {
      type: "string",
      description: "TCP port of the management API and its page; 0 = any free one; usual: 9779",
      valueHint: "PORT",
    },
    "mgmt-bind": {
      type: "string",
      description: "address where they listen; usual: this machine alone",
      valueHint: "ADDRESS",
    },
    ...jsonArgument,
  },
  examples: [
    ["punktfunk serve", "stream the desktop that is there, or a sway desktop of its own"],
    ["punktfunk serve --arm", "the same, and show a PIN for punktfunk pair"],
    ["punktfunk serve --source mutter --app gnome-terminal", "a headless GNOME Shell's compositor"],
    ["punktfunk serve --source sway --app foot", "a headless sway desktop with a terminal"],
    ["punktfunk serve --source synthetic --port 0 --json", "a test picture, for scripts"],
  ],
  async run({ args, output, interrupted }) {
    const { startHost } = await import("../../host/host.ts");
    const { sentenceOf } = await import("../../host/report.ts");
    const { managementPortDefault } = await import("../../wire/management.ts");
    const port = parsePort(args.port);
    const fec = parseFec(args.fec);
    const maxSessions = args["max-concurrent"];
    // Started as a service, this process knows nothing of the desktop.
    const { importEnvironment, importWords } = await import("../../host/readiness/environment.ts");
    const words = importWords(await importEnvironment());
    if (words !== "") output.info(words);
    const host = await startHost({
      address: args.bind === undefined ? undefined : parseOwnAddress(args.bind),
      port,
      mediaPort:
        args["media-port"] !== undefined
          ? parsePort(args["media-port"])
          : port === 0
            ? 0
            : port + 1,
      name: args.name ?? hostname(),
      advertise: args.advertise !== false,
      trust: args.open === true ? "open" : "required",
      arm: args.arm === true,
      source: args.source === undefined ? undefined : parseChoice(args.source, "source", sources),
      app: args.app,
      pattern: patterns[parseChoice(args.pattern, "pattern", patternNames)],
      keyboardLayout: parseKeyboardLayout(args["keyboard-layout"]),
      sound: {
        audio: parseChoice(args.audio, "source of sound", audioSources),
        microphone: args.mic === true,
      },
      encoder: args.encoder,
      parityPermille: fec ?? perMille(limit("parity_permille_default")),
      isParityPinned: fec !== null,
      probeRateMax: parseProbeRate(args["max-probe"]),
      sessionsMax:
        maxSessions === undefined ? undefined : parseCount(maxSessions, "sessions", 1, 64),
      management: {
        address: args["mgmt-bind"] === undefined ? undefined : parseOwnAddress(args["mgmt-bind"]),
        port:
          args["mgmt-port"] !== undefined
            ? parsePort(args["mgmt-port"])
            : port === 0
              ? 0
              : managementPortDefault,
        assets: async () => (await import("../../console/assets.ts")).consoleAssets(),
      },
      onReport: (report) => {
        output.record({ ...report });
        const { level, text } = sentenceOf(report);
        output[level](text);
      },
    });
    const stop = () => void host.stop("interrupted");
    interrupted.addEventListener("abort", stop, { once: true });
    if (interrupted.aborted) stop();
    await host.closed;
    return undefined;
  },
});
