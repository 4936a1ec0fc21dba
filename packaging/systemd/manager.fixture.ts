/**
 * For tests: systemd's manager of a user, a real one, in namespaces of its own: its /run, its
 * processes and its ports are nobody else's, and all of it ends with the test. It runs as an
 * unprivileged user in control groups that are that user's, since a manager takes everything in its
 * group for its own and rearranges it.
 */
import { chownSync, existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const systemd = ["/lib/systemd/systemd", "/usr/lib/systemd/systemd"].find(existsSync);
const nobody = 65_534;
const asNobody = `setpriv --reuid=${nobody} --regid=${nobody} --clear-groups`;

/** Whether this machine can run it; the user has to reach the program too. */
export const managerPossible =
  systemd !== undefined &&
  process.geteuid?.() === 0 &&
  ["unshare", "setpriv", "ip"].every((name) => Bun.which(name) !== null) &&
  Bun.spawnSync([...asNobody.split(" "), "test", "-x", process.execPath]).success;

export interface Manager extends AsyncDisposable {
  /** Runs a shell line beside the manager, as its user would. */
  run(line: string): Promise<{ readonly status: number; readonly text: string }>;
}

/** The hierarchies in which a manager works: one, or systemd's own beside that of version 2. */
const hierarchies = ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"].some(existsSync)
  ? ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"].filter(existsSync)
  : ["/sys/fs/cgroup"];

/** Starts it; resolves when it answers. `home` is its user's, which is given to it. */
export async function startManager(home: string): Promise<Manager> {
  const groups = hierarchies.map((hierarchy) => join(hierarchy, `pf-units-${process.pid}`));
  for (const group of groups) {
    mkdirSync(group);
    for (const path of [
      group,
      ...["cgroup.procs", "cgroup.subtree_control", "tasks"].map((name) => join(group, name)),
    ]) {
      if (existsSync(path)) chownSync(path, nobody, nobody);
    }
  }
  chownSync(home, nobody, nobody);
  const enter = join(home, "enter.sh");
  const serve = join(home, "serve.sh");
  writeFileSync(
    enter,
    `set -e
${groups.map((group) => `echo 0 > ${group}/cgroup.procs`).join("\n")}
test "$(grep -cE '^(0:|[0-9]+:name=systemd):/pf-units-' /proc/self/cgroup)" = ${groups.length}
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/user/${nobody}
chown ${nobody}:${nobody} /run/user/${nobody} && chmod 700 /run/user/${nobody}
ip link set lo up
exec ${asNobody} sh ${serve}
`,
  );
  writeFileSync(
    serve,
    `export XDG_RUNTIME_DIR=/run/user/${nobody} HOME=${home} USER=nobody SYSTEMD_LOG_TARGET=console
unset WAYLAND_DISPLAY DISPLAY SWAYSOCK DBUS_SESSION_BUS_ADDRESS PUNKTFUNK_HOME
cd ${home}
${systemd} --user >manager.log 2>&1 &
for i in $(seq 100); do systemctl --user show-environment >/dev/null 2>&1 && break; sleep 0.05; done
echo ready
while read -r line; do sh -c "$line" 2>&1 </dev/null; echo "status $?"; done
`,
  );
  const spaces = ["--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc"];
  const shell = Bun.spawn(["unshare", ...spaces, "sh", enter], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const lines = linesOf(shell.stdout);
  const end = async () => {
    shell.kill("SIGKILL");
    await shell.exited;
    for (const group of groups) await removeGroup(group);
  };
  if ((await until(lines, "ready")) === undefined) {
    await end();
    throw new Error("systemd's manager did not start");
  }
  return {
    run: async (line) => {
      shell.stdin.write(`${line}\n`);
      await shell.stdin.flush();
      const said = await until(lines, "status ");
      if (said === undefined) throw new Error("systemd's manager has ended");
      const status = Number(said.pop()?.slice("status ".length));
      return { status, text: said.join("\n") };
    },
    [Symbol.asyncDispose]: end,
  };
}

type Lines = AsyncIterator<string, undefined>;

/** The lines up to one that begins so; undefined when there is none. */
async function until(lines: Lines, start: string): Promise<string[] | undefined> {
  const said: string[] = [];
  for (;;) {
    const { done, value } = await lines.next();
    if (done === true) return undefined;
    said.push(value);
    if (value.startsWith(start)) return said;
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() as string;
    yield* parts;
  }
  return undefined;
}

/** Its processes have been killed; the kernel needs a moment to know. */
async function removeGroup(path: string): Promise<void> {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeGroup(join(path, entry.name));
  }
  for (let tries = 0; ; tries++) {
    try {
      rmdirSync(path);
      return;
    } catch (error) {
      if (tries > 200) throw error;
      await Bun.sleep(10);
    }
  }
}
