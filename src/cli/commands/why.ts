import { PfError } from "../../base/errors.ts";
import type { Why } from "../../wire/management.ts";
import { parseChoice } from "../arguments.ts";
import { type CommandContext, command } from "../command.ts";
import { apiArguments } from "../host/reaching.ts";

const sides = ["client", "host"] as const;
type Side = (typeof sides)[number];

const whyArguments = {
  id: {
    type: "positional",
    required: false,
    description: "of one session; its first digits do. Usual: all that are live here",
    valueHint: "ID",
  },
  side: {
    type: "string",
    description: "client or host: who tells; usual: the client where it runs here",
    valueHint: "SIDE",
  },
  ...apiArguments,
} as const;

export default command({
  name: "why",
  description: "Say where a live session's time and frames go, and what would help",
  args: whyArguments,
  examples: [
    ["punktfunk why", "of each session that is live here, on its client or on its host"],
    ["punktfunk why --at gamingbox", "what a host elsewhere knows, from a paired device"],
    ["punktfunk why --json", "one JSON line a session, for scripts"],
  ],
  async run(context) {
    const { output, interrupted } = context;
    const reports: Why[] = [];
    for (const source of await chosenSources(context)) {
      const report = await measured(source, interrupted);
      if (report === undefined) continue;
      reports.push(report);
      output.record({ type: "why", ...report });
      if (output.json) continue;
      const { whyWords } = await import("../why.ts");
      output.print(whyWords(report));
    }
    if (reports.length === 0) throw noSession();
    const findings = reports.reduce((count, report) => count + report.findings.length, 0);
    output.record({ type: "summary", sessions: reports.length, findings });
    return undefined;
  },
});

/** Where a session can be asked about. */
interface Source {
  readonly id: string;
  /** null: not enough was seen yet; undefined: it has ended. */
  readonly ask: (signal: AbortSignal) => Promise<Why | null | undefined>;
}

const noSession = () =>
  new PfError("PF_SESSION_MISSING", "No session is live here.", {
    hint: "Ask while punktfunk connect or punktfunk serve streams, or --at HOST.",
  });

async function chosenSources(context: CommandContext<typeof whyArguments>): Promise<Source[]> {
  const { args } = context;
  const side = args.side === undefined ? undefined : parseChoice(args.side, "side", sides);
  if (side === "client" && args.at !== undefined) {
    throw new PfError("PF_USAGE", "--at asks a host: --side client does not go with it.", {
      hint: "Leave one of them out.",
    });
  }
  const asksClients = side !== "host" && args.at === undefined;
  const clients = asksClients ? await clientSources() : [];
  const known = new Set(clients.map(({ id }) => id));
  const hosts = side === "client" ? [] : await hostSources(context, side);
  const all = [...clients, ...hosts.filter(({ id }) => !known.has(id))];
  if (all.length === 0) throw noSession();
  if (args.id === undefined) return all;
  const { chosen } = await import("../host/values.ts");
  return [chosen(all, args.id, { what: "live session", hint: "See punktfunk why." })];
}

async function clientSources(): Promise<Source[]> {
  const { findLive } = await import("../../client/live-socket.ts");
  return (await findLive()).map(({ session, why }) => ({ id: String(session), ask: why }));
}

async function hostSources(
  context: CommandContext<typeof whyArguments>,
  side: Side | undefined,
): Promise<Source[]> {
  const { reaching } = await import("../host/reaching.ts");
  const api = await reaching(context).catch((thrown: unknown) => {
    const isNone = thrown instanceof PfError && thrown.code === "PF_HOST_UNREACHABLE";
    // Without a word about a host it is as good to have none.
    if (isNone && context.args.at === undefined && side === undefined) return undefined;
    throw thrown;
  });
  if (api === undefined) return [];
  const { sessions } = await api.call("sessions");
  return sessions
    .filter(({ purpose }) => purpose === "stream")
    .map(({ id }) => ({
      id: String(id),
      ask: async () =>
        api.call("why", { id }).catch((thrown: unknown) => {
          if (!(thrown instanceof PfError)) throw thrown;
          if (thrown.code === "PF_HOST_REFUSED") return null;
          if (thrown.code === "PF_USAGE" || thrown.code === "PF_PEER_LOST") return undefined;
          throw thrown;
        }),
    }));
}

/** A session that has just begun has something to tell within so long. */
const patienceMs = 8000;
const againMs = 250;

/** undefined: it has ended. */
async function measured(source: Source, signal: AbortSignal): Promise<Why | undefined> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    signal.throwIfAborted();
    const report = await source.ask(signal);
    if (report !== null) return report;
    if (performance.now() > deadline) {
      throw new PfError("PF_SESSION_MISSING", `The session ${source.id} does not stream yet.`, {
        hint: "Ask again once its picture is there.",
      });
    }
    await Bun.sleep(againMs);
  }
}
