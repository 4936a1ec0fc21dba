import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Program, programCommand } from "../harness/program.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "punktfunk-loss-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const start = (...args: string[]) => new Program(["loss-harness", ...args], { home: folder });

async function run(...args: string[]) {
  const program = start(...args);
  const code = await program.exited;
  const error = program.lines.find(({ type }) => type === "error");
  return { code, error, words: await program.words, lines: program.lines };
}

/** What the program writes to stdout, as a script sees it. */
async function stdoutOf(...args: string[]): Promise<string> {
  const child = Bun.spawn([...programCommand, "loss-harness", ...args], { stderr: "ignore" });
  const text = await new Response(child.stdout).text();
  expect(await child.exited).toBe(0);
  return text;
}

const small = ["--schemes", "gf16,none", "--loss", "0,5", "--frame-bytes", "50000"];
const quick = [...small, "--frames", "40"];

describe("wrong input ends with its exit code and names what is allowed", () => {
  test.each([
    ["--schemes", "gf32", "gf16, gf8, none"],
    ["--schemes", "", "gf16, gf8, none"],
    ["--model", "storm", "iid, ge, reorder"],
    ["--loss", "-1", "0 to 100"],
    ["--loss", "101", "0 to 100"],
    ["--loss", "2,much", "0 to 100"],
    ["--loss", "2,2", "once"],
    ["--frames", "0", "1 to"],
    ["--frames", "1.5", "1 to"],
    ["--frame-bytes", "0", "1 to 33554408"],
    ["--frame-bytes", "33554409", "1 to 33554408"],
    ["--frame-bytes", "2e6", "1 to 33554408"],
    ["--parity", "4", "5 to 50"],
    ["--parity", "51", "5 to 50"],
    ["--parity", "101", "5 to 50"],
    ["--seed", "-1", "0 to 4294967295"],
    ["--fps", "0", "1 to 240"],
    ["--burst", "0", "1 to 65535"],
    ["--hold", "1s", "250ms"],
    ["--jitter", "soon", "500ms"],
  ])("%s %p", async (flag, value, words) => {
    const { code, error } = await run(flag, value, "--json");
    expect([code, error?.["code"]]).toEqual([2, "PF_USAGE"]);
    expect(String(error?.["message"])).toMatch(/\.$/);
    expect(String(error?.["hint"])).toContain(words);
  });

  test.each([
    [["--csv", "--json"], "--csv"],
    [["--csv", "same", "--plot", "same", "--json"], "same file"],
    [["--throughput", "--plot", "a.svg", "--json"], "--json"],
  ])("%p contradicts itself", async (args, words) => {
    const { code, error } = await run(...args);
    expect([code, error?.["code"]]).toEqual([2, "PF_USAGE"]);
    expect(`${error?.["message"]} ${error?.["hint"]}`).toContain(words);
  });

  test.each([
    ["--plot", "no/such/folder/out.svg"],
    ["--csv", "no/such/folder/out.csv"],
    ["--plot", "/dev/full"],
  ])("%s %s can't be written", async (flag, path) => {
    const { code, error } = await run(...quick, flag, path, "--json");
    expect([code, error?.["code"]]).toEqual([1, "PF_FILE_UNWRITABLE"]);
    expect(`${error?.["message"]} ${error?.["hint"]}`).toContain(path);
  });
});

test("rows and summary are those of the contract", async () => {
  const { code, lines } = await run(...quick, "--json");
  expect(code).toBe(0);
  expect(lines.map(({ type }) => type)).toEqual(["row", "row", "row", "row", "summary"]);
  expect(Object.keys(lines[0] ?? {})).toEqual([
    "type",
    "scheme",
    "model",
    "lossPct",
    "frameBytes",
    "parityPct",
    "frames",
    "framesLost",
    "framesRecovered",
    "packetsSent",
    "packetsLost",
  ]);
  expect(lines[2]).toMatchObject({ scheme: "gf16", lossPct: 5, framesLost: 0, frames: 40 });
  expect(lines[3]).toMatchObject({ scheme: "none", lossPct: 5, parityPct: 0 });
  expect(lines[3]?.["framesLost"] as number).toBeGreaterThan(30);
  expect(lines[4]).toMatchObject({ seed: 1, rows: 4, frames: 160 });
});

test("the same flags print the same bytes, another seed others", async () => {
  const first = await stdoutOf(...quick, "--model", "iid,ge,jitter", "--csv");
  expect(await stdoutOf(...quick, "--model", "iid,ge,jitter", "--csv")).toBe(first);
  const other = await stdoutOf(...quick, "--model", "iid,ge,jitter", "--csv", "--seed", "2");
  expect(other).not.toBe(first);
  expect(first.split("\r\n").length).toBe(1 + 12 + 1);
});

test("people get a table on stderr, and stdout stays empty", async () => {
  const { code, words, lines } = await run(...quick);
  expect(code).toBe(0);
  expect(lines).toEqual([]);
  expect(words).toContain("frames lost");
  expect(words.match(/50 kB/g)?.length).toBe(4);
});

test("CSV and the plot are written to their files", async () => {
  const [csv, plot] = [join(folder, "rows.csv"), join(folder, "plot.svg")];
  const { code } = await run(...quick, "--csv", csv, "--plot", plot);
  expect(code).toBe(0);
  expect((await readFile(csv, "utf8")).split("\r\n").length).toBe(1 + 4 + 1);
  const svg = await readFile(plot, "utf8");
  expect(svg).toContain('class="curve gf16"');
  expect(svg).toContain('class="curve none"');
});

test("Ctrl-C ends it with 130; the rows so far were printed, and are in the files", async () => {
  const csv = join(folder, "interrupted.csv");
  const endless = ["--schemes", "gf16", "--loss", "0,1,2,3", "--frames", "3000"];
  const program = start(...endless, "--frame-bytes", "20000,30000000", "--csv", csv, "--json");
  await program.line("row");
  expect(await program.end("SIGINT")).toBe(130);
  const rows = program.lines.filter(({ type }) => type === "row");
  expect(rows.length).toBe(program.lines.length);
  expect(rows.length).toBeLessThan(8);
  expect((await readFile(csv, "utf8")).trim().split("\r\n").length).toBe(1 + rows.length);
});

test("--throughput prints figures by shape", async () => {
  const { code, lines } = await run("--throughput", "--json");
  expect(code).toBe(0);
  expect(lines.at(-1)?.type).toBe("summary");
  const rows = lines.filter(({ type }) => type === "throughput");
  for (const op of ["encode", "decode", "seal"]) {
    expect(rows.some((row) => row["op"] === op)).toBe(true);
  }
  for (const code of ["gf16", "gf8"]) {
    expect(rows.some(({ kernel }) => String(kernel).startsWith(`${code} `))).toBe(true);
  }
  for (const row of rows) {
    expect(Object.keys(row)).toEqual(["type", "kernel", "op", "k", "m", "bytes", "lost", "gbPerS"]);
    expect(row["gbPerS"] as number).toBeGreaterThan(0);
  }
});

test("help names every flag and shows examples", async () => {
  const help = Bun.spawnSync([...programCommand, "loss-harness", "--help"]);
  const text = help.stdout.toString();
  expect(help.exitCode).toBe(0);
  for (const flag of ["--schemes", "--model", "--loss", "--frame-bytes", "--parity", "--frames"]) {
    expect(text).toContain(flag);
  }
  for (const words of ["--seed", "--throughput", "--csv", "--plot", "--json", "EXAMPLES"]) {
    expect(text).toContain(words);
  }
});
