import { ExitCode, PfError } from "../../base/errors.ts";
import { command, jsonArgument } from "../command.ts";

export default command({
  name: "demo",
  description: "Stream a desktop from this machine to itself and show it, to see that it works",
  args: {
    duration: {
      type: "string",
      description: "how long the picture is shown",
      valueHint: "TIME",
      default: "10",
    },
    mode: {
      type: "string",
      description: "size and rate of the desktop",
      valueHint: "WxH@Hz",
      default: "1280x720@60",
    },
    source: {
      type: "string",
      description: "auto (a sway desktop if sway is there), sway, synthetic",
      valueHint: "SOURCE",
      default: "auto",
    },
    app: { type: "string", description: "what runs in the desktop", valueHint: "CMD" },
    present: {
      type: "string",
      description: "auto, window, terminal, none",
      valueHint: "WHERE",
      default: "auto",
    },
    ...jsonArgument,
  },
  examples: [
    ["punktfunk demo", "ten seconds of a live desktop, in a window or in this terminal"],
    ["punktfunk demo --duration 5 --json", "the same for scripts: ends with the summary"],
  ],
  async run({ args, output, interrupted }) {
    const { parseChoice, parseDuration } = await import("../arguments.ts");
    const { parseMode } = await import("../../wire/mode.ts");
    const { runDemo } = await import("../demo.ts");
    const { demoApplication } = await import("../demo-desktop.ts");
    parseMode(args.mode);
    parseDuration(args.duration);
    parseChoice(args.source, "source", ["auto", "sway", "synthetic"]);
    parseChoice(args.present, "place to show the picture", ["auto", "window", "terminal", "none"]);
    const app = args.app ?? demoApplication();
    const code = await runDemo({
      json: output.json,
      interrupted,
      info: (text) => output.info(text),
      serve: ["--source", args.source, ...(app === undefined ? [] : ["--app", app])],
      connect: ["--mode", args.mode, "--duration", args.duration, "--present", args.present],
    });
    if (code === ExitCode.done || code === ExitCode.interrupted) return code;
    throw new PfError("PF_PEER_LOST", `The demo's client ended with exit code ${code}.`, {
      hint: "What it said stands above.",
    });
  },
});
