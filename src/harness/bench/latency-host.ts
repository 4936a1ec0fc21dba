/**
 * The host's end of `bench latency`, as a process of its own whose main thread can be kept busy: it
 * tells where it is as soon as it is ready, and is told how busy to be.
 */
import { startTestHost, withState } from "../loopback.ts";

export interface LatencyHostReady {
  readonly port: number;
  readonly fingerprint: string;
}

export interface LatencyHostOrders {
  /** Milliseconds of each second; 0 = none. */
  readonly busyMs: number;
}

/**
 * Until disposed of, this thread does nothing else for so many milliseconds of each second, as with
 * `latency-probe --busy`.
 */
export function keepBusy(ms: number): Disposable {
  const timer = setInterval(() => {
    const until = performance.now() + ms;
    while (performance.now() < until);
  }, 1000);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

if (import.meta.main) {
  await withState(async () => {
    const host = await startTestHost([]);
    let busy: Disposable | undefined;
    process.on("message", ({ busyMs }: LatencyHostOrders) => {
      busy?.[Symbol.dispose]();
      busy = busyMs === 0 ? undefined : keepBusy(busyMs);
    });
    const { port, fingerprint } = host;
    process.send?.({ port, fingerprint } satisfies LatencyHostReady);
    await new Promise((resolve) => process.once("disconnect", resolve));
    busy?.[Symbol.dispose]();
    await host.stop("shutting-down");
  });
  process.exit(0);
}
