import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Program, programCommand, startHostProgram } from "../harness/program.ts";

let home: string;
let host: Awaited<ReturnType<typeof startHostProgram>>;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "punktfunk-cli-"));
  host = await startHostProgram(home, ["--source", "synthetic", "--encoder", "software"]);
});

afterAll(async () => {
  await host.program.end();
  await rm(home, { recursive: true, force: true });
});

async function run(args: readonly string[], env: Record<string, string | undefined> = {}) {
  const program = new Program(args, { home: join(home, "client"), env });
  const code = await program.exited;
  const error = program.lines.find(({ type }) => type === "error");
  return { code, error, words: await program.words, lines: program.lines };
}

const connect = (...args: string[]) =>
  run(["connect", `127.0.0.1:${host.port}`, "--present", "none", "--json", ...args]);
const trusted = (...args: string[]) => connect("--fingerprint", host.fingerprint, ...args);

describe("wrong input ends with its exit code and a sentence", () => {
  test.each([
    ["0x0@60", "width"],
    ["1x1@60", "width"],
    ["1281x721@60", "even"],
    ["16385x10@60", "width"],
    ["1280x720@0", "refresh"],
    ["1280x720@1001", "refresh"],
    ["wide", "WIDTHxHEIGHT"],
  ])("mode %s", async (mode, words) => {
    const { code, error } = await trusted("--mode", mode);
    expect(code).toBe(2);
    expect(error?.["code"]).toBe("PF_MODE_INVALID");
    expect(`${error?.["message"]} ${error?.["hint"]}`).toContain(words);
  });

  test.each([
    [["--codec", "vp9"], 2, "PF_USAGE"],
    [["--bitrate", "fast"], 2, "PF_USAGE"],
    [["--duration", "0"], 2, "PF_USAGE"],
    [["--present", "hologram"], 2, "PF_USAGE"],
    [["--colour", "red"], 2, "PF_USAGE"],
    [["--record"], 2, "PF_USAGE"],
    [["--fingerprint", "12:34"], 2, "PF_USAGE"],
    [["--fingerprint", "ab".repeat(32)], 4, "PF_FINGERPRINT_MISMATCH"],
    [[], 4, "PF_FINGERPRINT_UNKNOWN"],
  ] as const)("connect %p", async (args, exitCode, errorCode) => {
    const { code, error } = await connect(...args);
    expect(code).toBe(exitCode);
    expect(error?.["code"]).toBe(errorCode);
    expect(String(error?.["message"])).toMatch(/\.$/);
  });

  test("a host that nobody knows", async () => {
    const { code, error } = await run(["connect", "no-such-host.invalid", "--json"]);
    expect([code, error?.["code"]]).toEqual([3, "PF_HOST_UNKNOWN"]);
  });

  test("a closed port", async () => {
    const { code, error } = await run(["connect", "127.0.0.1:9", "--json"]);
    expect([code, error?.["code"]]).toEqual([3, "PF_HOST_UNREACHABLE"]);
  });

  test("a port that is taken, for control and for media", async () => {
    for (const args of [
      ["--port", String(host.port), "--media-port", "0"],
      ["--port", "0", "--media-port", String(host.mediaPort)],
    ]) {
      const { code, error } = await run(["serve", "--json", "--source", "synthetic", ...args]);
      expect([code, error?.["code"]]).toEqual([1, "PF_PORT_TAKEN"]);
      expect(String(error?.["message"])).toContain(args.find((arg) => /^[1-9]/.test(arg)) ?? "?");
    }
  });

  test("an encoder that nobody knows, and one that can't be opened here", async () => {
    const unknown = await run(["serve", "--encoder", "mencoder", "--json"]);
    expect([unknown.code, unknown.error?.["code"]]).toEqual([1, "PF_ENCODER_MISSING"]);
    const away = await startHostProgram(join(home, "away"), [
      "--source",
      "synthetic",
      "--encoder",
      "vaapi",
    ]);
    const { code, error } = await run([
      "connect",
      `127.0.0.1:${away.port}`,
      "--fingerprint",
      away.fingerprint,
      "--present",
      "none",
      "--json",
    ]);
    expect([code, error?.["code"]]).toEqual([1, "PF_ENCODER_MISSING"]);
    expect(String(error?.["message"])).toContain("h264_vaapi");
    await away.program.end();
  });

  test("a recording that can't be written", async () => {
    for (const path of [join(home, "no", "such", "folder.mkv"), "/proc/out.mkv"]) {
      const { code, error } = await trusted("--record", path, "--duration", "1");
      expect([code, error?.["code"]]).toEqual([1, "PF_RECORD_FAILED"]);
      expect(String(error?.["message"])).toContain(path);
    }
  });

  test("a recording of a kind that nobody writes, and one that does not fit the codec", async () => {
    for (const path of ["out.avi", "out", "out.hevc"]) {
      const { code, error } = await trusted("--record", join(home, path), "--codec", "h264");
      expect([code, error?.["code"]]).toEqual([2, "PF_USAGE"]);
    }
  });

  test("sway that is not installed", async () => {
    const folder = join(home, "empty-path");
    await mkdir(folder);
    const program = new Program(["serve", "--port", "0", "--source", "sway", "--json"], {
      home: join(home, "no-sway"),
      env: { PATH: folder },
    });
    expect(await program.exited).toBe(1);
    const error = program.lines.find(({ type }) => type === "error");
    expect(error?.["code"]).toBe("PF_DISPLAY_MISSING");
    expect(`${error?.["message"]} ${error?.["hint"]}`).toContain("sway");
  });

  test("a command or a word that is not there", async () => {
    for (const args of [["stream"], ["serve", "now"], ["connect"], ["serve", "--port", "x"]]) {
      expect((await run([...args, "--json"])).code).toBe(2);
    }
  });
});

