/** A stream that changes its mode, and clients that wait for a place. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { millis } from "../base/units.ts";
import { runClient } from "../client/client.ts";
import type { ClientSession } from "../client/session.ts";
import { PictureTap } from "../ffi/decode/tap.ts";
import type { HostOptions } from "../host/host.ts";
import type { HostReport } from "../host/report.ts";
import { formatMode, parseMode } from "../wire/mode.ts";
import { collectingHooks, startTestHost, testClient, withState } from "./loopback.ts";
import { until } from "./processes.ts";

interface Watched {
  readonly session: ClientSession;
  readonly warnings: readonly string[];
  readonly home: string;
  /** Resolves when pictures of that size are decoded; milliseconds. */
  shows(mode: string): Promise<number>;
}

async function streaming(
  options: { readonly host?: Partial<HostOptions>; readonly record?: string },
  body: (watched: Watched) => Promise<void>,
) {
  await withState(async (home) => {
    const reports: HostReport[] = [];
    const host = await startTestHost(reports, options.host);
    const tap = new PictureTap({ readMarkers: true });
    const end = new AbortController();
    const { hooks, warnings } = collectingHooks({ interrupted: end.signal });
    const started = Promise.withResolvers<ClientSession>();
    const record = options.record === undefined ? undefined : join(home, options.record);
    const wish = testClient(host, {
      mode: parseMode("640x360@60"),
      durationMs: undefined,
      pictureSink: tap.sink(),
      record,
    });
    const client = runClient(wish, { ...hooks, started: started.resolve });
    const shows = (mode: string) => {
      const { width, height } = parseMode(mode);
      const seen = () => {
        const picture = tap.take();
        return picture?.width === width && picture.height === height;
      };
      return until(seen, `a picture of ${mode}`, 5000);
    };
    try {
      const failed = client.then(({ error }) => {
        throw error ?? new Error("the stream ended by itself");
      });
      const session = await Promise.race([started.promise, failed]);
      await Promise.race([body({ session, warnings, home, shows }), failed]);
    } finally {
      end.abort();
      await client;
      tap.close();
      await host.stop("shutting-down");
    }
  });
}

describe("a stream's mode", () => {
  test("changes without a new connection, to larger and smaller pictures and other rates", async () => {
    await streaming({ record: "out.mkv" }, async ({ session, shows, home, warnings }) => {
      await shows("640x360@60");
      for (const mode of ["1280x720@60", "320x240@30", "800x600@75"]) {
        session.askMode(parseMode(mode));
        // The issue of a person who waits: a second; a busy machine may take longer.
        expect(await shows(mode)).toBeLessThan(3000);
        await until(() => formatMode(session.mode) === mode, "the host's word");
      }
      const { receive } = session.pipeline;
      expect(receive.counters.get("frames_lost")).toBe(0);
      expect(warnings).toEqual([]);
      await session.end("done");
      const sizes = [];
      for (const name of ["out.mkv", "out-2.mkv", "out-3.mkv", "out-4.mkv"]) {
        const entries = ["-show_entries", "stream=width,height", "-of", "csv=p=0"];
        const probed = await Bun.$`ffprobe -v error ${entries} ${join(home, name)}`.quiet();
        sizes.push(probed.stdout.toString().trim());
      }
      expect(sizes).toEqual(["640,360", "1280,720", "320,240", "800,600"]);
    }).catch((error: Error) => {
      // Ended by the test itself.
      if (!error.message.includes("ended by itself")) throw error;
    });
  }, 20_000);

  test("that can't be is refused with the reason, and the stream goes on as it was", async () => {
    await streaming({}, async ({ session, shows, warnings }) => {
      await shows("640x360@60");
      session.askMode({ ...parseMode("640x360@60"), width: 641 });
      await until(() => warnings.length > 0, "the refusal");
      expect(warnings[0]).toMatch(/width and height must be even/);
      expect(formatMode(session.mode)).toBe("640x360@60");
      await shows("640x360@60");
    });
  });

  test("is the last one of those that were asked for at once", async () => {
    await streaming({}, async ({ session, shows }) => {
      await shows("640x360@60");
      for (const width of [700, 800, 900, 1000]) {
        session.askMode({ ...parseMode("640x480@60"), width });
      }
      await shows("1000x480@60");
      await Bun.sleep(300);
      expect(formatMode(session.mode)).toBe("1000x480@60");
    });
  });
});

describe("when all places are taken", () => {
  const small = { mode: parseMode("320x240@30"), durationMs: millis(300) };

  test("a client waits in a line, is told its place, and gets the one that becomes free", async () => {
    await withState(async () => {
      const host = await startTestHost([], { sessionsMax: 1 });
      const end = new AbortController();
      const first = Promise.withResolvers<void>();
      const running = runClient(testClient(host, { ...small, durationMs: undefined }), {
        ...collectingHooks({ interrupted: end.signal }).hooks,
        started: () => first.resolve(),
      });
      await first.promise;
      const places: number[][] = [[], []];
      const waiting = [0, 1].map(async (index) => {
        await Bun.sleep(index * 200);
        return runClient(testClient(host, { ...small, waits: true }), {
          ...collectingHooks().hooks,
          placeAwaited: ({ ahead }) => {
            places[index]?.push(ahead);
            return () => {};
          },
        });
      });
      await until(() => places[1]?.length === 1, "the line");
      const impatient = await runClient(testClient(host, small), collectingHooks().hooks);
      expect(impatient.error?.code).toBe("PF_HOST_BUSY");
      expect(impatient.error?.sentence()).toContain("--wait");
      end.abort();
      const results = await Promise.all(waiting);
      expect(results.map(({ error }) => error)).toEqual([undefined, undefined]);
      expect(places).toEqual([[0], [1, 0]]);
      await running;
      await host.stop("shutting-down");
    });
  }, 20_000);

  test("who leaves the line makes place, and a host that ends lets all go", async () => {
    await withState(async () => {
      const host = await startTestHost([], { sessionsMax: 1 });
      const first = Promise.withResolvers<void>();
      const running = runClient(testClient(host, { ...small, durationMs: undefined }), {
        ...collectingHooks().hooks,
        started: () => first.resolve(),
      });
      await first.promise;
      const leaving = new AbortController();
      let told: number[] = [];
      const wait = (interrupted?: AbortSignal) =>
        runClient(testClient(host, { ...small, waits: true }), {
          ...collectingHooks(interrupted === undefined ? {} : { interrupted }).hooks,
          placeAwaited: ({ ahead }) => {
            told = [...told, ahead];
            return () => {};
          },
        });
      const left = wait(leaving.signal);
      await until(() => told.length === 1, "the first");
      const stayed = wait();
      await until(() => told.length === 2, "the second");
      leaving.abort();
      await until(() => told.length === 3, "the second to be the next");
      expect(told).toEqual([0, 1, 0]);
      await host.stop("shutting-down");
      expect((await left).summary).toBeUndefined();
      expect((await stayed).summary).toBeUndefined();
      await running;
    });
  }, 20_000);
});
