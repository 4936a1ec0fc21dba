/** `punktfunk host …` as an operator and a script meet it, with a host that runs. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../harness/processes.ts";
import { type JsonLine, Program, programCommand, startHostProgram } from "../harness/program.ts";
import { TestDevice } from "../harness/trust-ends.ts";
import { showPin } from "../wire/pairing/pin.ts";

let home: string;
let host: Awaited<ReturnType<typeof startHostProgram>>;
let managementPort: number;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "punktfunk-host-cli-"));
  const args = ["--source", "synthetic", "--encoder", "software"];
  host = await startHostProgram(home, args, { trust: "required", env: { CONSOLA_LEVEL: "3" } });
  managementPort = (await host.program.line("ready"))?.["mgmtPort"] as number;
});

afterAll(async () => {
  await host.program.end();
  await rm(home, { recursive: true, force: true });
});

const env = { CONSOLA_LEVEL: "3" };
const start = (args: readonly string[], user = "host") =>
  new Program(["host", ...args, "--json"], { home: join(home, user), env });

async function ended(program: Program) {
  const code = await program.exited;
  const error = program.lines.find(({ type }) => type === "error");
  const of = (type: string): readonly JsonLine[] =>
    program.lines.filter((line) => line.type === type);
  return { code, error, of, summary: of("summary")[0], words: await program.words };
}
const run = (args: readonly string[], user?: string) => ended(start(args, user));

/** What a person reads, without --json. */
async function shown(...args: string[]): Promise<string> {
  const program = new Program(["host", ...args], { home: join(home, "host"), env });
  expect(await program.exited).toBe(0);
  return Bun.stripANSI(await program.words);
}

async function pin(device: TestDevice, level: string, name: string): Promise<void> {
  const arming = start(["arm", "--level", level]);
  const window = await arming.line("window");
  expect(await device.pairByPin(host, window?.["pin"] as string, name)).toBe("paired");
  expect(await arming.exited).toBe(0);
}

async function waiting(device: TestDevice, name: string) {
  const { answer, connection } = await device.ask(host, { waits: true, name });
  expect(answer.type).toBe("approvalAwaited");
  return connection;
}

describe("what is there", () => {
  test("status tells of this host, to programs and to people", async () => {
    const { code, of, summary } = await run(["status"]);
    expect(code).toBe(0);
    expect(of("status")).toMatchObject([
      {
        name: "harness",
        fingerprint: host.fingerprint,
        controlPort: host.port,
        managementPort,
        pair: "required",
      },
    ]);
    expect(summary).toMatchObject({ type: "summary", sessions: 0 });
    const words = await shown("status");
    expect(words).toContain(host.fingerprint);
    expect(words).toContain(`TCP ${managementPort}`);
  });

  test("the token is told only to who asks for it", async () => {
    const path = join(home, "host", "data", "management-token.json");
    const { token } = (await Bun.file(path).json()) as { token: string };
    const hidden = await run(["token"]);
    expect(hidden.of("token")).toEqual([{ type: "token", path }]);
    expect(hidden.words).not.toContain(token);
    expect((await run(["token", "--show"])).of("token")[0]).toMatchObject({ token });
    expect(await shown("token")).toBe(`${path}\n`);
  });

  test("settings are shown, changed and kept", async () => {
    const change = ["--bitrate", "15M", "--max-bitrate", "50M", "--max-sessions", "3"];
    const changed = await run(["settings", ...change, "--compositor", "synthetic"]);
    const expected = { bitrateKbpsDefault: 15_000, bitrateKbpsMax: 50_000, sessionsMax: 3 };
    expect(changed.of("settings")[0]).toMatchObject({ ...expected, compositor: "synthetic" });
    expect(changed.summary?.["changed"]).toHaveLength(4);
    const now = await run(["settings"]);
    expect(now.of("settings")[0]).toMatchObject(expected);
    expect(now.summary).toMatchObject({ changed: [] });
    expect(await shown("settings")).toContain("50 Mbps");
  });

  test("the log is shown from its newest lines, and followed", async () => {
    const { of, summary } = await run(["logs"]);
    expect(of("log")[0]?.["text"]).toContain("harness is ready");
    expect(summary?.["lines"]).toBe(of("log").length);
    expect((await run(["logs", "--lines", "1"])).of("log")).toHaveLength(1);
    const following = start(["logs", "--follow", "--lines", "1"]);
    await following.line("log");
    const stranger = new TestDevice();
    await (await waiting(stranger, "seen in the log")).close("done");
    const isSeen = ({ text }: JsonLine) => `${text}`.includes("seen in the log");
    await until(() => following.lines.some(isSeen), "the line");
    expect(await following.end()).toBe(130);
    expect(following.lines.at(-1)).toMatchObject({ type: "summary" });
  });
});

