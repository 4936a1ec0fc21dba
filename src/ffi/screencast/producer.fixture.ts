/** For tests: real producers of video in a PipeWire of the tests' own. */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { nativeProgram } from "../build.ts";
import type { PipeWireServer } from "../pipewire/server.fixture.ts";
import type { Supervised } from "../supervise/supervise.ts";

/** So that none is taken for one before it, which the server may still know. */
let count = 0;

/** A node whose every buffer the test decides: see producer_test.c. */
export class TestProducer {
  readonly node = `pf-producer-${++count}`;
  readonly process: Supervised;
  readonly #commands: string;
  readonly #lines: string[] = [];
  #read = 0;
  #news = Promise.withResolvers<void>();

  constructor(server: PipeWireServer, width: number, height: number, ...flags: string[]) {
    this.#commands = join(server.runtimeDir, "commands");
    Bun.spawnSync(["mkfifo", "-m", "600", this.#commands]);
    const program = nativeProgram("release", "test/producer_test");
    this.process = server.spawn([program, this.node, `${width}`, `${height}`, ...flags], (line) => {
      this.#lines.push(line);
      this.#news.resolve();
      this.#news = Promise.withResolvers<void>();
    });
  }

  /** Resolves when it has a consumer that wants pictures. */
  async streaming(): Promise<void> {
    await this.#line("streaming");
  }

  /** Sends a picture: its colour as RRGGBB, and words as in producer_test.c. False: no buffer. */
  async frame(...words: string[]): Promise<boolean> {
    this.command(`frame ${words.join(" ")}`);
    return (await this.#line("sent", "none")) === "sent";
  }

  command(line: string): void {
    appendFileSync(this.#commands, `${line}\n`);
  }

  /** The next line like this; those before it are gone. */
  async #line(...wanted: string[]): Promise<string> {
    for (;;) {
      const news = this.#news.promise;
      while (this.#read < this.#lines.length) {
        const line = this.#lines[this.#read++] as string;
        if (wanted.includes(line)) return line;
      }
      await news;
    }
  }
}

export const gstreamerInstalled = Bun.which("gst-launch-1.0") !== null;

/** GStreamer's test picture, at 60 pictures a second. */
export class TestPicture {
  readonly node = `pf-test-${++count}`;
  readonly process: Supervised;

  constructor(server: PipeWireServer, caps: string, pattern: string) {
    const properties = `props,node.name=${this.node},media.class=Video/Source`;
    this.process = server.spawn([
      "gst-launch-1.0",
      "videotestsrc",
      "is-live=true",
      `pattern=${pattern}`,
      "!",
      `video/x-raw,framerate=60/1,${caps}`,
      "!",
      "pipewiresink",
      "mode=provide",
      `stream-properties="${properties}"`,
    ]);
  }
}
