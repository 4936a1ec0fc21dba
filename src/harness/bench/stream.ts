/** The synthetic stream on an undisturbed path: nothing is lost, and what the path costs. */
import { type Row, type Section, show, verdictOf } from "./row.ts";
import { stream } from "./streaming.ts";

const seconds = 10;
const framesWanted = 600;
const framesTolerance = 3;
const overheadUsWanted = 300;

export const benchStream: Section = async (progress) => {
  progress(`1280x720@60 for ${seconds} s, host and client as two processes`);
  const { summary, overhead, host } = await stream({
    serve: ["--source", "synthetic", "--encoder", "libx264"],
    seconds,
  });
  const { frames, stagesUs, latencyUs, packets } = summary;
  const encoder = String(host.find(({ type }) => type === "session-started")?.["encoder"]);
  const how = `1280x720@60, ${seconds} s, ${encoder}, two processes over loopback`;
  const off = Math.abs(frames.received - framesWanted);
  const over = overhead?.percentiles() ?? null;
  const stages = (name: "p50" | "p99") =>
    Object.entries(stagesUs).map(([stage, figures]) => `${stage} ${show(figures?.[name])}`);
  const decoded = latencyUs.captureToDecoded;
  const rows: Row[] = [
    {
      what: "frames received",
      wanted: `${framesWanted} ± ${framesTolerance}`,
      seen: String(frames.received),
      verdict: verdictOf(off <= framesTolerance),
      method: how,
      figures: { frames: frames.received },
    },
    {
      what: "frames lost",
      wanted: "0",
      seen: `${frames.lost} (${packets.lost} packets)`,
      verdict: verdictOf(frames.lost === 0),
      method: how,
      figures: { frames: frames.lost, packets: packets.lost },
    },
    {
      what: "all but coding, p50",
      wanted: `≤ ${overheadUsWanted} µs`,
      seen: `${show(over?.p50)} µs (p95 ${show(over?.p95)}, p99 ${show(over?.p99)})`,
      verdict: verdictOf(over !== null && over.p50 <= overheadUsWanted),
      method:
        "of each frame: from capture to its last needed shard, less conversion and encoding: " +
        "queue + parity + seal + send + receive + open + reassemble",
      figures: { p50: over?.p50 ?? null, p95: over?.p95 ?? null, p99: over?.p99 ?? null },
    },
    {
      what: "stages, p50 µs",
      wanted: "",
      seen: stages("p50").join(" "),
      verdict: "report",
      method: "each stage by itself; network: end of encoding to reassembled, seal included",
      figures: Object.fromEntries(
        Object.entries(stagesUs).map(([stage, figures]) => [stage, figures?.p50 ?? null]),
      ),
    },
    {
      what: "stages, p99 µs",
      wanted: "",
      seen: stages("p99").join(" "),
      verdict: "report",
      method: "",
      figures: Object.fromEntries(
        Object.entries(stagesUs).map(([stage, figures]) => [stage, figures?.p99 ?? null]),
      ),
    },
    {
      what: "capture to decoded",
      wanted: "",
      seen: `${show(decoded?.p50)} µs (p95 ${show(decoded?.p95)}, p99 ${show(decoded?.p99)})`,
      verdict: "report",
      method: how,
      figures: { p50: decoded?.p50 ?? null, p95: decoded?.p95 ?? null, p99: decoded?.p99 ?? null },
    },
  ];
  return rows;
};
