import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { namespacesMissing, withNamespaces } from "../harness/namespaces.ts";
import { until } from "../harness/processes.ts";
import { Program, programCommand } from "../harness/program.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "punktfunk-discover-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(args: readonly string[], prefix: readonly string[] = []) {
  const program = new Program(args, { home: join(folder, "home"), prefix });
  const code = await program.exited;
  return { code, words: await program.words, lines: program.lines };
}

test("discover explains itself, and refuses what is no duration", async () => {
  const help = Bun.spawnSync([...programCommand, "discover", "--help"]);
  expect(help.exitCode).toBe(0);
  for (const word of ["--seconds", "--watch", "--json", "EXAMPLES"]) {
    expect(help.stdout.toString()).toContain(word);
  }
  for (const seconds of ["0", "soon", "-1"]) {
    const { code, lines } = await run(["discover", "--json", `--seconds=${seconds}`]);
    expect([code, lines[0]?.["code"]]).toEqual([2, "PF_USAGE"]);
  }
});

test("connect without a host and without a person to ask is wrong use that names it", async () => {
  const { code, lines } = await run(["connect", "--json"]);
  expect([code, lines[0]?.["code"]]).toEqual([2, "PF_USAGE"]);
  expect(String(lines[0]?.["message"])).toContain("HOST");
});

const missing = (await namespacesMissing()) ?? (Bun.which("tmux") ? undefined : "there is no tmux");
if (missing !== undefined) console.warn(`SKIPPED: choosing a host on a network, as ${missing}.`);

test.skipIf(missing !== undefined)(
  "who finds nothing is told what to check; who names no host chooses one that was found",
  () =>
    withNamespaces(async ({ host, client }) => {
      const nothing = await run(["discover", "--seconds", "300ms"], client.prefix);
      expect([nothing.code, nothing.lines]).toEqual([0, []]);
      expect(nothing.words).toMatch(
        /No host was found within 0.3 s.*UDP port 5353.*connect ADDRESS/,
      );

      const serve = ["serve", "--source", "synthetic", "--encoder", "software", "--open", "--json"];
      const serving = new Program([...serve, "--port", "0", "--name", "Living room"], {
        home: join(folder, "host"),
        prefix: host.prefix,
      });
      const fingerprint = String((await serving.line("ready"))?.["fingerprint"]);
      const tmux = async (...words: string[]) =>
        (
          await Bun.$`${client.prefix} tmux -u -S ${join(folder, "tmux")} -f /dev/null ${words}`.quiet()
        ).stdout.toString();
      const screen = () => tmux("capture-pane", "-p");
      const shows = (words: string) =>
        until(async () => (await screen()).includes(words), `"${words}" on the screen`, 15_000);
      const punktfunk = `env PUNKTFUNK_HOME=${join(folder, "person")} ${programCommand.join(" ")}`;
      const connect =
        `${punktfunk} connect --fingerprint ${fingerprint} --mode 320x180@30 --present none ` +
        `--duration 0.5; echo "ended $?"`;
      const script = `${punktfunk} discover --seconds 2; ${connect}; ${connect}; sleep 60`;
      await tmux("new-session", "-d", "-x", "110", "-y", "50", script);
      try {
        await shows("FINGERPRINT");
        expect(await screen()).toMatch(/Living room\s+192\.0\.2\.1:\d+\s+optional/);
        await shows("Which host?");
        expect(await screen()).toMatch(/Living room \(192\.0\.2\.1:\d+, pairing optional, new\)/);
        await tmux("send-keys", "Enter");
        await shows("ended 0");
        await until(async () => (await screen()).split("Which host?").length > 2, "the question");
        expect(await screen()).toMatch(/pairing optional, known/);
        await tmux("send-keys", "C-c");
        await shows("ended 130");
      } finally {
        await tmux("kill-server");
        await serving.end();
      }
    }),
);
