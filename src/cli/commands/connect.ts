import { readFile } from "node:fs/promises";
import { ExitCode, PfError } from "../../base/errors.ts";
import { type InputScript, scriptHelp } from "../../client/input/script.ts";
import { audioChoices } from "../../client/sound/wish.ts";
import type { CodecName } from "../../wire/media.ts";
import { parseMode } from "../../wire/mode.ts";
import {
  parseBitrate,
  parseChoice,
  parseDuration,
  parseFec,
  parseHost,
  parseKeyboardLayout,
  parseTypedText,
} from "../arguments.ts";
import { command, jsonArgument } from "../command.ts";

const keyboards = ["auto", "codes", "text"] as const;
const codecs = ["auto", "h264", "hevc", "av1"] as const;
const presenters = ["auto", "window", "terminal", "none"] as const;

/** The value of --input-test without one. */
const usualInputTest = "usual";

/** The value of --compositor without one. */
const usualChoice = "choose";

const usualMode = "1280x720@60";

/** What this client prefers where the host can do several. */
const codecsByPreference: readonly CodecName[] = ["h264", "hevc", "av1"];

export default command({
  name: "connect",
  description: "Show a host's desktop here and control it",
  args: {
    host: {
      type: "positional",
      description: "name or address of the host; without one, choose of those that are found",
      valueHint: "HOST[:PORT]",
      required: false,
    },
    fingerprint: {
      type: "string",
      description: "the host's certificate must have this SHA-256, in hex",
      valueHint: "HEX",
    },
    mode: {
      type: "string",
      description:
        "size and rate of the desktop that the host makes; usual: 1280x720@60, then that of the " +
        "window. Of several, Ctrl+Alt+Shift+M goes to the next",
      valueHint: "WxH@Hz[,…]",
    },
    "follow-window": {
      type: "boolean",
      description: "the desktop gets the size of the window; usual: without --mode",
    },
    compositor: {
      type: "string",
      description: "which of the host's desktops; without a name, choose of those that it has",
      valueHint: "[NAME]",
    },
    codec: {
      type: "string",
      description: codecs.join(", "),
      valueHint: "CODEC",
      default: "auto",
    },
    bitrate: {
      type: "string",
      description: "500k to 2G; usual: the host's, 20M",
      valueHint: "RATE",
    },
    fec: {
      type: "string",
      description: "share of parity: auto leaves it to the host, 5 to 50 percent fix it",
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
      description: presenters.join(", "),
      valueHint: "WHERE",
      default: "auto",
    },
    record: {
      type: "string",
      description: "store the stream as it comes: .mkv, .mp4, .h264, .hevc or .obu",
      valueHint: "FILE",
    },
    duration: {
      type: "string",
      description: "end after this time, counted from the first picture",
      valueHint: "TIME",
    },
    type: {
      type: "string",
      description: "type this text on the host once the picture is there",
      valueHint: "TEXT",
    },
    keyboard: {
      type: "string",
      description:
        "codes: keys travel by their place and the host's layout reads them; text: as what they " +
        "print here; auto: text only where both layouts are known and differ",
      valueHint: keyboards.join("|"),
      default: "auto",
    },
    "keyboard-layout": {
      type: "string",
      description: "this keyboard's layout, for hosts that take it, as us or de(nodeadkeys)",
      valueHint: "LAYOUT",
    },
    audio: {
      type: "string",
      description: `sound of the host: ${audioChoices.join(", ")}; auto: stereo from another machine`,
      valueHint: "CHANNELS",
      default: "auto",
    },
    mic: {
      type: "boolean",
      description:
        "let applications of the host hear this machine's microphone, if the host allows",
    },
    grab: {
      type: "boolean",
      description: "begin with the pointer grabbed, as games need it; Ctrl+Alt+Shift+Z frees it",
    },
    "input-test": {
      type: "string",
      description: "play a script of input, or the usual one again and again; see below",
      valueHint: "[SCRIPT]",
    },
    wait: {
      type: "boolean",
      description: "wait for a person's approval if not paired; usual: on a terminal",
    },
    ...jsonArgument,
  },
  topic: { title: "SCRIPTS OF INPUT, one event a line", lines: scriptHelp },
  bareValues: { "input-test": usualInputTest, compositor: usualChoice },
  examples: [
    ["punktfunk connect", "choose one of the hosts that are found in this network"],
    ["punktfunk connect gamingbox", "show the host's desktop at 1280x720@60"],
    ["punktfunk connect 192.0.2.7 --mode 1920x1080@120 --bitrate 50M", "a bigger, faster one"],
    [
      "punktfunk connect 127.0.0.1 --present none --record out.mkv --duration 5 --json",
      "record five seconds, for scripts",
    ],
    [
      "punktfunk connect 127.0.0.1 --present none --input-test --duration 1h --json",
      "play keys, text, pointer, wheel and a finger for an hour; the summary counts them",
    ],
  ],
  async run({ args, output, interrupted }) {
    const codec = parseChoice(args.codec, "codec", codecs);
    const modes = args.mode === undefined ? [] : args.mode.split(",").map(parseMode);
    const options = {
      fingerprint: args.fingerprint,
      mode: modes[0] ?? parseMode(usualMode),
      ...(modes.length > 1 ? { modes } : {}),
      followsWindow: args["follow-window"] ?? modes.length === 0,
      compositor: args.compositor === usualChoice ? undefined : args.compositor,
      codecs: codec === "auto" ? codecsByPreference : [codec],
      bitrateKbps: args.bitrate === undefined ? null : parseBitrate(args.bitrate),
      fecPermille: parseFec(args.fec),
      decoder: args.decoder,
      present: parseChoice(args.present, "place to show the picture", presenters),
      record: args.record,
      durationMs: args.duration === undefined ? undefined : parseDuration(args.duration),
      typeText: parseTypedText(args.type),
      inputScript: await readInputScript(args["input-test"]),
      keyboard: parseChoice(args.keyboard, "way for keys to travel", keyboards),
      grab: args.grab === true,
      audio: parseChoice(args.audio, "sound", audioChoices),
      microphone: args.mic === true,
      keyboardLayout: parseKeyboardLayout(args["keyboard-layout"]),
      waits: args.wait ?? output.interactive,
    };
    const { pickDisplay, pickHost } = await import("../pick-host.ts");
    const target =
      args.host === undefined
        ? await pickHost("connect", { output, signal: interrupted })
        : parseHost(args.host);
    const { readHostFingerprint } = await import("../../host/trust/identity.ts");
    const { runClient } = await import("../../client/client.ts");
    const { askApproval } = await import("../approval.ts");
    const { confirmFingerprint } = await import("../prompts.ts");
    const { liveLine, summaryTable } = await import("../summary.ts");
    const { showPlace, showWaiting } = await import("../waiting.ts");
    const { LiveSocket } = await import("../../client/live-socket.ts");
    await using open = new AsyncDisposableStack();
    const ownFingerprint = await readHostFingerprint();
    const reaching = {
      interrupted,
      confirmFingerprint: output.canAsk
        ? (host: string, fingerprint: string) => confirmFingerprint(host, fingerprint, interrupted)
        : undefined,
    };
    const compositor =
      args.compositor === usualChoice
        ? await pickDisplay(
            { ...target, fingerprint: options.fingerprint, ownFingerprint },
            reaching,
            output,
          )
        : options.compositor;
    const result = await runClient(
      { ...target, ...options, compositor, ownFingerprint },
      {
        ...reaching,
        info: (text) => output.info(text),
        warn: (text) => output.warn(text),
        record: (record) => output.record(record),
        started: (session) => {
          const opening = LiveSocket.open(session).catch((error: PfError) => {
            output.warn(error.sentence());
          });
          open.defer(async () => (await opening)?.close());
        },
        approvalAwaited: (awaited) => showWaiting(output, target.host, awaited),
        placeAwaited: (awaited) => showPlace(output, target.host, awaited),
        askApproval: output.canAsk
          ? (question, signal) => output.question(() => askApproval(question, signal))
          : undefined,
        interval: (figures, shownBy) => {
          output.record(figures);
          // The terminal presenter has a status line of its own.
          if (shownBy !== "terminal") output.live(liveLine(figures));
        },
      },
    );
    if (result.summary !== undefined) {
      if (!output.json) output.print(summaryTable(result.summary));
      output.record(result.summary);
    }
    if (result.error !== undefined) {
      output.failure(result.error);
      return result.error.exitCode;
    }
    return ExitCode.done;
  },
});

async function readInputScript(path: string | undefined): Promise<InputScript | undefined> {
  if (path === undefined) return undefined;
  const { parseScript, usualScript } = await import("../../client/input/script.ts");
  if (path === usualInputTest) return usualScript();
  const source = await readFile(path, "utf8").catch((error) => {
    throw new PfError("PF_USAGE", `The input script ${path} can't be read: ${error.message}.`, {
      hint: "Without a name, --input-test plays the usual one.",
    });
  });
  return parseScript(source);
}
