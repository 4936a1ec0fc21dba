/** Every encoder that a stream may use, opened and given pictures. */
import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { type Examination, wordsOf } from "../../base/diagnosis.ts";
import { asRoot, installHere } from "../../base/install.ts";
import { kbps, milliHz } from "../../base/units.ts";
import { EventQueue } from "../../ffi/core/core.ts";
import { EncodeStage } from "../../ffi/encode/encode.ts";
import { noSink } from "../../ffi/library.ts";
import { SyntheticSource } from "../../ffi/source/source.ts";
import type { CodecName } from "../../wire/media.ts";
import { type EncoderFamily, encoderLadder } from "../policy/codec.ts";
import { stageNumber } from "../sources.ts";

const picture = { width: 1280, height: 720, refreshMilliHz: milliHz(60_000) } as const;
const frames = 5;
/** The slowest encoder that is worth anything takes 50 ms a picture. */
const framesMsMax = 3000;

interface Candidate {
  readonly codec: CodecName;
  readonly family: EncoderFamily;
  readonly name: string;
}

export async function examineEncode(look: Examination): Promise<void> {
  checkRenderNodes(look);
  const working: Candidate[] = [];
  for (const [codec, list] of Object.entries(encoderLadder)) {
    for (const [family, name] of list) {
      const candidate = { codec: codec as CodecName, family, name };
      look.progress(`Encoding with ${name} …`);
      if (await tryEncoder(look, candidate)) working.push(candidate);
    }
  }
  checkLibrary(look);
  const [first] = working;
  if (first === undefined) {
    look.fail("an encoder", "No encoder works: nothing can be streamed.", installHere("x264"));
    return;
  }
  const hardware = working.find(({ family }) => family !== "software");
  const chosen = hardware ?? first;
  const how = hardware === undefined ? "by the processor" : "by the GPU";
  look.ok("an encoder", `${chosen.name} is taken: pictures are coded ${how}.`);
}

/** True when it works. */
async function tryEncoder(look: Examination, { codec, family, name }: Candidate): Promise<boolean> {
  const events = new EventQueue();
  let encode: EncodeStage | undefined;
  let source: SyntheticSource | undefined;
  try {
    const openedAt = performance.now();
    encode = new EncodeStage({
      sink: noSink,
      encoder: name,
      codec,
      ...picture,
      bitrateKbps: kbps(10_000),
      events,
      stage: stageNumber.encode,
    });
    const openMs = performance.now() - openedAt;
    source = new SyntheticSource({ sink: encode.sink(), ...picture });
    encode.start();
    source.start();
    const codedAt = performance.now();
    const failure = await framesOf(encode, events);
    if (failure !== undefined) {
      look.warn(name, `It opens, but ${failure}`, mending(family, failure));
      return false;
    }
    const frameMs = (performance.now() - codedAt) / frames;
    const times = `opened in ${openMs.toFixed(0)} ms, a picture each ${frameMs.toFixed(1)} ms`;
    look.ok(name, `${frames} pictures of 1280x720 coded: ${times}.`);
    return true;
  } catch (thrown) {
    const words = reasonIn(wordsOf(thrown));
    look.warn(name, words, mending(family, words));
    return false;
  } finally {
    source?.stop();
    encode?.stop();
    encode?.close();
    source?.close();
    await events.close();
  }
}

/** The end of "The encoder h264_nvenc can't be used: it does not open: …." as a sentence. */
function reasonIn(words: string): string {
  const reason = /^The encoder \S+ can't be used: (.)(.*)$/s.exec(words);
  return reason === null ? words : `${reason[1]?.toUpperCase()}${reason[2]}`;
}

/** Waits until the pictures have come; what went wrong, else. */
async function framesOf(encode: EncodeStage, events: EventQueue): Promise<string | undefined> {
  const until = performance.now() + framesMsMax;
  while (encode.counters.get("frames_out") < frames) {
    const failed = events.take().find(({ kind }) => kind === "failed");
    if (failed !== undefined) return `it fails: ${failed.text}.`;
    if (performance.now() > until) {
      return `it coded ${encode.counters.get("frames_out")} pictures in ${framesMsMax / 1000} s.`;
    }
    await Bun.sleep(2);
  }
  return undefined;
}

/** What brings an encoder, by what it said and what is in this machine. */
function mending(family: EncoderFamily, words: string): string | null {
  if (words.includes("native library")) return "npm run setup";
  if (words.includes("was built without")) return null;
  if (family === "nvenc")
    return hasNvidia() || /libcuda|nvidia/i.test(words) ? installHere("nvidia") : null;
  if (family === "software") return null;
  const nodes = renderNodes();
  if (nodes.length === 0) return null;
  return nodes.some(({ usable }) => usable) ? installHere("vaapi") : groupLine(nodes[0]);
}

const nvidiaVendor = "0x10de";

function hasNvidia(): boolean {
  const folder = "/sys/bus/pci/devices";
  if (!existsSync(folder)) return false;
  return readdirSync(folder).some((device) => {
    const is = (file: string, wanted: RegExp) =>
      wanted.test(readText(`${folder}/${device}/${file}`));
    return is("vendor", new RegExp(nvidiaVendor)) && is("class", /^0x03/);
  });
}

interface RenderNode {
  readonly path: string;
  readonly group: number;
  readonly usable: boolean;
}

function renderNodes(): RenderNode[] {
  if (!existsSync("/dev/dri")) return [];
  const names = readdirSync("/dev/dri").filter((name) => name.startsWith("renderD"));
  return names.sort().map((name) => {
    const path = `/dev/dri/${name}`;
    return { path, group: statSync(path).gid, usable: mayUse(path) };
  });
}

function mayUse(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function checkRenderNodes(look: Examination): void {
  const nodes = renderNodes();
  if (nodes.length === 0) {
    const nvidia = hasNvidia() ? " An NVIDIA card is in this machine, without its driver." : "";
    const detail = `There is no render node in /dev/dri: no GPU can be used.${nvidia}`;
    look.warn("render node", detail, nvidia === "" ? null : installHere("nvidia"));
    return;
  }
  for (const node of nodes) {
    if (node.usable) look.ok("render node", `${node.path} can be used.`);
    else look.warn("render node", `${node.path} can't be used by this user.`, groupLine(node));
  }
}

/** Makes the user a member of the node's group. */
function groupLine(node: RenderNode | undefined): string {
  const name = groupName(node?.group) ?? "render";
  return `${asRoot(`usermod -aG ${name} $USER`)} # then log in anew`;
}

function groupName(gid: number | undefined): string | undefined {
  const line = readText("/etc/group")
    .split("\n")
    .find((one) => one.split(":")[2] === String(gid));
  return line?.split(":")[0];
}

/** Which libavcodec was loaded for all this. */
function checkLibrary(look: Examination): void {
  const names = new Set(readText("/proc/self/maps").match(/\/\S*lib(?:avcodec|avutil)\.so[.\d]*/g));
  if (names.size === 0) look.warn("libavcodec", "It was not loaded.", "npm run setup");
  else look.ok("libavcodec", `${[...names].join(" and ")} were loaded.`);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