describe("a PIN", () => {
  test("is shown, and its use by a device is told", async () => {
    const device = new TestDevice();
    const arming = start(["arm", "--level", "view"]);
    const window = await arming.line("window");
    expect(window).toMatchObject({ level: "view" });
    expect(window?.["uri"]).toStartWith("punktfunk://pair?");
    const pinned = window?.["pin"] as string;
    expect(await device.pairByPin(host, pinned, "Living-room TV")).toBe("paired");
    const { code, of, summary, words } = await ended(arming);
    expect(code).toBe(0);
    expect(of("device")).toMatchObject([{ id: device.id, level: "view" }]);
    expect(summary).toMatchObject({ ended: "used", device: device.id });
    expect(words).toContain('"Living-room TV"');
    expect(await shown("arm", "--no-wait")).toMatch(/PIN \d{3} \d{3}, for a device of the level/);
    expect((await run(["disarm"])).summary).toMatchObject({ disarmed: true });
    expect((await run(["disarm"])).summary).toMatchObject({ disarmed: false });
    expect((await run(["revoke", device.id])).code).toBe(0);
  });

  test("that is guessed wrong is burnt", async () => {
    const arming = start(["arm"]);
    const right = (await arming.line("window"))?.["pin"] as string;
    const wrong = right === "000000" ? "000001" : "000000";
    expect(await new TestDevice().pairByPin(host, wrong)).toBe("pairing-failed");
    const { code, error, summary, words } = await ended(arming);
    expect(code).toBe(1);
    expect(error?.["code"]).toBe("PF_PAIRING_FAILED");
    expect(summary).toMatchObject({ ended: "burnt", device: null });
    expect(words).not.toContain(showPin(right));
  });

  test("is taken back by Ctrl-C, by host disarm, and by the next one", async () => {
    const interrupted = start(["arm"]);
    await interrupted.line("window");
    expect(await interrupted.end()).toBe(130);
    expect(interrupted.lines.at(-1)).toMatchObject({ type: "summary", ended: "interrupted" });
    expect((await run(["disarm"])).summary).toMatchObject({ disarmed: false });

    const disarmed = start(["arm"]);
    await disarmed.line("window");
    await run(["disarm"]);
    expect(await ended(disarmed)).toMatchObject({ code: 1, summary: { ended: "disarmed" } });

    const first = start(["arm"]);
    await first.line("window");
    const second = start(["arm"]);
    await second.line("window");
    expect(await ended(first)).toMatchObject({ code: 1, summary: { ended: "replaced" } });
    expect(await second.end()).toBe(130);
  });
});

