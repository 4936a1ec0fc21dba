import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { planes, worst } from "../base/diagnosis.ts";
import { pipeWireInstalled, startPipeWire } from "../ffi/pipewire/server.fixture.ts";
import { Program, startHostProgram } from "../harness/program.ts";
import { swayInstalled } from "../host/displays/desktop.fixture.ts";
import { encoderLadder } from "../host/policy/codec.ts";
import { runtimeFolder, startSway } from "../host/readiness/sway.fixture.ts";

const checkSchema = z.strictObject({
  type: z.literal("check"),
  plane: z.enum(planes),
  name: z.string().min(1),
  verdict: z.enum(["ok", "warn", "fail"]),
  detail: z.string().min(1),
  fix: z.string().min(1).nullable(),
});
const summarySchema = z.strictObject({
  type: z.literal("summary"),
  ok: z.boolean(),
  planes: z.partialRecord(z.enum(planes), z.enum(["ok", "warn", "fail"])),
  checks: z.strictObject({ ok: z.number(), warn: z.number(), fail: z.number() }),
});

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "pf-doctor-"));
});
afterAll(() => rm(home, { recursive: true, force: true }));

interface Where {
  readonly home?: string;
  readonly env?: Record<string, string | undefined>;
}

/** As the service would run it: nothing of a desktop in its environment. */
async function doctor(args: readonly string[], where: Where = {}) {
  const program = new Program(["doctor", "--json", ...args], {
    home: where.home ?? join(home, "state"),
    env: {
      WAYLAND_DISPLAY: undefined,
      DISPLAY: undefined,
      SWAYSOCK: undefined,
      DBUS_SESSION_BUS_ADDRESS: undefined,
      XDG_RUNTIME_DIR: home,
      ...where.env,
    },
  });
  const code = await program.exited;
  const checks = program.lines
    .filter(({ type }) => type === "check")
    .map((line) => checkSchema.parse(line));
  const check = (name: string) => checks.find((one) => one.name === name);
  return { code, checks, check, last: program.lines.at(-1), words: await program.words };
}

/** What holds for every answer; throws when it does not. */
function judge({ code, checks, last }: Awaited<ReturnType<typeof doctor>>) {
  const summary = summarySchema.parse(last);
  for (const [plane, verdict] of Object.entries(summary.planes)) {
    expect([plane, worst(checks.filter((one) => one.plane === plane))]).toEqual([plane, verdict]);
  }
  for (const { verdict, fix } of checks) if (verdict === "ok") expect(fix).toBeNull();
  expect(summary.ok).toBe(summary.checks.fail === 0);
  expect(code).toBe(summary.ok ? 0 : 1);
  return summary;
}

describe("words that do not fit", () => {
  test.each([
    [["lungs"]],
    [["net"]],
    [["encode", "somewhere"]],
    [["encode", "--fingerprint", "ab"]],
    [["net", "host:99999"]],
    [["--colour"]],
  ])("%p", async (args) => {
    const { code, last } = await doctor(args);
    expect([code, last?.["code"]]).toEqual([2, "PF_USAGE"]);
  });
});

describe("encode", () => {
  test("tries every encoder, and says in its own words what lacks", async () => {
    const answer = await doctor(["encode"]);
    judge(answer);
    for (const [, name] of Object.values(encoderLadder).flat()) {
      expect(answer.check(name)).toBeDefined();
    }
    expect(answer.check("libx264")?.detail).toContain("5 pictures of 1280x720");
    const nvenc = answer.check("h264_nvenc");
    if (nvenc?.detail.includes("libcuda.so.1")) expect(nvenc.fix).toContain("nvidia");
    expect(answer.check("an encoder")?.verdict).toBe("ok");
  });

  test("without the native libraries it names what builds them", async () => {
    const empty = join(home, "empty");
    await mkdir(empty, { recursive: true });
    const answer = await doctor(["encode"], { env: { PUNKTFUNK_NATIVE: empty } });
    expect(judge(answer).planes).toEqual({ encode: "fail" });
    const failed = answer.checks.filter(({ fix }) => fix === "npm run setup");
    expect(failed.map(({ detail }) => detail).join()).toContain("libpf_");
  });
});

describe.skipIf(!swayInstalled)("capture and input", () => {
  test("a picture of the desktop that the host would start is really captured", async () => {
    const answer = await doctor(["capture"]);
    expect(judge(answer).ok).toBe(true);
    expect(answer.check("first frame")?.detail).toMatch(/1280x720@60 gave it \d+ ms/);
    expect(answer.check("wlroots")?.detail).toContain("$WAYLAND_DISPLAY is not set");
  });

  test("a desktop that runs is found from outside it, and captured", async () => {
    await using sway = await startSway(await runtimeFolder());
    const answer = await doctor(["capture"], { env: { XDG_RUNTIME_DIR: sway.runtimeFolder } });
    expect(judge(answer).ok).toBe(true);
    expect(answer.check("wlroots")).toMatchObject({ verdict: "ok" });
    expect(answer.check("first frame")?.detail).toStartWith("wlroots at 1280x720@60 gave it");
  });

  test("without any compositor it fails, with how to get one", async () => {
    const bin = join(home, "bin");
    await mkdir(bin, { recursive: true });
    const answer = await doctor(["capture"], { env: { PATH: bin } });
    expect(judge(answer).planes).toEqual({ capture: "fail" });
    expect(answer.check("sway")?.fix).toMatch(/sway/);
    expect(answer.check("desktop")?.verdict).toBe("fail");
  });

  test("the way in is opened, and devices that lack are named with a command", async () => {
    const answer = await doctor(["input"]);
    judge(answer);
    expect(answer.check("desktop")).toMatchObject({ verdict: "ok" });
    for (const path of ["/dev/uinput", "/dev/uhid"]) {
      const found = answer.check(path);
      expect(found?.verdict === "ok" || /modprobe|udevadm/.test(found?.fix ?? "")).toBe(true);
    }
  });
});

