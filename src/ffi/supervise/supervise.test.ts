import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Supervised, type SuperviseOptions } from "./supervise.ts";

const env = { PATH: process.env["PATH"] ?? "/usr/bin:/bin" };
const running: Supervised[] = [];
let nextFolder = 0;

/** A folder name of this test's own; its last part marks the processes of one test. */
const freeFolder = () => join(tmpdir(), `pf-supervise-${process.pid}-${nextFolder++}`);

function supervise(script: string, options: Partial<SuperviseOptions> = {}): Supervised {
  const command = ["sh", "-c", script];
  const one = new Supervised({ command, env, graceMs: 300, ...options });
  running.push(one);
  return one;
}

/** A supervised script that prints `ready`; resolves with what it prints before that. */
async function superviseReady(script: string, options: Partial<SuperviseOptions> = {}) {
  const lines: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const onLine = (line: string) => (line === "ready" ? resolve() : void lines.push(line));
  const one = supervise(script, { ...options, onLine });
  await promise;
  return { one, lines };
}

/** Process numbers whose command line holds the mark. */
function processesWith(mark: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(mark);
      } catch {
        return false;
      }
    })
    .map(Number);
}

async function gone(mark: string, withinMs: number): Promise<boolean> {
  const until = performance.now() + withinMs;
  while (processesWith(mark).length > 0 && performance.now() < until) await Bun.sleep(5);
  return processesWith(mark).length === 0;
}

/** A script that leaves a daemon which forked twice, a session of its own, and a deaf process. */
const tree = (mark: string) => `
  ( ( exec sleep 1000.${mark} ) & ) &
  setsid sh -c 'sleep 1001.${mark} & exec sleep 1002.${mark}' &
  sh -c 'trap "" TERM INT HUP; echo deaf; while :; do sleep 0.05; done; : ${mark}' &
  nohup sleep 1003.${mark} >/dev/null 2>&1 &
  read -r line < /dev/null
  sleep 0.1
  echo ready
`;

const mark = () => `${process.pid}${String(nextFolder++).padStart(3, "0")}`;

afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
});

describe("a supervised command", () => {
  test("passes its exit status and output through", async () => {
    const lines: string[] = [];
    const one = supervise("echo one; echo two >&2; exit 7", { onLine: (line) => lines.push(line) });
    expect(await one.exited).toBe(7);
    expect(lines).toEqual(["one"]);
    expect(one.errorLines).toEqual(["two"]);
  });

  test("tells a death by signal as shells do", async () => {
    expect(await supervise("kill -SEGV $$").exited).toBe(139);
  });

  test("is told apart from one that is not there", async () => {
    const one = new Supervised({ command: ["/nonexistent/program"], env });
    expect(await one.exited).toBe(127);
    expect(one.errorLines.join()).toContain("/nonexistent/program: No such file");
  });

  test("gets no descriptor of its parent's and no terminal input", async () => {
    const lines: string[] = [];
    const script = "ls /proc/self/fd | tr '\\n' ' '; echo; cat; readlink /proc/self/fd/0";
    await supervise(script, { onLine: (line) => lines.push(line) }).exited;
    expect(lines[0]?.trim()).toBe("0 1 2 3"); // 3 is ls's own
    expect(lines[1]).toBe("/dev/null");
  });
});

describe("the end of the tree", () => {
  test("comes with the command's own end, for daemons too", async () => {
    const name = mark();
    expect(await supervise(tree(name)).exited).toBe(0);
    expect(processesWith(name)).toEqual([]);
  });

  test("comes when stop is called, within the grace and a little", async () => {
    const name = mark();
    const { one } = await superviseReady(`${tree(name)}\nexec sleep 1004.${name}`);
    expect(processesWith(name).length).toBeGreaterThan(4);
    const begin = performance.now();
    expect(await one.stop()).toBe(143);
    expect(performance.now() - begin).toBeLessThan(1000);
    expect(processesWith(name)).toEqual([]);
  });

  test("comes when the command is killed", async () => {
    const name = mark();
    const { one } = await superviseReady(`${tree(name)}\nexec sleep 1004.${name}`);
    const [command] = processesWith(`1004.${name}`).filter((pid) => pid !== one.pid);
    process.kill(command as number, "SIGKILL");
    expect(await one.exited).toBe(137);
    expect(processesWith(name)).toEqual([]);
  });

  test("comes when the parent is killed, and the folder goes too", async () => {
    const name = mark();
    const folder = freeFolder();
    const script = `${tree(name)}\nexec sleep 1004.${name}`;
    const parent = Bun.spawn([process.execPath, "-e", parentProgram], {
      env: { ...process.env, PF_SCRIPT: script, PF_FOLDER: folder },
      stdout: "pipe",
    });
    await parent.stdout.getReader().read();
    expect(existsSync(folder)).toBe(true);
    parent.kill("SIGKILL");
    await parent.exited;
    expect(await gone(name, 3000)).toBe(true);
    while (existsSync(folder)) await Bun.sleep(5);
  });

  test("comes for stopped processes", async () => {
    const name = mark();
    const { one } = await superviseReady(`sleep 1004.${name} & kill -STOP $!; echo ready; wait`);
    await one.stop();
    expect(processesWith(name)).toEqual([]);
  });
});