describe("devices", () => {
  test("that wait are listed, approved under a name and a level, or denied", async () => {
    const [good, bad] = [new TestDevice("127.0.0.2"), new TestDevice("127.0.0.3")];
    const connections = [await waiting(good, "good"), await waiting(bad, "bad")] as const;
    const listed = (await run(["pending"])).of("pending");
    expect(listed.map(({ id }) => id).toSorted()).toEqual([good.id, bad.id].toSorted());
    expect(await shown("pending")).toContain(good.id);

    const approved = await run(["approve", good.id, "--level", "play", "--name", "Sofa"]);
    expect(approved.of("device")).toMatchObject([{ id: good.id, name: "Sofa", level: "play" }]);
    expect(await connections[0].receive(["welcome"], 5000)).toMatchObject({ level: "play" });
    expect((await run(["deny", bad.id])).summary).toMatchObject({ denied: bad.id });
    expect(await connections[1].receive(["refuse"], 5000)).toMatchObject({ reason: "denied" });
    await Promise.all(connections.map((connection) => connection.close("done")));
    expect((await run(["approve", bad.id])).code).toBe(2);
  });

  test("are renamed, given a level and an end, and revoked, by the first digits of their id", async () => {
    const device = new TestDevice();
    await pin(device, "full", "before");
    const short = device.id.slice(0, 8);
    expect((await run(["rename", short, "after"])).of("device")[0]).toMatchObject({
      name: "after",
    });
    expect((await run(["level", short, "view"])).of("device")[0]).toMatchObject({ level: "view" });
    const expiring = (await run(["expire", short, "7d"])).of("device")[0];
    const leftMs = Date.parse(expiring?.["expiresAt"] as string) - Date.now();
    expect(Math.abs(leftMs - 7 * 86_400_000)).toBeLessThan(60_000);
    expect(await shown("devices")).toMatch(/after +view .* in (7 d|6 d 23 h)/);
    expect((await run(["expire", short, "never"])).of("device")[0]).toMatchObject({
      expiresAt: null,
    });
    const { connection, answer } = await device.ask(host);
    expect(answer).toMatchObject({ type: "welcome", level: "view" });
    const sessions = (await run(["sessions"])).of("session");
    expect(sessions.find((each) => each["device"] === device.id)).toMatchObject({
      purpose: "probe",
    });
    expect((await run(["revoke", short])).summary).toMatchObject({ revoked: device.id });
    expect(await connection.closed).toMatchObject({ reason: "revoked" });
    expect((await device.ask(host)).answer).toMatchObject({ reason: "pairing-required" });
  });

  test("are kicked from their session, and stay paired", async () => {
    const device = new TestDevice();
    await pin(device, "play", "kicked");
    const { connection } = await device.ask(host);
    const watching = start(["sessions", "--watch"]);
    const isOurs = (line: JsonLine) => line["device"] === device.id;
    await until(() => watching.lines.some(isOurs), "the session");
    const id = `${watching.lines.find(isOurs)?.["id"]}`;
    expect(await run(["kick", id])).toMatchObject({ code: 0, summary: { kicked: Number(id) } });
    expect(await connection.closed).toMatchObject({ reason: "kicked" });
    expect((await run(["kick", id])).code).toBe(2);
    expect(await watching.end()).toBe(130);
    expect((await run(["devices"])).of("device").map((each) => each["id"])).toContain(device.id);
  });
});

test("the password is read from stdin, has its length, and can be removed", async () => {
  const set = (text: string) => {
    const child = Bun.spawn([...programCommand, "host", "password", "--stdin"], {
      env: { ...process.env, PUNKTFUNK_HOME: join(home, "host") },
      stdin: new Blob([text]),
      stdout: "ignore",
      stderr: "ignore",
    });
    return child.exited;
  };
  expect(await set("short\n")).toBe(2);
  expect(await set("long enough for it\nand not this\n")).toBe(0);
  const login = (password: string) =>
    fetch(`https://127.0.0.1:${managementPort}/api/v1/login`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-punktfunk": "1" },
      body: JSON.stringify({ password }),
      tls: { rejectUnauthorized: false },
    });
  expect((await login("long enough for it")).status).toBe(200);
  expect((await login("and not this")).status).toBe(401);
  expect((await run(["password", "--remove"])).code).toBe(0);
  expect((await login("long enough for it")).status).toBe(409);
});

