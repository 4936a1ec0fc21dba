/**
 * Sound from end to end for tests and benchmarks: a PipeWire of their own with a stand-in for a
 * sound card, two media sessions over loopback with a bad network between if wanted, programs that
 * play and record, and what a recording holds.
 */
import { join } from "node:path";
import { ClientSound } from "../client/sound/sound.ts";
import { EventQueue } from "../ffi/core/core.ts";
import { MediaSession, UdpPort } from "../ffi/media/port.ts";
import { type PipeWireServer, startPipeWire, urgently } from "../ffi/pipewire/server.fixture.ts";
import type { Supervised } from "../ffi/supervise/supervise.ts";
import type { AudioSource, SoundGrant } from "../host/sound/policy.ts";
import { HostSound } from "../host/sound/sound.ts";
import type { Impairment } from "./impairment.ts";
import { ImpairedLink } from "./link.ts";
import { until } from "./processes.ts";

export const rateHz = 48_000;
/** The stand-ins for a sound card, and for its microphone. */
export const card = "card";
export const cardMicrophone = "card-microphone";

const key = (fill: number) => ({
  key: new Uint8Array(16).fill(fill),
  salt: new Uint8Array(12).fill(fill),
});

export interface SoundPathOptions {
  readonly grant?: Partial<SoundGrant>;
  readonly source?: AudioSource;
  readonly down?: Partial<Impairment>;
  /** Of the card, in PipeWire's words. */
  readonly positions?: string;
}

export interface RecordOptions {
  readonly node: string;
  readonly channelCount: number;
  readonly isSink: boolean;
  readonly channelMap?: string;
}

export class SoundPath implements AsyncDisposable {
  readonly server: PipeWireServer;
  readonly warnings: string[] = [];
  readonly host: HostSound;
  readonly client: ClientSound;
  readonly #events = new EventQueue();
  readonly #listening: Promise<void>;
  readonly #ports: UdpPort[] = [];
  readonly #sessions: MediaSession[] = [];
  readonly #link: ImpairedLink | undefined;

