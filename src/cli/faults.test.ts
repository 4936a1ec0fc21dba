import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { familyOf, type ProcessMark, stillRunning, until } from "../harness/processes.ts";
import { Program, startHostProgram } from "../harness/program.ts";

const isRoot = process.geteuid?.() === 0;
const swayInstalled = Bun.which("sway") !== null;

let home: string;
const running: Program[] = [];
/** Programs started so far; each has a state folder of its own. */
let started = 0;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "punktfunk-faults-"));
});

afterAll(async () => {
  for (const program of running) program.process.kill("SIGKILL");
  await rm(home, { recursive: true, force: true });
});

type TestHost = Awaited<ReturnType<typeof startHostProgram>>;

async function startHost(...args: string[]): Promise<TestHost> {
  const host = await startHostProgram(join(home, `host-${started++}`), args);
  running.push(host.program);
  return host;
}

const synthetic = ["--source", "synthetic", "--encoder", "software"];

function startClient(host: TestHost, ...args: string[]): Program {
  const where = [`127.0.0.1:${host.port}`, "--fingerprint", host.fingerprint];
  const small = args.includes("--mode") ? [] : ["--mode", "640x360@60"];
  const client = new Program(
    ["connect", ...where, "--present", "none", "--json", ...small, ...args],
    { home: join(home, `client-${started++}`) },
  );
  running.push(client);
  return client;
}

const errorLine = (program: Program) => program.lines.find(({ type }) => type === "error");

/** Private folders of the desktops among these processes. */
const foldersOf = (family: readonly ProcessMark[]) => [
  ...new Set(
    family.flatMap(({ command }) => command.match(/\/\S*\/punktfunk-\d+-[0-9a-f]+/) ?? []),
  ),
];

/** Waits until of a desktop neither a process nor its folder is there. */
async function gone(family: readonly ProcessMark[], folders: readonly string[]): Promise<void> {
  expect(folders.length).toBe(1);
  await until(() => stillRunning(family).length === 0, "the end of the desktop");
  await until(() => !folders.some(existsSync), "the end of its folder", 1000);
}

/** An application that can be told from others by its command line. */
const uniqueApp = () => {
  const seconds = 100_000 + Math.floor(Math.random() * 900_000);
  return { app: `foot sh -c 'sleep ${seconds}'`, marker: `sleep ${seconds}` };
};

// They wait for the heartbeat most of the time.
describe.concurrent("an end that dies", () => {
  test("host by SIGKILL: the client says so and ends within 5 s", async () => {
    const host = await startHost(...synthetic);
    const client = startClient(host);
    await client.line("stats");
    const startedAt = performance.now();
    expect(await host.program.end("SIGKILL")).toBe(137);
    expect(await client.exited).toBe(1);
    expect(performance.now() - startedAt).toBeLessThan(5000);
    expect(errorLine(client)?.["code"]).toBe("PF_PEER_LOST");
    expect(client.lines.some(({ type }) => type === "summary")).toBe(true);
  });

  test("host by SIGINT: it says goodbye and the client ends at once", async () => {
    const host = await startHost(...synthetic);
    const client = startClient(host);
    await client.line("stats");
    const startedAt = performance.now();
    expect(await host.program.end("SIGINT")).toBe(130);
    expect(await client.exited).toBe(1);
    expect(performance.now() - startedAt).toBeLessThan(2000);
    expect(errorLine(client)?.["code"]).toBe("PF_PEER_LOST");
    expect(host.program.lines.at(-1)).toMatchObject({ type: "summary", sessions: 1, refused: 0 });
  });

  test("client by SIGKILL: the host ends its session within 5 s and serves the next", async () => {
    const host = await startHost(...synthetic);
    const client = startClient(host);
    await client.line("stats");
    const startedAt = performance.now();
    expect(await client.end("SIGKILL")).toBe(137);
    expect(await host.program.line("session-ended")).toMatchObject({ reason: "lost" });
    expect(performance.now() - startedAt).toBeLessThan(5000);
    expect(await startClient(host, "--duration", "0.3").exited).toBe(0);
    await host.program.end();
  });

  describe.skipIf(!swayInstalled)("with a desktop of its own", () => {
    test.each([
      ["SIGKILL", 137],
      ["SIGINT", 130],
      ["SIGTERM", 130],
    ] as const)(
      "host by %s: the desktop, its application and its folder go too",
      async (signal, exitCode) => {
        const { app, marker } = uniqueApp();
        const host = await startHost("--source", "sway", "--encoder", "software", "--app", app);
        const client = startClient(host);
        await client.line("stats");
        const family = familyOf(host.program.process.pid);
        expect(family.filter(({ command }) => command.includes(marker)).length).toBeGreaterThan(1);
        expect(family.some(({ command }) => command.includes("sway "))).toBe(true);
        const folders = foldersOf(family);
        expect(folders.every(existsSync)).toBe(true);
        expect(await host.program.end(signal)).toBe(exitCode);
        await gone(family, folders);
        expect(await client.exited).toBe(1);
      },
    );

    test("client by SIGKILL: its desktop goes, the host stays", async () => {
      const { app } = uniqueApp();
      const host = await startHost("--source", "sway", "--encoder", "software", "--app", app);
      const client = startClient(host);
      await client.line("stats");
      const desktop = familyOf(host.program.process.pid).slice(1);
      expect(desktop.length).toBeGreaterThan(2);
      await client.end("SIGKILL");
      await gone(desktop, foldersOf(desktop));
      expect(await host.program.end()).toBe(130);
    });

    test("an application that is not there is named, and no desktop stays", async () => {
      const host = await startHost("--source", "sway", "--app", "no-such-program --fast");
      const client = startClient(host);
      expect(await client.exited).toBe(1);
      expect(String(errorLine(client)?.["message"])).toContain("no-such-program");
      expect(familyOf(host.program.process.pid)).toHaveLength(1);
      expect(await host.program.end()).toBe(130);
    });
  });
});