describe("audio", () => {
  test("without PipeWire it fails, with how to start one", async () => {
    const answer = await doctor(["audio"]);
    expect(judge(answer).planes).toEqual({ audio: "fail" });
    expect(answer.check("PipeWire")?.fix).toMatch(/systemctl --user enable --now pipewire/);
  });
});

test.skipIf(!pipeWireInstalled)("a sink is really made, and nothing of it stays", async () => {
  await using server = await startPipeWire();
  const answer = await doctor(["audio"], { env: { XDG_RUNTIME_DIR: server.runtimeDir } });
  expect(judge(answer).ok).toBe(true);
  expect(answer.check("PipeWire")?.detail).toMatch(/PipeWire [\d.]+ answers/);
  expect(answer.check("sink")?.detail).toMatch(/made in [\d.]+ ms/);
  expect(answer.check("Opus")?.verdict).toBe("ok");
  expect(await server.run(["pw-cli", "list-objects", "Node"])).not.toContain("punktfunk");
});

describe("service", () => {
  test("keys that others may read, and a folder that is none, are told", async () => {
    const state = join(home, "open");
    await mkdir(join(state, "data"), { recursive: true, mode: 0o700 });
    await writeFile(join(state, "data", "host-identity.json"), "{}", { mode: 0o600 });
    await writeFile(join(state, "config"), "");
    await chmod(join(state, "data", "host-identity.json"), 0o644);
    const answer = await doctor(["service"], { home: state });
    judge(answer);
    const data = answer.check("data folder");
    expect(data?.detail).toContain("host-identity.json");
    expect(data).toMatchObject({ verdict: "warn", fix: `chmod -R go-rwx ${state}/data` });
    expect(answer.check("config folder")).toMatchObject({ verdict: "fail" });
  });

  test("a port that somebody else has is told, with how to find out who", async () => {
    const server = createServer();
    const { promise: listening, resolve } = Promise.withResolvers<boolean>();
    server.once("error", () => resolve(false)); // taken already: by whom does not matter
    server.listen(9779, "127.0.0.1", () => resolve(true));
    await listening;
    const answer = await doctor(["service"]);
    server.close();
    expect(judge(answer).planes).toEqual({ service: "fail" });
    expect(answer.check("management port")?.detail).toContain("EADDRINUSE");
    expect(answer.check("management port")?.fix).toContain("9779");
  });
});

describe("net", () => {
  test("the way to a host is gone to its end: name, trust, clock, and media both ways", async () => {
    const host = await startHostProgram(home, ["--source", "synthetic", "--encoder", "software"]);
    try {
      const target = `127.0.0.1:${host.port}`;
      const answer = await doctor(["net", target, "--fingerprint", host.fingerprint]);
      expect(judge(answer).ok).toBe(true);
      expect(answer.checks.map(({ name }) => name).sort()).toEqual([
        "clock",
        "control",
        "media",
        "pairing",
        "resolve",
        "route",
        "socket buffers",
        "trust",
      ]);
      expect(answer.check("media")?.detail).toMatch(/(\d+) of \1 packets/);

      const stranger = await doctor(["net", target]);
      expect(judge(stranger).ok).toBe(false);
      expect(stranger.check("trust")?.fix).toBe(`punktfunk pair 127.0.0.1`);

      const wrong = await doctor(["net", target, "--fingerprint", "ab".repeat(32)]);
      expect(wrong.check("trust")).toMatchObject({ verdict: "fail" });
    } finally {
      await host.program.end();
    }
  });

  test("a host that wants pairing says so, with the command", async () => {
    const host = await startHostProgram(join(home, "strict"), ["--source", "synthetic"], {
      trust: "required",
    });
    try {
      const target = `127.0.0.1:${host.port}`;
      const answer = await doctor(["net", target, "--fingerprint", host.fingerprint]);
      expect(answer.code).toBe(1);
      expect(answer.check("pairing")).toMatchObject({ fix: "punktfunk pair 127.0.0.1" });
    } finally {
      await host.program.end();
    }
  });

  test.each([
    ["[fe80::1%lo]", "resolve"],
    ["127.0.0.1:9", "control"],
  ])("%s ends at %s", async (target, name) => {
    const answer = await doctor(["net", target]);
    expect(judge(answer).ok).toBe(false);
    expect(answer.check(name)).toMatchObject({ verdict: "fail" });
    expect(answer.checks.at(-1)?.name).toBe(name === "resolve" ? "socket buffers" : name);
  });
});