describe("what works", () => {
  test("help names every flag and shows examples, on stdout", async () => {
    for (const name of ["serve", "connect", "speed-test", "demo"]) {
      const help = Bun.spawnSync([process.execPath, "src/cli/main.ts", name, "--help"]);
      const text = help.stdout.toString();
      expect(help.exitCode).toBe(0);
      expect(text).toContain("--json");
      expect(text).toContain("EXAMPLES");
    }
  });

  test("connect ends with the summary of the contract", async () => {
    const { code, lines } = await trusted("--mode", "640x360@60", "--duration", "1");
    expect(code).toBe(0);
    const summary = lines.at(-1) as Record<string, Record<string, unknown>> & { type: string };
    expect(summary.type).toBe("summary");
    expect(summary["mode"] as unknown).toBe("640x360@60");
    expect(summary["frames"]?.["lost"]).toBe(0);
    expect(summary["frames"]?.["decoded"] as number).toBeGreaterThan(20);
    expect(summary["frames"]?.["presented"]).toBeNull();
    expect(summary["latencyUs"]?.["captureToDecoded"]).not.toBeNull();
    expect(summary["latencyUs"]?.["captureToPresented"]).toBeNull();
    expect(summary["clock"]?.["skewCorrected"]).toBe(true);
    for (const stage of ["queue", "encode", "seal", "pace", "network", "decode"]) {
      expect(summary["stagesUs"]?.[stage]).not.toBeNull();
    }
  });

  test("a host of this very user needs no fingerprint", async () => {
    const own = ["connect", `127.0.0.1:${host.port}`, "--present", "none", "--json"];
    const program = new Program([...own, "--mode", "320x180@30", "--duration", "0.5"], {
      home: join(home, "host"),
    });
    expect(await program.exited).toBe(0);
  });

  test("a host that was trusted once is known", async () => {
    const { code } = await connect("--mode", "640x360@60", "--duration", "0.5");
    expect(code).toBe(0);
  });
});

describe("a reader that goes away", () => {
  const discover = [...programCommand, "discover", "--seconds", "100ms", "--json"].join(" ");
  test("ends the command in order", async () => {
    const harness = [...programCommand, "loss-harness", "--frames", "1000", "--json"].join(" ");
    const script = `{ ${harness}; echo "ended $?" >&2; } | head -n 1`;
    const shell = Bun.spawn(["sh", "-c", script], {
      env: { ...process.env, PUNKTFUNK_HOME: join(home, "head") },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const words = await new Response(shell.stderr).text();
    expect(words).toContain("ended 130");
    expect(words).not.toContain("EPIPE");
  });

  test("because its disk is full is told", async () => {
    const shell = Bun.spawn(["sh", "-c", `${discover} > /dev/full`], {
      env: { ...process.env, PUNKTFUNK_HOME: join(home, "full") },
      stdin: "ignore",
      stderr: "pipe",
    });
    expect(await new Response(shell.stderr).text()).toContain("no space left");
    expect(await shell.exited).toBe(1);
  });
});
