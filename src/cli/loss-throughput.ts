/** Prints how fast the erasure codes and the sealing are, as they are measured. */
import { measureThroughput } from "../harness/loss/throughput.ts";
import type { Output } from "./output.ts";

export async function printThroughput(output: Output, interrupted: AbortSignal): Promise<void> {
  let rows = 0;
  if (!output.json) output.print("kernel                op      shape             lost    GB/s");
  for (const row of measureThroughput()) {
    rows++;
    const { kernel, op, k, m, bytes, lost, gbPerS } = row;
    output.record({ type: "throughput", kernel, op, k, m, bytes, lost, gbPerS });
    const shape = row.m > 0 ? `${row.k}+${row.m} x ${row.bytes}` : `${row.k} x ${row.bytes}`;
    const lost = row.op === "decode" ? String(row.lost) : "";
    const figure = row.gbPerS.toFixed(2).padStart(7);
    if (!output.json) {
      output.print(
        `${row.kernel.padEnd(20)}  ${row.op.padEnd(6)}  ${shape.padEnd(16)}  ${lost.padStart(4)} ${figure}`,
      );
    }
    await Bun.sleep(0);
    if (interrupted.aborted) return;
  }
  output.record({ type: "summary", rows });
}
