import { expect, test } from "bun:test";
import { chmod, mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Cause } from "../base/bottleneck.ts";
import { stageNames } from "../base/stages.ts";
import { type ClientOptions, runClient } from "../client/client.ts";
import { findLive, LiveSocket, liveFolder } from "../client/live-socket.ts";
import type { ClientSession } from "../client/session.ts";
import type { Host, HostOptions } from "../host/host.ts";
import { Sampler } from "../host/management/sampler.ts";
import type { Why } from "../wire/management.ts";
import { parseMode } from "../wire/mode.ts";
import type { Impairment } from "./impairment.ts";
import { ImpairedLink } from "./link.ts";
import { collectingHooks, startTestHost, testClient, withState } from "./loopback.ts";
import { until } from "./processes.ts";
import { Program, startHostProgram } from "./program.ts";

const small = parseMode("320x180@60");

interface Live {
  readonly session: ClientSession;
  /** The newest words of either side. */
  readonly both: () => { readonly client: Why | null; readonly host: Why | null };
}

/** Streams through a link until the scope ends. */
async function stream(
  stack: AsyncDisposableStack,
  host: Host,
  sampler: Sampler,
  { down, ...options }: Partial<ClientOptions> & { readonly down?: Partial<Impairment> },
): Promise<Live> {
  let { mediaPort } = host;
  if (down !== undefined) {
    const target = { host: "127.0.0.1", port: mediaPort };
    const link = await ImpairedLink.open({ target, down, seed: 1 });
    stack.defer(() => link.close());
    mediaPort = link.port;
  }
  const end = new AbortController();
  const started = Promise.withResolvers<ClientSession>();
  const { hooks } = collectingHooks({ interrupted: end.signal, started: started.resolve });
  const mediaPeer = { address: "127.0.0.1", port: mediaPort };
  const { durationMs: _, ...endless } = testClient(host, { mode: small, mediaPeer, ...options });
  const ended = runClient({ durationMs: undefined, ...endless }, hooks);
  stack.defer(async () => {
    end.abort();
    await ended;
  });
  const session = await started.promise;
  const both = () => ({ client: session.why(), host: sampler.why(session.session) ?? null });
  return { session, both };
}

async function openHost(stack: AsyncDisposableStack, options: Partial<HostOptions> = {}) {
  const host = await startTestHost([], options);
  stack.defer(() => host.stop("shutting-down"));
  const sampler = new Sampler(host.managed, () => {});
  stack.defer(() => sampler.close());
  return { host, sampler };
}

const causes = (why: Why | null): Cause[] => why?.findings.map(({ cause }) => cause) ?? [];

/** Waits until both sides name a cause. */
async function bothTell({ both }: Live, cause: Cause): Promise<{ client: Why; host: Why }> {
  const isTold = () => {
    const { client, host } = both();
    return causes(client).includes(cause) && causes(host).includes(cause);
  };
  await until(isTold, `both sides to name ${cause}`, 15_000);
  return both() as { client: Why; host: Why };
}

/** On a busy machine what was meant for one cause may look like another one. */
const again = { retry: 2 };

test(
  "what is done to streams is told apart by their clients and by their hosts",
  async () => {
    await withState(async () => {
      await using stack = new AsyncDisposableStack();
      const { host, sampler } = await openHost(stack);
      const still = await openHost(stack, { pattern: "still" });
      const [lossy, shuffled, stalled] = await Promise.all([
        stream(stack, host, sampler, { down: { loss: 0.05 } }),
        stream(stack, host, sampler, { down: { reorder: 0.3, reorderMs: 2 } }),
        stream(stack, still.host, still.sampler, {}),
      ]);
      await bothTell(lossy, "network-loss");
      const measuresAll = (why: Why | null) =>
        stageNames.every((name) => name === "present" || why?.stagesUs[name] != null);
      await until(() => Object.values(lossy.both()).every(measuresAll), "every stage", 10_000);
      const { client, host: told } = lossy.both() as { client: Why; host: Why };
      for (const why of [client, told]) {
        expect(causes(why)).not.toContain("client-socket");
        expect(why.stagesUs.present).toBeNull();
        expect(why.clock).toEqual({ skewCorrected: true, errorNs: 0, suspect: false });
        const { p50, p95, p99, max } = why.stagesUs.encode ?? { p50: 1, p95: 0, p99: 0, max: 0 };
        expect([p50, p95, p99, max]).toEqual([p50, p95, p99, max].toSorted((a, b) => a - b));
      }
      await bothTell(shuffled, "reorder");
      for (const why of Object.values(shuffled.both())) {
        expect(causes(why)).not.toContain("network-loss");
      }
      const { client: quiet } = await bothTell(stalled, "late-source");
      for (const cause of ["network-loss", "slow-network", "slow-encoder"] as const) {
        expect(causes(quiet)).not.toContain(cause);
      }
      // It takes all the time that the processors have, so the others are judged before.
      const slow = await stream(stack, host, sampler, {
        mode: parseMode("640x360@240"),
        codecs: ["av1"],
      });
      const coding = await bothTell(slow, "slow-encoder");
      expect(coding.client.stagesUs.encode?.p95).toBeGreaterThan(coding.client.budgetUs / 4);
    });
  },
  again,
);