test.skipIf(!swayInstalled)(
  "an application that ends takes the session with it, and the client is told",
  async () => {
    const host = await startHost("--source", "sway", "--app", "foot sh -c 'sleep 1'");
    const client = startClient(host);
    await host.program.line("session-started");
    const desktop = familyOf(host.program.process.pid).slice(1);
    expect(await client.exited).toBe(1);
    expect(errorLine(client)?.["code"]).toBe("PF_SOURCE_FAILED");
    await gone(desktop, foldersOf(desktop));
    await host.program.end();
  },
);

describe("Ctrl-C ends the client with 130", () => {
  test("while it looks for the host", async () => {
    const silent = await Bun.udpSocket({ hostname: "127.0.0.1" });
    const client = new Program(["connect", `127.0.0.1:${silent.port}`, "--json"], {
      home: join(home, "client"),
    });
    running.push(client);
    await Bun.sleep(400);
    const startedAt = performance.now();
    expect(await client.end()).toBe(130);
    expect(performance.now() - startedAt).toBeLessThan(1000);
    silent.close();
  });

  test.skipIf(!swayInstalled)("while the host makes the desktop, which goes too", async () => {
    const host = await startHost("--source", "sway", "--encoder", "software");
    for (const patienceMs of [0, 100, 300]) {
      const client = startClient(host);
      const { pid } = host.program.process;
      await until(() => foldersOf(familyOf(pid)).length > 0, "the desktop");
      await Bun.sleep(patienceMs);
      const desktop = familyOf(pid).slice(1);
      expect(await client.end()).toBe(130);
      await gone(desktop, foldersOf(desktop));
      expect(familyOf(pid)).toHaveLength(1);
    }
    expect(await startClient(host, "--duration", "0.3").exited).toBe(0);
    expect(await host.program.end()).toBe(130);
  });

  test("in the middle of the stream, with the summary", async () => {
    const host = await startHost(...synthetic);
    const client = startClient(host);
    await client.line("stats");
    expect(await client.end()).toBe(130);
    expect(client.lines.at(-1)?.type).toBe("summary");
    expect(await host.program.line("session-ended")).toMatchObject({ reason: "interrupted" });
    await host.program.end();
  });
});

test.skipIf(!swayInstalled)("Ctrl-C ends a host that is making a desktop", async () => {
  const host = await startHost("--source", "sway", "--encoder", "software");
  const client = startClient(host);
  const { pid } = host.program.process;
  await until(() => foldersOf(familyOf(pid)).length > 0, "the desktop");
  const family = familyOf(pid);
  expect(await host.program.end()).toBe(130);
  await gone(family, foldersOf(family));
  expect(await client.exited).toBe(1);
});

describe("a disk that is full while recording", () => {
  test.skipIf(!isRoot)("is a warning: the stream goes on, and what was written plays", async () => {
    const folder = join(home, "small");
    await mkdir(folder);
    await Bun.$`mount -t tmpfs -o size=256k none ${folder}`.quiet();
    try {
      const host = await startHost(...synthetic);
      const path = join(folder, "out.mkv");
      const client = startClient(host, "--record", path, "--duration", "1.5");
      expect(await client.exited).toBe(0);
      expect(await client.words).toContain("The stream goes on.");
      const frames = client.lines.at(-1)?.["frames"] as Record<string, number>;
      expect(frames["decoded"]).toBeGreaterThan(80);
      const probe =
        await Bun.$`ffprobe -v error -count_packets -show_entries stream=width,height,nb_read_packets -of csv=p=0 ${path}`
          .quiet()
          .nothrow();
      expect(probe.stdout.toString()).toMatch(/^640,360,\d+/);
      await host.program.end();
    } finally {
      await Bun.$`umount -l ${folder}`.quiet();
    }
  });
});