  private constructor(
    server: PipeWireServer,
    ports: UdpPort[],
    link: ImpairedLink | undefined,
    options: SoundPathOptions,
  ) {
    this.server = server;
    this.#ports = ports;
    this.#link = link;
    const [hostPort, clientPort] = ports as [UdpPort, UdpPort];
    const warn = (sentence: string) => void this.warnings.push(sentence);
    this.#listening = this.#events.listen((event) => warn(event.text));
    const common = { events: this.#events, warn, socketPath: server.socketPath };
    const host = new MediaSession({
      port: hostPort,
      tag: 5,
      role: "host",
      send: key(1),
      receive: key(2),
    });
    const client = new MediaSession({
      port: clientPort,
      tag: 5,
      role: "client",
      send: key(2),
      receive: key(1),
      peer: { address: "127.0.0.1", port: link?.port ?? hostPort.port },
    });
    this.#sessions.push(host, client);
    const grant = { channelCount: 2, microphone: false, refusal: null, ...options.grant } as const;
    this.host = new HostSound({
      ...common,
      session: host,
      grant,
      source: options.source ?? "auto",
      client: "a test",
    });
    const { channelCount: audio, microphone } = this.host;
    this.client = new ClientSound({ ...common, session: client, audio, microphone });
  }

  /** The card is the default sink, so that the client's sound does not go back to the host's. */
  static async open(options: SoundPathOptions = {}): Promise<SoundPath> {
    const server = await startPipeWire({ isUrgent: true });
    await makeCards(server, options.positions ?? "FL FR");
    const ports = [0, 1].map(() => new UdpPort({ address: "127.0.0.1", port: 0 }));
    const target = { host: "127.0.0.1", port: (ports[0] as UdpPort).port };
    const { down } = options;
    const link =
      down === undefined ? undefined : await ImpairedLink.open({ target, down, seed: 3 });
    const path = new SoundPath(server, ports, link, options);
    for (const port of ports) port.start();
    path.host.start();
    path.client.start();
    return path;
  }

  /** Again, after a PipeWire that was killed was started again. */
  makeCards(): Promise<void> {
    return makeCards(this.server, "FL FR");
  }

  /** Plays a WAV file into a node until it ends. */
  play(file: string, node: string, channelMap = "stereo"): Supervised {
    const how = ["--latency", "5ms", "--target", node, "--channel-map", channelMap];
    return spawnUrgent(this.server, ["pw-play", ...how, file]);
  }

  /** Plays a mono WAV file as what the card's microphone hears; resolves when it has sounded. */
  async speak(file: string): Promise<void> {
    const player = this.play(file, "0", "mono");
    const link = ["pw-link", "pw-play:output_MONO", `${cardMicrophone}:input_MONO`];
    await until(async () => {
      await this.server.run(link);
      return (await this.server.run(["pw-link", "-l"])).includes("pw-play:output_MONO");
    }, "the microphone's link");
    await player.exited;
  }

  /** Records as floats until it is stopped; from a sink what it plays. */
  record(file: string, { node, channelCount, isSink, channelMap }: RecordOptions): Supervised {
    const properties = `{ stream.capture.sink = ${isSink}, node.latency = 256/48000 }`;
    const format = ["--rate", `${rateHz}`, "--channels", `${channelCount}`, "--format", "f32"];
    const map = channelMap === undefined ? [] : ["--channel-map", channelMap];
    const command = ["pw-record", "-P", properties, "--target", node, ...map, ...format, file];
    return spawnUrgent(this.server, command);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const port of this.#ports) port.stop();
    this.host.close();
    this.client.close();
    for (const session of this.#sessions) session.close();
    for (const port of this.#ports) port.close();
    await this.#link?.close();
    await this.#events.close();
    await this.#listening;
    await this.server[Symbol.asyncDispose]();
  }
}

/** Runs a program before all others, where the system lets it. */
export function spawnUrgent(server: PipeWireServer, command: readonly string[]): Supervised {
  return server.spawn(["sh", "-c", urgently, "sh", ...command]);
}

/** A sink and a source without a device that PipeWire keeps, and the default ones. */
export async function makeCards(server: PipeWireServer, positions: string): Promise<void> {
  const common = "factory.name=support.null-audio-sink object.linger=true";
  const nodes = [
    `node.name=${card} media.class=Audio/Sink audio.position=[${positions}]`,
    `node.name=${cardMicrophone} media.class=Audio/Source/Virtual audio.position=[MONO]`,
  ];
  for (const node of nodes) {
    await server.run(["pw-cli", "create-node", "adapter", `{ ${common} ${node} }`]);
  }
  for (const [kind, name] of [
    ["sink", card],
    ["source", cardMicrophone],
  ] as const) {
    const value = `{ "name": "${name}" }`;
    const configured = `default.configured.audio.${kind}`;
    await server.run(["pw-metadata", "0", configured, value, "Spa:String:JSON"]);
    await until(
      async () =>
        (await server.run(["pw-metadata", "0", `default.audio.${kind}`])).includes(`"${name}"`),
      `${name} to be the default one`,
    );
  }
}

/** Samples by channel, as a WAV file of floats. */
export async function writeWave(path: string, channels: readonly Float32Array[]): Promise<void> {
  const count = channels.length;
  const frames = channels[0]?.length ?? 0;
  const bytes = new DataView(new ArrayBuffer(44 + frames * count * 4));
  const text = (at: number, words: string) => {
    for (let i = 0; i < words.length; i++) bytes.setUint8(at + i, words.charCodeAt(i));
  };
  text(0, "RIFF");
  bytes.setUint32(4, bytes.byteLength - 8, true);
  text(8, "WAVEfmt ");
  bytes.setUint32(16, 16, true);
  bytes.setUint16(20, 3, true); // floats
  bytes.setUint16(22, count, true);
  bytes.setUint32(24, rateHz, true);
  bytes.setUint32(28, rateHz * count * 4, true);
  bytes.setUint16(32, count * 4, true);
  bytes.setUint16(34, 32, true);
  text(36, "data");
  bytes.setUint32(40, frames * count * 4, true);
  for (let i = 0; i < frames; i++) {
    for (let c = 0; c < count; c++) {
      bytes.setFloat32(44 + (i * count + c) * 4, channels[c]?.[i] ?? 0, true);
    }
  }
  await Bun.write(path, bytes.buffer as ArrayBuffer);
}

/** The channels of a WAV file of floats, as far as it was written. */
export async function readWave(path: string, channelCount: number): Promise<Float32Array[]> {
  const file = Buffer.from(await Bun.file(path).arrayBuffer());
  const from = file.indexOf("data", 12, "latin1") + 8;
  const frames = Math.max(0, Math.floor((file.length - from) / (4 * channelCount)));
  return Array.from({ length: channelCount }, (_, c) =>
    Float32Array.from({ length: frames }, (_unused, i) =>
      file.readFloatLE(from + (i * channelCount + c) * 4),
    ),
  );
}

/** A tone of `amplitude` 0…1. */
export function tone(hz: number, seconds: number, amplitude = 0.5): Float32Array {
  const step = (2 * Math.PI * hz) / rateHz;
  return Float32Array.from(
    { length: Math.round(seconds * rateHz) },
    (_, i) => amplitude * Math.sin(step * i),
  );
}

/** How loud a frequency is (Goertzel 1958), as the amplitude of a tone. */
export function loudness(samples: Float32Array, hz: number): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * hz) / rateHz);
  let [last, before] = [0, 0];
  for (const sample of samples) [last, before] = [sample + coefficient * last - before, last];
  const power = last * last + before * before - coefficient * last * before;
  return (2 * Math.sqrt(Math.max(0, power))) / samples.length;
}

/** Root mean squares of pieces of `ms` milliseconds. */
export function levels(samples: Float32Array, ms: number): number[] {
  const length = (rateHz * ms) / 1000;
  return Array.from({ length: Math.floor(samples.length / length) }, (_, i) => {
    const piece = samples.subarray(i * length, (i + 1) * length);
    return Math.sqrt(piece.reduce((sum, sample) => sum + sample * sample, 0) / length);
  });
}

/** A file in the server's folder, which goes with it. */
export const fileOf = (path: SoundPath, name: string) => join(path.server.runtimeDir, name);