test(
  "a client that was stopped owns up to it, and neither side blames the network",
  async () => {
    await withState(async (home) => {
      const host = await startHostProgram(home, ["--source", "synthetic"]);
      const why = async (at: string, ...args: string[]) => {
        const program = new Program(["why", "--json", ...args], { home: at });
        const code = await program.exited;
        return { code, lines: program.lines };
      };
      try {
        const none = await why(home);
        expect([none.code, none.lines[0]?.["code"]]).toEqual([1, "PF_SESSION_MISSING"]);
        const client = new Program(
          [
            ...["connect", `127.0.0.1:${host.port}`, "--fingerprint", host.fingerprint],
            ...["--present", "none", "--json"],
          ],
          { home },
        );
        const welcome = await client.line("welcome");
        await client.line("stats");
        client.process.kill("SIGSTOP");
        await Bun.sleep(1000);
        client.process.kill("SIGCONT");
        const stats = client.lines.filter(({ type }) => type === "stats").length;
        await until(
          () => client.lines.filter(({ type }) => type === "stats").length > stats,
          "more",
        );
        for (const side of ["client", "host"]) {
          const at = side === "host" ? join(home, "host") : home;
          const { code, lines } = await why(at, "--side", side, String(welcome?.["session"]));
          const report = lines.find(({ type }) => type === "why") as unknown as Why;
          expect([code, report?.side]).toEqual([0, side as Why["side"]]);
          expect(causes(report)).not.toContain("network-loss");
          expect(causes(report)).not.toContain("slow-network");
          if (side === "client") expect(causes(report)).toContain("client-held");
        }
        const once = await why(home);
        expect(once.lines.map(({ type }) => type)).toEqual(["why", "summary"]);
        expect(await client.end()).toBe(130);
        expect(await readdir(join(home, "run"))).toEqual([]);
      } finally {
        await host.program.end();
      }
    });
  },
  again,
);

test("a live session's socket is its owner's only, and what a killed client left is swept away", async () => {
  await withState(async () => {
    const folder = liveFolder();
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o755);
    const left = join(folder, "client-1-7.sock");
    const listening = createServer().listen(left);
    await new Promise((resolve) => listening.once("listening", resolve));
    const kept = join(folder, "notes.txt");
    await writeFile(kept, "");
    const live = await LiveSocket.open({ session: 8, why: () => null });
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    const own = join(folder, `client-${process.pid}-8.sock`);
    expect((await stat(own)).mode & 0o777).toBe(0o600);
    const ids = async () => (await findLive()).map(({ session }) => session).toSorted();
    expect(await ids()).toEqual([7, 8]);
    const [, found] = (await findLive()).toSorted((a, b) => a.session - b.session);
    expect(await found?.why(new AbortController().signal)).toBeNull();
    // Its file stays, as when a process is killed.
    await new Promise((resolve) => listening.close(resolve));
    await writeFile(left, "");
    expect(await ids()).toEqual([8]);
    await live.close();
    expect(await ids()).toEqual([]);
    expect(await readdir(folder)).toEqual(["notes.txt"]);
    expect(await found?.why(new AbortController().signal)).toBeUndefined();
  });
});

test("where no socket can be, that is said, and names what to set", async () => {
  const before = process.env["PUNKTFUNK_HOME"];
  process.env["PUNKTFUNK_HOME"] = `/tmp/${"x".repeat(120)}`;
  try {
    const opening = LiveSocket.open({ session: 1, why: () => null });
    expect(opening).rejects.toMatchObject({ code: "PF_STATE_INVALID" });
  } finally {
    if (before === undefined) delete process.env["PUNKTFUNK_HOME"];
    else process.env["PUNKTFUNK_HOME"] = before;
  }
});
