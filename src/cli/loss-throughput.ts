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
    const shape = m > 0 ? `${k}+${m} x ${bytes}` : `${k} x ${bytes}`;
    const words = [
      kernel.padEnd(20),
      op.padEnd(6),
      shape.padEnd(16),
      (op === "decode" ? String(lost) : "").padStart(4),
      gbPerS.toFixed(2).padStart(6),
    ];
    if (!output.json) output.print(words.join("  "));
    await Bun.sleep(0);
    if (interrupted.aborted) return;
  }
  output.record({ type: "summary", rows });
}
