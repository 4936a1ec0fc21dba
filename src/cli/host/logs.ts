import { plainLine } from "../../wire/control.ts";
import type { LogLine } from "../../wire/management.ts";
import { parseCount } from "../arguments.ts";
import { command } from "../command.ts";
import { apiArguments, reaching } from "./reaching.ts";

export default command({
  name: "host logs",
  description: "Show what the host said of late",
  args: {
    follow: { type: "boolean", description: "go on until Ctrl-C" },
    lines: {
      type: "string",
      description: "the newest so many, up to 1000",
      valueHint: "COUNT",
      default: "1000",
    },
    ...apiArguments,
  },
  examples: [
    ["punktfunk host logs", "the last 1,000 lines"],
    ["punktfunk host logs --lines 20 --follow", "the last 20, and what comes"],
    ["punktfunk host logs --json", "one JSON line for each, for scripts"],
  ],
  async run(context) {
    const { args, output } = context;
    const limit = parseCount(args.lines, "lines", 1, 1000);
    const api = await reaching(context);
    // Opened first: what is said between the two would be lost.
    const events = args.follow === true ? await api.events() : undefined;
    const { lines } = await api.call("logs", { query: { limit } });
    let count = 0;
    let last = 0;
    const show = (line: LogLine) => {
      if (line.sequence <= last) return;
      last = line.sequence;
      count++;
      output.record({ type: "log", ...line });
      if (!output.json) output.print(words(line));
    };
    for (const line of lines) show(line);
    for await (const { name, data } of events ?? []) if (name === "log") show(data);
    output.record({ type: "summary", lines: count });
    return undefined;
  },
});

const marks: Readonly<Record<LogLine["level"], string>> = {
  info: " ",
  success: "✔",
  warn: "!",
  error: "✖",
};

/** A line at the time of this machine. */
function words({ at, level, text }: LogLine): string {
  const time = new Date(at);
  const local = new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString();
  const [date, clock] = [local.slice(0, 10), local.slice(11, 19)];
  const [first = "", ...rest] = Bun.stripANSI(text).split("\n").map(plainLine);
  const indent = " ".repeat(22);
  return [`${date} ${clock} ${marks[level]} ${first}`, ...rest.map((each) => indent + each)].join(
    "\n",
  );
}
