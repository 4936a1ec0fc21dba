import { ExitCode } from "../../base/errors.ts";
import { parseBurstDuration, parseHost, parseTestRate } from "../arguments.ts";
import { command, jsonArgument } from "../command.ts";

export default command({
  name: "speed-test",
  description: "Measure what the path from a host carries, and which bitrate suits it",
  args: {
    host: {
      type: "positional",
      description: "name or address of the host, with :PORT if it is not 9777",
      valueHint: "HOST[:PORT]",
      required: true,
    },
    fingerprint: {
      type: "string",
      description: "the host's certificate must have this SHA-256, in hex",
      valueHint: "HEX",
    },
    rate: {
      type: "string",
      description: "send at this rate; usual: find the rate that the path sustains",
      valueHint: "RATE",
    },
    for: {
      type: "string",
      description: "how long the measured burst is, up to 5s; usual: 2s, when a rate is found 1s",
      valueHint: "TIME",
    },
    ...jsonArgument,
  },
  examples: [
    ["punktfunk speed-test gamingbox", "find the rate that the path sustains, in six seconds"],
    ["punktfunk speed-test 192.0.2.7 --rate 1G --for 2s", "see whether it carries 1 Gbps"],
    [
      "punktfunk speed-test 192.0.2.7 --fingerprint 3f… --json | tail -1",
      "the figures alone, for scripts",
    ],
  ],
  async run({ args, output, interrupted }) {
    const options = {
      ...parseHost(args.host),
      fingerprint: args.fingerprint,
      rate: args.rate === undefined ? null : parseTestRate(args.rate),
      duration: args.for === undefined ? null : parseBurstDuration(args.for),
    };
    const { readHostFingerprint } = await import("../../host/trust/identity.ts");
    const { runSpeedTest } = await import("../../client/speed-test.ts");
    const { confirmFingerprint } = await import("../prompts.ts");
    const { burstLine, clampWarning, progressLine, speedTable } = await import("../speed.ts");
    const ownFingerprint = await readHostFingerprint();
    const { summary, error } = await runSpeedTest(
      { ...options, ownFingerprint },
      {
        interrupted,
        confirmFingerprint: output.canAsk
          ? (host, fingerprint) => confirmFingerprint(host, fingerprint, interrupted)
          : undefined,
        info: (text) => output.info(text),
        warn: (text) => output.warn(text),
        progress: (progress) => {
          output.record({ type: "progress", ...progress });
          output.live(progressLine(progress));
        },
        step: (burst, held) => {
          output.record({ type: "burst", held, ...burst });
          if (options.rate === null) output.info(burstLine(burst, held));
        },
      },
    );
    if (summary !== undefined) {
      const warning = clampWarning(summary);
      if (warning !== undefined) output.warn(warning);
      if (!output.json) output.print(speedTable(summary));
      output.record(summary);
    }
    if (error !== undefined) {
      // What a person stopped has not failed.
      if (interrupted.aborted) return ExitCode.interrupted;
      output.failure(error);
      return error.exitCode;
    }
    return ExitCode.done;
  },
});
