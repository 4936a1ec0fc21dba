/** The modes of an X server's outputs, read and set by the program xrandr. */
import { PfError } from "../../base/errors.ts";
import { type MilliHz, milliHz } from "../../base/units.ts";
import type { Mode } from "../../wire/mode.ts";

/** A monitor may take a second or two to follow. */
const answerMsMax = 5000;

export interface XOutput {
  readonly name: string;
  readonly modes: readonly Mode[];
  /** Undefined where it is off. */
  readonly current: Mode | undefined;
}

/** Connected outputs in what `xrandr --query` prints. Pure. */
export function parseXrandr(text: string): readonly XOutput[] {
  const outputs: { name: string; modes: Mode[]; current: Mode | undefined }[] = [];
  let isConnected = false;
  for (const line of text.split("\n")) {
    const head = /^(\S+) (connected|disconnected)\b/.exec(line);
    if (head !== null) {
      isConnected = head[2] === "connected";
      if (isConnected) outputs.push({ name: head[1] as string, modes: [], current: undefined });
      continue;
    }
    const size = /^ {3}(\d+)x(\d+)\s+(.*)$/.exec(line);
    const output = outputs.at(-1);
    if (size === null || output === undefined || !isConnected) continue;
    const [width, height] = [Number(size[1]), Number(size[2])];
    for (const [, rate, star] of (size[3] as string).matchAll(/(\d+\.\d+)([* ]?)/g)) {
      const mode = { width, height, refreshMilliHz: milliHz(Math.round(Number(rate) * 1000)) };
      output.modes.push(mode);
      if (star === "*") output.current = mode;
    }
  }
  return outputs;
}

/**
 * The mode of an output that has the wanted size and the rate that is nearest to the wanted one.
 * Pure.
 */
export function fittingMode(output: XOutput, wanted: Mode): Mode | undefined {
  const distance = ({ refreshMilliHz }: Mode) => Math.abs(refreshMilliHz - wanted.refreshMilliHz);
  return output.modes
    .filter(({ width, height }) => width === wanted.width && height === wanted.height)
    .sort((a, b) => distance(a) - distance(b))[0];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The outputs that show something; empty where xrandr is not installed or the server has none. */
export async function activeOutputs(env: Environment): Promise<readonly XOutput[]> {
  const text = await run(env, ["--query"]).catch(() => "");
  return parseXrandr(text).filter(({ current }) => current !== undefined);
}

/** Throws PF_MODE_REFUSED. */
export async function setMode(env: Environment, output: string, mode: Mode): Promise<void> {
  const size = `${mode.width}x${mode.height}`;
  await run(env, ["--output", output, "--mode", size, "--rate", rateText(mode.refreshMilliHz)]);
}

const rateText = (rate: MilliHz) => (rate / 1000).toFixed(2);

async function run(env: Environment, words: readonly string[]): Promise<string> {
  const program = Bun.which("xrandr", { PATH: env["PATH"] ?? "" });
  if (program === null) throw new PfError("PF_MODE_REFUSED", "xrandr is not installed.");
  const asked = Bun.spawn([program, ...words], {
    env: { ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: answerMsMax,
    killSignal: "SIGKILL",
  });
  const [out, errors] = await Promise.all([
    new Response(asked.stdout).text(),
    new Response(asked.stderr).text(),
  ]);
  if ((await asked.exited) === 0) return out;
  const said = errors.trim().split("\n").at(-1) || "it did not answer";
  throw new PfError("PF_MODE_REFUSED", `xrandr refused the mode: ${said}.`);
}
