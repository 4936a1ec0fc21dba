import { ExitCode, PfError } from "../../base/errors.ts";
import type { CodecName } from "../../wire/media.ts";
import { parseMode } from "../../wire/mode.ts";
import {
  parseBitrate,
  parseChoice,
  parseCount,
  parseDuration,
  parseFec,
  parseHost,
} from "../arguments.ts";
import { command, jsonArgument } from "../command.ts";

const codecs = ["h264", "hevc", "av1"] as const satisfies readonly CodecName[];
const places = ["none", "window", "terminal"] as const;
const soakFor = "10m";
/** Less has no end that could be held against its beginning. */
const soakMsMin = 30_000;

export default command({
  name: "latency-probe",
  description: "Measure latency by what is in the pictures, and hold the stages' own stamps to it",
  args: {
    where: {
      type: "positional",
      description:
        "loopback: a host of this machine's own; soak: the same for long, with limits; or a host " +
        "that runs serve --source synthetic",
      valueHint: "loopback|soak|HOST[:PORT]",
      required: true,
    },
    fingerprint: {
      type: "string",
      description: "the host's certificate must have this SHA-256, in hex",
      valueHint: "HEX",
    },
    mode: {
      type: "string",
      description: "size and rate of the picture",
      valueHint: "WxH@Hz",
      default: "1280x720@60",
    },
    codec: { type: "string", description: codecs.join(", "), valueHint: "CODEC", default: "h264" },
    bitrate: { type: "string", description: "500k to 2G; usual: 20M", valueHint: "RATE" },
    fec: {
      type: "string",
      description: "share of parity: auto, or 5 to 50 percent",
      valueHint: "auto|PERCENT",
      default: "auto",
    },
    decoder: {
      type: "string",
      description: "auto, software, or a hardware type such as vaapi",
      valueHint: "DECODER",
      default: "auto",
    },
    present: {
      type: "string",
      description: "where the picture is shown; with window the X screen's own pixels are read",
      valueHint: places.join("|"),
      default: "none",
    },
    input: {
      type: "boolean",
      description: "press keys, and time their answers in the picture",
    },
    duration: {
      type: "string",
      description: `for how long; usual: 10 s, a soak ${soakFor}`,
      valueHint: "TIME",
      alias: "for",
    },
    busy: {
      type: "string",
      description: "keep this program's own thread busy for so many milliseconds of each second",
      valueHint: "MS",
      default: "0",
    },
    ...jsonArgument,
  },
  examples: [
    ["punktfunk latency-probe loopback", "ten seconds on this machine, without a display"],
    ["punktfunk latency-probe loopback --input --duration 5 --json", "with keys, for scripts"],
    ["punktfunk latency-probe gamingbox --mode 1920x1080@120", "across the network"],
    ["punktfunk latency-probe soak --for 1h", "whether an hour leaves everything as it was"],
  ],
  async run({ args, output, interrupted }) {
    const isSoak = args.where === "soak";
    const isOwn = isSoak || args.where === "loopback";
    const present = parseChoice(args.present, "place to show the picture", places);
    const busyMs = parseCount(args.busy, "busy time in ms", 0, 1000);
    const options = {
      mode: parseMode(args.mode),
      codecs: [parseChoice(args.codec, "codec", codecs)],
      bitrateKbps: args.bitrate === undefined ? null : parseBitrate(args.bitrate),
      fecPermille: parseFec(args.fec),
      decoder: args.decoder,
      present,
      record: undefined,
      durationMs: parseDuration(args.duration ?? (isSoak ? soakFor : "10s")),
      typeText: undefined,
      waits: false,
      input: args.input === true,
      screen: present === "window" ? process.env["DISPLAY"] || undefined : undefined,
    };
    if (isSoak && options.durationMs < soakMsMin) {
      throw new PfError("PF_USAGE", `A soak takes at least ${soakMsMin / 1000} s.`, {
        hint: "Its end is held against its beginning: write --for 10m.",
      });
    }
    if (isOwn && args.fingerprint !== undefined) {
      throw new PfError("PF_USAGE", "A host of this machine's own has no --fingerprint to check.");
    }
    const { startOwnHost } = await import("../own-host.ts");
    await using host = isOwn
      ? await startOwnHost({
          name: "probe",
          flags: ["--source", "synthetic"],
          info: (text) => output.info(text),
        })
      : undefined;
    const target =
      host === undefined
        ? { ...parseHost(args.where), fingerprint: args.fingerprint }
        : { host: "127.0.0.1", port: host.port, fingerprint: host.fingerprint };
    const { runProbe } = await import("../latency-run.ts");
    const { code } = await runProbe(
      { ...options, ...target, isSoak, hostPid: host?.pid ?? null, busyMs },
      { output, interrupted },
    );
    return interrupted.aborted ? ExitCode.interrupted : code;
  },
});
