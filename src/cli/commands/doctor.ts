import { type Check, type Plane, planes } from "../../base/diagnosis.ts";
import { ExitCode, PfError } from "../../base/errors.ts";
import { parseChoice, parseHost } from "../arguments.ts";
import { command, jsonArgument } from "../command.ts";

export default command({
  name: "doctor",
  description: "Try everything that a stream needs, and tell what mends what fails",
  args: {
    plane: {
      type: "positional",
      description: `one of ${planes.join(", ")}; usual: all but net`,
      valueHint: "PLANE",
      required: false,
    },
    host: {
      type: "positional",
      description: "for net: name or address of the host, with :PORT if it is not 9777",
      valueHint: "HOST[:PORT]",
      required: false,
    },
    fingerprint: {
      type: "string",
      description: "for net: the host's certificate must have this SHA-256, in hex",
      valueHint: "HEX",
    },
    ...jsonArgument,
  },
  examples: [
    ["punktfunk doctor", "try everything that this host needs to stream"],
    ["punktfunk doctor encode", "which encoders work, and what the others lack"],
    ["punktfunk doctor net gamingbox", "the way from this client to a host"],
    ["punktfunk doctor service", "whether the host starts by itself, and as what"],
    ["punktfunk doctor --json", "one JSON line for each check, for scripts"],
  ],
  async run({ args, output, interrupted }) {
    const wanted = wantedPlanes(args.plane, args.host);
    if (args.fingerprint !== undefined && args.plane !== "net") {
      throw new PfError("PF_USAGE", "--fingerprint is for doctor net HOST alone.");
    }
    const target = args.host === undefined ? undefined : parseHost(args.host);
    const { worst } = await import("../../base/diagnosis.ts");
    const { checkLine, planeTitle, verdictLine } = await import("../diagnosis.ts");
    const checks: Check[] = [];
    const hooks = {
      signal: interrupted,
      onProgress: (text: string) => output.live(text),
      onCheck: (check: Check) => {
        checks.push(check);
        output.record({ type: "check", ...check });
        if (!output.json) output.print(checkLine(check));
      },
    };
    for (const plane of wanted) {
      if (interrupted.aborted) break;
      if (!output.json) output.print(planeTitle(plane));
      if (plane === "net") {
        const { examineNet } = await import("../../client/doctor/net.ts");
        const { readHostFingerprint } = await import("../../host/trust/identity.ts");
        const ownFingerprint = await readHostFingerprint();
        const { host, port } = target as NonNullable<typeof target>;
        await examineNet({ host, port, fingerprint: args.fingerprint, ownFingerprint }, hooks);
      } else {
        const { examineHost } = await import("../../host/doctor/doctor.ts");
        await examineHost(plane, hooks);
      }
    }
    output.endLive();
    if (interrupted.aborted) return ExitCode.interrupted;
    const of = (plane: Plane) => checks.filter((check) => check.plane === plane);
    const verdicts = Object.fromEntries(wanted.map((plane) => [plane, worst(of(plane))]));
    const count = (verdict: Check["verdict"]) =>
      checks.filter((check) => check.verdict === verdict).length;
    const counts = { ok: count("ok"), warn: count("warn"), fail: count("fail") };
    output.record({ type: "summary", ok: counts.fail === 0, planes: verdicts, checks: counts });
    if (!output.json) output.print(verdictLine(verdicts));
    return counts.fail === 0 ? ExitCode.done : ExitCode.failed;
  },
});

/** What to examine. Throws PF_USAGE for words that do not fit. */
function wantedPlanes(plane: string | undefined, host: string | undefined): readonly Plane[] {
  if (plane === undefined) return planes.filter((one) => one !== "net");
  const chosen = parseChoice(plane, "plane", planes);
  if (chosen === "net" && host === undefined) {
    throw new PfError("PF_USAGE", "doctor net needs a host.", {
      hint: "Write punktfunk doctor net HOST; punktfunk discover lists hosts.",
    });
  }
  if (chosen !== "net" && host !== undefined) {
    throw new PfError(
      "PF_USAGE",
      `doctor ${chosen} takes no host: "${host}" is one word too many.`,
    );
  }
  return [chosen];
}