const parentProgram = `
  import { Supervised } from ${JSON.stringify(new URL("./supervise.ts", import.meta.url).pathname)};
  new Supervised({
    command: ["sh", "-c", process.env.PF_SCRIPT],
    env: { PATH: process.env.PATH },
    folder: process.env.PF_FOLDER,
    graceMs: 300,
    onLine: (line) => { if (line === "ready") console.log("up"); },
  });
`;

describe("the private folder", () => {
  test("is there with its files, for its user alone, and goes with all that came into it", async () => {
    const folder = freeFolder();
    const outside = mkdtempSync(join(tmpdir(), "pf-outside-"));
    await Bun.write(join(outside, "keep"), "kept");
    const script = `cat ${folder}/greeting; mkdir -p ${folder}/a/b/c; echo x > ${folder}/a/b/c/x
      ln -s ${outside} ${folder}/link; ln -s ${outside} ${folder}/a/link
      mkdir ${folder}/closed; echo y > ${folder}/closed/y; chmod 0 ${folder}/closed
      mkfifo ${folder}/pipe; echo; echo ready; sleep 1000`;
    const files = { greeting: "hello 'world'" };
    const { one, lines } = await superviseReady(script, { folder, files });
    expect(lines).toEqual(["hello 'world'"]);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, "greeting")).mode & 0o777).toBe(0o600);
    await one.stop();
    expect(existsSync(folder)).toBe(false);
    expect(readFileSync(join(outside, "keep"), "utf8")).toBe("kept");
    rmSync(outside, { recursive: true });
  });

  test("is never one that is there already", async () => {
    const folder = mkdtempSync(join(tmpdir(), "pf-taken-"));
    const one = supervise("true", { folder });
    expect(await one.exited).toBe(125);
    expect(one.errorLines.join()).toContain("File exists");
    expect(existsSync(folder)).toBe(true);
    rmSync(folder, { recursive: true });
  });

  test("is removed when the command can't be run", async () => {
    const folder = freeFolder();
    const one = new Supervised({ command: ["/nonexistent"], env, folder });
    expect(await one.exited).toBe(127);
    expect(existsSync(folder)).toBe(false);
  });
});

describe.skipIf(process.getuid?.() !== 0)("as root", () => {
  const user = { uid: 65_534, gid: 65_534 };

  test("gives the command an unprivileged user, no groups and no way back", async () => {
    const lines: string[] = [];
    const script = "id -u; id -g; id -G; grep -E 'NoNewPrivs|CapEff' /proc/self/status";
    await supervise(script, { user, onLine: (line) => lines.push(line) }).exited;
    expect(lines.map((line) => line.replace(/\s+/g, " "))).toEqual([
      "65534",
      "65534",
      "65534",
      "CapEff: 0000000000000000",
      "NoNewPrivs: 1",
    ]);
  });

  test("gives the user the folder, and removes what he left in it", async () => {
    const folder = freeFolder();
    const script = `echo x > ${folder}/mine; mkdir ${folder}/d; chmod 0 ${folder}/d; cat ${folder}/text`;
    const one = supervise(script, { user, folder, files: { text: "t" } });
    expect(await one.exited).toBe(0);
    expect(existsSync(folder)).toBe(false);
  });

  test("refuses root itself as the user", async () => {
    const one = supervise("id -u", { user: { uid: 0, gid: 0 } });
    expect(await one.exited).toBe(125);
  });
});