describe("from elsewhere", () => {
  const at = () => ["--at", `127.0.0.1:${managementPort}`];

  test("a paired device of the level full manages, another does not", async () => {
    expect(await run(["status", ...at()], "other")).toMatchObject({
      code: 4,
      error: { code: "PF_FINGERPRINT_UNKNOWN" },
    });
    const trusting = [...at(), "--fingerprint", host.fingerprint];
    const refused = await run(["status", ...trusting], "other");
    expect(refused).toMatchObject({ code: 5, error: { code: "PF_PAIRING_REQUIRED" } });
    expect(refused.error?.["hint"]).toContain("punktfunk pair 127.0.0.1");

    const window = (await run(["arm", "--no-wait"])).of("window")[0];
    const pairing = new Program(
      [
        ...["pair", `127.0.0.1:${host.port}`, "--pin", window?.["pin"] as string],
        ...["--fingerprint", host.fingerprint, "--json"],
      ],
      { home: join(home, "other") },
    );
    expect(await pairing.exited).toBe(0);
    // The certificate is known from pairing, at another port.
    expect((await run(["status", ...at()], "other")).of("status")).toMatchObject([
      { fingerprint: host.fingerprint },
    ]);
    const id = (await run(["devices", ...at()], "other")).of("device").at(-1)?.["id"] as string;
    const owned = await run(["password", "--remove", ...at()], "other");
    expect(owned).toMatchObject({ code: 1, error: { code: "PF_HOST_REFUSED" } });

    expect((await run(["level", id, "play"])).code).toBe(0);
    expect(await run(["status", ...at()], "other")).toMatchObject({
      code: 5,
      error: { code: "PF_PAIRING_REQUIRED" },
    });
  });

  test("another certificate than the known one is refused", async () => {
    const wrong = [...at(), "--fingerprint", "ab".repeat(32)];
    expect(await run(["status", ...wrong], "other")).toMatchObject({
      code: 4,
      error: { code: "PF_FINGERPRINT_MISMATCH" },
    });
  });
});

test.each([
  [["status"], "nobody", 3, "No host runs here"],
  [["token"], "nobody", 3, "no token yet"],
  [["status", "--at", "127.0.0.1:1"], "nobody", 3, "does not answer"],
  [["status", "--at", "host:99999"], "nobody", 2, "not a port"],
  [["status", "--fingerprint", "ab"], "host", 2, "belongs to --at"],
  [["level", "ab", "huge"], "host", 2, "full, play, view"],
  [["approve", "../devices"], "host", 2, "No device that waits"],
  [["revoke", ""], "host", 2, "No paired device"],
  [["revoke"], "host", 2, "Missing required"],
  [["revoke", "a", "b"], "host", 2, "one word too many"],
  [["rename", "a", " "], "host", 2, "holds nothing"],
  [["rename", "a", "x".repeat(10_000)], "host", 2, "is too long"],
  [["expire", "a", "yesterday"], "host", 2, "not a time to come"],
  [["expire", "a", "2001-01-01"], "host", 2, "not a time to come"],
  [["kick", "zero"], "host", 2, "No session"],
  [["arm", "--for", "3m"], "host", 2, "can't be good for"],
  [["settings", "--bitrate", "1k"], "host", 2, "no bitrate for a stream"],
  [["settings", "--max-sessions", "0"], "host", 2, "1 to 64"],
  [["settings", "--compositor", "gnome"], "host", 2, "wlroots"],
  [["logs", "--lines", "all"], "host", 2, "1 to 1000"],
  [["password"], "host", 2, "Nobody is here"],
  [["status", "--colour"], "host", 2, "no flag --colour"],
  [["frobnicate"], "host", 2, "no command"],
] as const)("host %p of %s ends with %d", async (args, user, exitCode, words) => {
  const { code, error } = await run(args, user);
  expect(code).toBe(exitCode);
  expect(`${error?.["message"]} ${error?.["hint"]}`).toContain(words);
});

test("every command has its help with examples", async () => {
  const help = async (...args: string[]) => {
    const child = Bun.spawn([...programCommand, ...args], { stdout: "pipe", stderr: "ignore" });
    return { text: await new Response(child.stdout).text(), code: await child.exited };
  };
  const overview = (await help("host", "--help")).text;
  const usage = /USAGE punktfunk host (\S+)/.exec(overview)?.[1] ?? "";
  const names = usage.split("|");
  expect(names).toContain("approve");
  const all = await Promise.all(names.map((name) => help("host", name, "--help")));
  for (const [index, { text, code }] of all.entries()) {
    expect(code).toBe(0);
    expect(text).toContain(`USAGE punktfunk host ${names[index]} `);
    expect(text).toContain(`EXAMPLES\n\n  `);
    expect(text).toContain(`punktfunk host ${names[index]}`);
  }
});
