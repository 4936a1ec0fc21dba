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
  return { code, stderr, records: records.map((line) => JSON.parse(line)) };
}

const canMeasure =
  (await namespacesMissing()) === undefined &&
  Bun.which("nft") !== null &&
  Bun.which("tc") !== null;

/** Two by two short runs, started once: the tests look at what they left. */
const matrix = ["--mode", "320x240@30", "--bitrate", "2M", "--fec", "10,30", "--loss", "0,20"];
const words = [...matrix, "--duration", "1s", "--rate", "1G", "--json"];

test.skipIf(!canMeasure)("a matrix between namespaces becomes one report", async () => {
  const out = join(folder, "report");
  const { code, records, stderr } = await orchestrate("local", ...words, "--out", out);
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  expect(records.at(-1)).toEqual({ type: "summary", folder: out, runs: 4, failed: 0, left: 0 });
  expect((await readdir(out)).sort()).toEqual(["report.csv", "report.html", "report.json"]);

  const report = await readReport(out);
  expect(report.runs.map(({ plan }) => [plan.fecPermille, plan.lossPct])).toEqual([
    ...[100, 300].flatMap((fec) => [0, 20].map((loss) => [fec, loss])),
  ]);
  for (const { summary, seconds, plan } of report.runs) {
    const { pixelLatencyUs, histogramUs, markers, packets } = summary ?? {};
    expect(pixelLatencyUs?.p50).toBeGreaterThan(0);
    const counted = (histogramUs ?? []).reduce((sum, [, count]) => sum + count, 0);
    expect(counted).toBe(markers?.seen ?? -1);
    expect(seconds.length).toBeGreaterThan(0);
    expect((packets?.lost ?? 0) > 0).toBe(plan.lossPct > 0);
  }
  expect(report.machines.map(({ name, processors }) => [name, processors > 0])).toEqual([
    ["host namespace", true],
    ["client namespace", true],
  ]);
  const csv = (await readFile(join(out, "report.csv"), "utf8")).trimEnd().split("\r\n");
  expect(csv.length).toBe(5);
  expect(new Set(csv.map((line) => line.split(",").length)).size).toBe(1);

  await lookAt(join(out, "report.html"));

  const again = await orchestrate("local", ...words, "--out", out);
  expect(again.records.map(({ type }) => type)).toEqual(["summary"]);
  expect(again.stderr).toContain("4 of 4 runs are in");
  expect((await readdir(folder)).filter((name) => name.startsWith("punktfunk-probe"))).toEqual([]);
});

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
    expect(await page.locator("svg").evaluateAll(String)).not.toMatch(/NaN|undefined|Infinity/);
    for (const name of ["Stages", "Distribution", "Second by second", "Loss and recovery"]) {
      await page.getByRole("heading", { level: 3, name }).waitFor();
    }
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(view.width);
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("To the figures");
    expect(faults).toEqual([]);
  }
}

test.skipIf(!canMeasure)("an interruption leaves nothing behind but what was done", async () => {
  const out = join(folder, "interrupted");
  const child = start("local", ...matrix, "--duration", "60s", "--out", out);
  // The namespaces, the host's shell and host, the probe's.
  const isRunning = () =>
    familyOf(child.pid).some(({ command }) => /^\S+ .*latency-probe 192/.test(command));
  await until(isRunning, "the probe", 20_000);
  const family = familyOf(child.pid);
  child.kill("SIGINT");
  expect(await child.exited).toBe(130);
  expect(await new Response(child.stderr).text()).toContain("4 runs are left");
  await until(() => stillRunning(family).length === 0, "the end of all that was started");
  expect(await readdir(folder)).not.toContain("interrupted");
  expect((await readdir(folder)).filter((name) => name.startsWith("punktfunk-probe"))).toEqual([]);
});

test.each([
  [["local", "--codec", "vp8"], 2, "not a codec"],
  [["local", "--loss", "70"], 2, "not a share of packets"],
  [["local", "other"], 2, "is local, or has a host"],
  [["gamingbox"], 2, "is local, or has a host"],
  [["a", "b", "--rate", "1G"], 2, "--rate is for local"],
  [["-oProxyCommand=true", "b"], 2, "no flag"],
  [["a", "b c"], 2, "not a machine"],
  [["a", "b", "--ssh", "no-such-ssh"], 2, "no-such-ssh is not installed"],
  [["--help"], 0, ""],
])("%p ends with %p", async (given, status, said) => {
  const { code, stderr } = await orchestrate(...given, "--out", join(folder, "none"));
  expect(stderr).toContain(said);
  expect(code).toBe(status);
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
