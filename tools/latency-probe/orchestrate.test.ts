import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { program } from "../../src/cli/own-host.ts";
import { launchBrowser, openPage } from "../../src/console/browser.testing.ts";
import { namespacesMissing } from "../../src/harness/namespaces.ts";
import { familyOf, stillRunning, until } from "../../src/harness/processes.ts";
import { plansOf } from "./matrix.ts";
import { type Report, readReport, reportCsv } from "./report.ts";

let browser: Browser;
let folder: string;
beforeAll(async () => {
  browser = await launchBrowser();
  folder = await mkdtemp(join(tmpdir(), "punktfunk-orchestrate-"));
});
afterAll(async () => {
  await browser.close();
  await rm(folder, { recursive: true, force: true });
});

const tool = join(import.meta.dir, "orchestrate.ts");

function start(...words: string[]) {
  return Bun.spawn([process.execPath, tool, ...words], {
    // What a test runs says little else.
    env: { ...process.env, TMPDIR: folder, NODE_ENV: "production" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

async function orchestrate(...words: string[]) {
  const child = start(...words);
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  const records = stdout.split("\n").filter((line) => line.startsWith("{"));
  return { code, stdout, stderr, records: records.map((line) => JSON.parse(line)) };
}

const canMeasure =
  (await namespacesMissing()) === undefined &&
  Bun.which("nft") !== null &&
  Bun.which("tc") !== null;

const matrix = ["--mode", "320x240@30", "--bitrate", "2M", "--fec", "10", "--loss", "0,20"];
const words = [...matrix, "--duration", "1s", "--rate", "1G", "--json"];

test.skipIf(!canMeasure)("a matrix that is interrupted leaves a report, and goes on", async () => {
  const out = join(folder, "report");
  const child = start("local", ...words, "--out", out);
  const stderr = new Response(child.stderr).text();
  await child.stdout.getReader().read();
  // The namespaces, the host's shell and host, the second probe's.
  const isProbing = () =>
    familyOf(child.pid).some(({ command }) => /^\S+ .*latency-probe 192/.test(command));
  await until(isProbing, "the second probe", 10_000);
  const family = familyOf(child.pid);
  child.kill("SIGINT");
  expect(await child.exited).toBe(130);
  expect(await stderr).toContain("1 of 2 runs are left");
  await until(() => stillRunning(family).length === 0, "the end of all that was started");
  expect(await remains()).toEqual([]);
  expect((await readdir(out)).sort()).toEqual(["report.csv", "report.html", "report.json"]);
  expect((await readReport(out)).runs.map(({ plan }) => plan.lossPct)).toEqual([0]);

  const rest = await orchestrate("local", ...words, "--out", out);
  expect(rest.stderr).toContain("1 of 2 runs are in");
  expect(rest.records.map(({ type }) => type)).toEqual(["run", "summary"]);
  expect(rest.records[1]).toEqual({ type: "summary", folder: out, runs: 2, failed: 0, left: 0 });
  expect(await remains()).toEqual([]);
  await lookInto(out);
});

/** What a run may not leave. */
const remains = async () =>
  (await readdir(folder)).filter((name) => name.startsWith("punktfunk-probe"));

async function lookInto(out: string): Promise<void> {
  const report = await readReport(out);
  expect(report.runs.map(({ plan }) => plan.lossPct)).toEqual([0, 20]);
  for (const { summary, seconds, plan } of report.runs) {
    const { pixelLatencyUs, histogramUs, markers, packets } = summary ?? {};
    expect(pixelLatencyUs?.p50).toBeGreaterThan(0);
    // All but those that came before the clocks were compared.
    const counted = (histogramUs ?? []).reduce((sum, [, count]) => sum + count, 0);
    expect(counted).toBeLessThanOrEqual(markers?.seen ?? 0);
    expect(counted).toBeGreaterThan((markers?.seen ?? 0) / 2);
    expect(seconds.length).toBeGreaterThan(0);
    expect((packets?.lost ?? 0) > 0).toBe(plan.lossPct > 0);
  }
  expect(report.machines.map(({ name, processors }) => [name, processors > 0])).toEqual([
    ["host namespace", true],
    ["client namespace", true],
  ]);
  const csv = (await readFile(join(out, "report.csv"), "utf8")).trimEnd().split("\r\n");
  expect(csv.length).toBe(3);
  expect(new Set(csv.map((line) => line.split(",").length)).size).toBe(1);
  await lookAt(join(out, "report.html"));
}

/** The page is whole, says nothing on the console and fits, light and dark, wide and narrow. */
async function lookAt(path: string): Promise<void> {
  const views = [
    { width: 1280, scheme: "light" },
    { width: 390, scheme: "dark" },
  ] as const;
  for (const view of views) {
    await using opened = await openPage(browser, `file://${path}`, view);
    const { page, faults } = opened;
    const plots = page.getByRole("img");
    expect(await plots.count()).toBe(4);
    expect(await page.getByRole("table").count()).toBe(6);
    expect(await page.content()).not.toMatch(/NaN|undefined|Infinity/);
    for (const name of ["Stages", "Distribution", "Second by second", "Loss and recovery"]) {
      await page.getByRole("heading", { level: 3, name }).waitFor();
    }
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(view.width);
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("To the figures");
    expect(faults).toEqual([]);
  }
}

test("wrong words are told of, with the status of wrong words", async () => {
  const wrong: [string[], string][] = [
    [["local", "--codec", "vp8"], "not a codec"],
    [["local", "--loss", "70"], "not a share of packets"],
    [["local", "other"], "is local, or has a host"],
    [["gamingbox"], "is local, or has a host"],
    [["a", "b", "--rate", "1G"], "--rate is for local"],
    [["-oProxyCommand=true", "b"], "no flag"],
    [["a", "b c"], "not a machine"],
    [["a", "b", "--ssh", "no-such-ssh"], "no-such-ssh is not installed"],
  ];
  const none = ["--out", join(folder, "none")];
  const help = orchestrate("--help");
  await Promise.all(
    wrong.map(async ([given, said]) => {
      const { code, stderr } = await orchestrate(...given, ...none);
      expect({ given, code, said: stderr.includes(said) }).toEqual({ given, code: 2, said: true });
    }),
  );
  expect((await help).code).toBe(0);
  expect((await help).stdout).toContain("orchestrate.ts local --loss 0,2");
  expect(await readdir(folder)).not.toContain("none");
});

test.skipIf(Bun.which("ssh") === null)("a machine that ssh can't reach is told of", async () => {
  const given = ["nobody@punktfunk.invalid", "nobody@punktfunk.invalid"];
  const { code, stderr } = await orchestrate(...given, "--out", join(folder, "none"));
  expect(stderr).toContain("ssh does not reach nobody@punktfunk.invalid");
  expect(stderr).toContain("BatchMode=yes");
  expect(code).toBe(3);
});

/** What sshd does with a command: the user's shell gets it as one word. */
const sshHere = `#!/bin/sh
for last; do :; done
case " $* " in
  *" -G "*) echo "hostname 127.0.0.1" ;;
  *" BatchMode=yes "*) exec sh -c "$last" ;;
esac
`;

test.skipIf(!canMeasure)(
  "a folder that can't be written is told of before the first run",
  async () => {
    const { code, stderr, records } = await orchestrate("local", "--out", "/proc/report", "--json");
    expect(stderr).toContain("can't be written to /proc/report");
    expect(stderr).toContain("--out");
    expect({ code, types: records.map(({ type }) => type) }).toEqual({ code: 1, types: ["error"] });
  },
);

test("machines by ssh get each program as one script, and nothing of it stays", async () => {
  const out = join(folder, "by-ssh");
  const ssh = join(folder, "ssh-here");
  await writeFile(ssh, sshHere, { mode: 0o700 });
  const reach = ["--ssh", ssh, "--command", `${process.execPath} ${program[1]}`];
  const given = ["me@there", "me@here", "--mode", "320x240@30", "--duration", "1s"];
  const { code, stderr } = await orchestrate(...given, ...reach, "--out", out);
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  const { runs, machines } = await readReport(out);
  expect(machines.map(({ name }) => name)).toEqual(["me@there", "me@here"]);
  expect(runs[0]?.summary?.pixelLatencyUs?.p50).toBeGreaterThan(0);
  expect((await readdir(folder)).filter((name) => name.startsWith("punktfunk-probe"))).toEqual([]);
});

test("every combination is one plan, and a repeated setting is none", () => {
  const plans = plansOf({
    ...{ host: "a", clients: ["b", "c"], modes: ["640x360@60"], codecs: ["h264", "hevc"] },
    ...{ bitratesKbps: [null, 20_000], fecsPermille: [null, 200, 200], lossesPct: [0, 2.5] },
    ...{ durationMs: 10_000, linkKbps: null },
  });
  expect(plans.length).toBe(32);
  expect(new Set(plans.map(({ id }) => id)).size).toBe(32);
  expect(plans[0]?.id).toBe("a > b, 640x360@60 h264, usual rate, FEC auto, loss 0%, 10 s");
});

test("a file that is no report is left as it is", async () => {
  const path = join(folder, "report.json");
  await writeFile(path, "{}");
  await expect(readReport(folder)).rejects.toThrow("is no report of this tool");
  expect(await readFile(path, "utf8")).toBe("{}");
});

const failedRun: Report["runs"][number] = {
  plan: {
    ...{ id: "1", host: "=1+1", client: "b", mode: "640x360@60", codec: "h264" },
    ...{ bitrateKbps: null, fecPermille: null, lossPct: 0, durationMs: 1000, linkKbps: null },
  },
  startedAt: "2000-01-01T00:00:00Z",
  error: { code: "PF_HOST_REFUSED", message: 'No "host", <b>here</b>' },
  summary: null,
  seconds: [],
};

test("what a machine says is text in every file", async () => {
  const { reportPage } = await import("./page/page.ts");
  const report: Report = { format: "punktfunk latency report 1", machines: [], runs: [failedRun] };
  expect(reportPage(report)).toContain("No &quot;host&quot;, &lt;b&gt;here&lt;/b&gt;");
  expect(reportCsv(report)).toContain('"No ""host"", <b>here</b>"');
  expect(reportCsv(report)).toContain("\r\n'=1+1,b,");
});
