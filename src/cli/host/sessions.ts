import type { Session } from "../../wire/management.ts";
import { command } from "../command.ts";
import type { Output } from "../output.ts";
import { apiArguments, reaching } from "./reaching.ts";

export default command({
  name: "host sessions",
  description: "List the sessions that run and what they do",
  args: {
    watch: { type: "boolean", description: "go on, each second, until Ctrl-C" },
    ...apiArguments,
  },
  examples: [
    ["punktfunk host sessions", "who streams, at what rate, with what loss and latency"],
    ["punktfunk host sessions --watch", "the same, each second anew"],
    ["punktfunk host sessions --watch --json", "one JSON line for each session and second"],
  ],
  async run(context) {
    const { args, output } = context;
    const api = await reaching(context);
    let last: readonly Session[];
    if (args.watch === true) {
      last = [];
      const shown = new Redrawn(output);
      for await (const { name, data } of await api.events()) {
        if (name !== "sessions") continue;
        last = data.sessions;
        for (const session of last) output.record({ type: "session", ...session });
        if (!output.json) shown.show(await words(last));
      }
    } else {
      last = (await api.call("sessions")).sessions;
      for (const session of last) output.record({ type: "session", ...session });
      if (!output.json) output.print(await words(last));
    }
    output.record({ type: "summary", sessions: last.length });
    return undefined;
  },
});

/** Text that takes the place of what was shown before, on a terminal; elsewhere it follows. */
class Redrawn {
  readonly #output: Output;
  #lines = 0;
  #text = "";

  constructor(output: Output) {
    this.#output = output;
  }

  show(text: string): void {
    if (!this.#output.interactive) {
      if (text !== this.#text) this.#output.print(text);
      this.#text = text;
      return;
    }
    const columns = process.stderr.columns ?? 80;
    // A line that wraps would make two of one.
    const lines = text.split("\n").map((line) => Bun.sliceAnsi(line, 0, columns - 1));
    const up = this.#lines === 0 ? "" : `\x1b[${this.#lines}A`;
    // Written over and not cleared first, so that nothing flickers.
    this.#output.print(`${up}${lines.join("\x1b[K\n")}\x1b[J`);
    this.#lines = lines.length;
  }
}

const ms = (us: number | undefined) => (us === undefined ? "–" : `${(us / 1000).toFixed(1)} ms`);

async function words(sessions: readonly Session[]): Promise<string> {
  if (sessions.length === 0) return "  No session runs.";
  const { durationWords, table } = await import("./table.ts");
  const { rateWords } = await import("../speed.ts");
  const heads = [
    "ID",
    "CLIENT",
    "ADDRESS",
    "LEVEL",
    "FOR",
    "STREAM",
    "FPS",
    "RATE",
    "LOSS",
    "LATENCY",
  ];
  const rows = sessions.map((session) => {
    const { stream, figures } = session;
    const what = stream === null ? session.purpose : `${stream.mode} ${stream.codec}`;
    const loss = figures?.lossPct ?? null;
    return [
      String(session.id),
      session.client,
      session.address,
      session.level ?? "open",
      durationWords(Date.now() - Date.parse(session.startedAt)),
      what,
      figures === null ? "–" : figures.fps.sent.toFixed(1),
      figures === null ? "–" : rateWords(figures.bitrateKbps),
      loss === null ? "–" : `${loss.toFixed(2)}%`,
      ms(figures?.captureToPresentedUs?.p50),
    ];
  });
  return table([heads, ...rows], [6, 7, 8, 9]);
}
