import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { parseMode } from "../wire/mode.ts";
import { watchStream } from "./loopback.ts";

/** Pages that each native thread had to be given so far (proc(5), minflt), by its name. */
function faultsByThread(): ReadonlyMap<string, number> {
  const faults = new Map<string, number>();
  for (const id of readdirSync("/proc/self/task")) {
    const line = readFileSync(`/proc/self/task/${id}/stat`, "latin1");
    const name = line.slice(line.indexOf("(") + 1, line.lastIndexOf(")"));
    const count = Number(line.slice(line.lastIndexOf(")") + 2).split(" ")[7]);
    if (name.startsWith("pf-")) faults.set(name, (faults.get(name) ?? 0) + count);
  }
  return faults;
}

test("threads that move frames touch no new memory once a stream runs", async () => {
  await watchStream({ client: { mode: parseMode("1280x720@60") } }, async ({ tap }) => {
    const pictures = async (count: number) => {
      const first = tap.counters.get("frames");
      while (tap.counters.get("frames") < first + count) await Bun.sleep(10);
    };
    await pictures(90);
    const before = faultsByThread();
    await pictures(60);
    const grown = [...faultsByThread()].map(
      ([name, count]) => [name, count - (before.get(name) ?? 0)] as const,
    );
    const expected = ["pf-decode", "pf-encode", "pf-receive", "pf-send", "pf-source"];
    expect(grown.map(([name]) => name)).toEqual(expect.arrayContaining(expected));
    // A picture is 3 MB when it is decoded and some ten pages as it travels: memory that was given
    // back after each would be hundreds of faults.
    for (const [name, faults] of grown) expect([name, faults <= 30]).toEqual([name, true]);
  });
});
