/** `serve` as an operator meets it: what it shows, writes and refuses about trust. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../harness/processes.ts";
import { type JsonLine, Program, startHostProgram } from "../harness/program.ts";
import { TestDevice } from "../harness/trust-ends.ts";
import { showPin } from "../wire/pairing/pin.ts";

const synthetic = ["--source", "synthetic", "--encoder", "software"];
let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "punktfunk-trust-"));
});

afterAll(async () => {
  await rm(home, { recursive: true, force: true });
});

const serve = (name: string, ...args: string[]) =>
  startHostProgram(join(home, name), [...synthetic, ...args], {
    trust: "required",
    // In a test's environment less would be said.
    env: { CONSOLA_LEVEL: "3" },
  });

const pinOf = async (program: Program) => (await program.line("armed"))?.["pin"] as string;
const linesOf = ({ lines }: Program, type: string): readonly JsonLine[] =>
  lines.filter((line) => line.type === type);

test("the first start shows a PIN, a later one with a paired device only when it is told to", async () => {
  const device = new TestDevice();
  const first = await serve("arms");
  const ready = await first.program.line("ready");
  expect(ready).toMatchObject({ pair: "required" });
  const pin = await pinOf(first.program);
  const armed = await first.program.line("armed");
  const leftMs = Date.parse(armed?.["expiresAt"] as string) - Date.now();
  expect(leftMs).toBeGreaterThan(100_000);
  expect(leftMs).toBeLessThanOrEqual(120_000);
  expect(await device.pairByPin(first, pin, "Living-room TV")).toBe("paired");
  expect(await first.program.line("paired")).toMatchObject({ id: device.id, level: "full" });
  await first.program.end();
  const words = await first.program.words;
  expect(words).toContain(`PIN ${showPin(pin)}`);
  expect(words).toContain("Living-room TV is paired; its level is full");

  const second = await serve("arms");
  expect((await device.ask(second)).answer).toMatchObject({ type: "welcome", level: "full" });
  await second.program.end();
  expect(linesOf(second.program, "armed")).toEqual([]);

  const third = await serve("arms", "--arm");
  expect(await pinOf(third.program)).toMatch(/^\d{6}$/);
  await third.program.end();
}, 20_000);

test("an unpaired connect ends with 5 and the reason, and the operator sees who was refused", async () => {
  const host = await serve("refuses");
  // Whether its certificate is known or not: pairing is the way in.
  for (const trusting of [["--fingerprint", host.fingerprint], []]) {
    const client = new Program(
      ["connect", `127.0.0.1:${host.port}`, ...trusting, "--present", "none", "--json"],
      { home: join(home, "stranger") },
    );
    expect(await client.exited).toBe(5);
    const error = linesOf(client, "error")[0];
    expect(error).toMatchObject({ code: "PF_PAIRING_REQUIRED", exitCode: 5 });
    expect(error?.["message"]).toContain("punktfunk pair");
  }
  await host.program.end();
  const reason = "PF_PAIRING_REQUIRED";
  expect(linesOf(host.program, "refused")).toMatchObject([{ reason }, { reason }]);
  expect(host.program.lines.at(-1)).toMatchObject({ type: "summary", sessions: 0, refused: 2 });
  expect(await host.program.words).toContain("127.0.0.1 was refused");
});

test("the operator sees who waits, and what came of it", async () => {
  const host = await serve("waits");
  const manager = new TestDevice();
  expect(await manager.pairByPin(host, await pinOf(host.program))).toBe("paired");
  const connection = await manager.greet(host, { purpose: null });
  await connection.receive(["welcome"], 5000);
  connection.send({ type: "start" });
  const device = new TestDevice();
  const name = "a\u001b]0;title\u0007b";
  const waiting = await device.ask(host, { waits: true, name });
  expect(waiting.answer.type).toBe("approvalAwaited");
  const heard = Promise.withResolvers<void>();
  connection.onMessage(({ type }) => type === "pendingRequest" && heard.resolve());
  await heard.promise;
  connection.send({ type: "pendingAnswer", id: device.id, level: "play" });
  expect(await waiting.connection.receive(["welcome"], 5000)).toMatchObject({ level: "play" });
  await Promise.all([connection.close("done"), waiting.connection.close("done")]);
  await host.program.end();
  expect(linesOf(host.program, "pending")).toMatchObject([{ id: device.id, name: "a]0;titleb" }]);
  expect(linesOf(host.program, "pending-settled")).toMatchObject([{ how: "approved" }]);
  expect(linesOf(host.program, "paired")).toMatchObject([{ id: manager.id }, { id: device.id }]);
  const words = await host.program.words;
  expect(words).toContain(`punktfunk host approve ${device.id}`);
  // Colours of our own are there; what a client wrote is not.
  expect(words).not.toContain("\u001b]0;");
});

test("--open says loudly what it means, and serves everybody", async () => {
  const host = await serve("open", "--open");
  expect(await host.program.line("ready")).toMatchObject({ pair: "optional" });
  expect(await host.program.line("note")).toMatchObject({ level: "warn" });
  const { answer, connection } = await new TestDevice().ask(host);
  expect(answer).toMatchObject({ type: "welcome", pairing: "optional", level: null });
  await connection.close("done");
  await host.program.end();
  expect(await host.program.words).toContain("PAIRING IS OFF");
  expect(linesOf(host.program, "armed")).toEqual([]);
});

test("a host that is bound to an address is there alone", async () => {
  const host = await serve("bound", "--bind", "127.0.0.1", "--open");
  expect((await new TestDevice().ask(host)).answer.type).toBe("welcome");
  await host.program.end();
  for (const [address, code] of [
    ["localhost", "PF_USAGE"],
    ["192.0.2.77", "PF_"],
  ] as const) {
    const program = new Program(
      ["serve", "--port", "0", "--bind", address, "--json", ...synthetic],
      { home: join(home, "bound") },
    );
    expect(await program.exited).toBeGreaterThan(0);
    expect(linesOf(program, "error")[0]?.["code"]).toContain(code);
  }
});

test("a second host of one state folder refuses, and takes it over when the first was killed", async () => {
  const first = await serve("shared");
  const device = new TestDevice();
  expect(await device.pairByPin(first, await pinOf(first.program))).toBe("paired");
  const second = new Program(["serve", "--port", "0", "--json", ...synthetic], {
    home: join(home, "shared", "host"),
  });
  expect(await second.exited).toBe(1);
  expect(linesOf(second, "error")[0]).toMatchObject({ code: "PF_STATE_INVALID" });
  expect(linesOf(second, "error")[0]?.["message"]).toContain("Another host uses the folder");
  expect((await device.ask(first)).answer.type).toBe("welcome");
  first.program.process.kill("SIGKILL");
  await first.program.exited;
  const third = await serve("shared");
  expect((await device.ask(third)).answer).toMatchObject({ type: "welcome", level: "full" });
  await third.program.end();
}, 20_000);

test("a state file that is damaged stops the start with a sentence, and stays as it is", async () => {
  const path = join(home, "damaged", "host", "data", "devices.json");
  await Bun.write(path, '{"version":1,"devices":[{"id"');
  const program = new Program(["serve", "--port", "0", "--json", ...synthetic], {
    home: join(home, "damaged", "host"),
  });
  expect(await program.exited).toBe(1);
  expect(linesOf(program, "error")[0]).toMatchObject({ code: "PF_STATE_INVALID" });
  expect(await program.words).toContain("A copy of it is kept as");
  expect(await Bun.file(path).text()).toBe('{"version":1,"devices":[{"id"');
  await until(() => program.process.exitCode !== null, "the end");
});
