import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { milliHz } from "../../base/units.ts";
import { nativeProgram } from "../build.ts";
import { EventQueue, type NativeEvent } from "../core/core.ts";
import { KwinOutput } from "./kwin.ts";

const open: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

let peerProgram: string | undefined;

type Behaviour = "modern" | "registry" | "old" | "refusing" | "failing" | "silent" | "closing";

/** What answers as KWin does: see kwin_peer.c. */
async function startPeer(behaviour: Behaviour) {
  const folder = mkdtempSync(join(tmpdir(), "pf-kwin-"));
  const socketPath = join(folder, "wayland");
  peerProgram ??= nativeProgram("release", "test/kwin_peer");
  const peer = Bun.spawn([peerProgram, socketPath, behaviour], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "ignore",
  });
  const reader = peer.stdout.getReader();
  const decoder = new TextDecoder();
  let said = "";
  const until = async (words: string) => {
    while (!said.includes(words)) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`the peer did not say ${words}, but: ${said}`);
      said += decoder.decode(value, { stream: true });
    }
    return said;
  };
  open.push(async () => {
    peer.kill();
    await peer.exited;
    rmSync(folder, { recursive: true });
  });
  await until("listening");
  return { socketPath, until, kill: () => peer.kill("SIGKILL") };
}

function openOutput(socketPath: string, hertz: number) {
  const events = new EventQueue();
  const seen: NativeEvent[] = [];
  let news = Promise.withResolvers<void>();
  const listening = events.listen((event) => {
    seen.push(event);
    news.resolve();
    news = Promise.withResolvers<void>();
  });
  const output = new KwinOutput({
    socketPath,
    name: "punktfunk",
    width: 1920,
    height: 1080,
    refreshMilliHz: milliHz(hertz * 1000),
    events,
  });
  open.push(async () => {
    output.close();
    await events.close();
    await listening;
  });
  const event = async (index = 0) => {
    for (;;) {
      const next = news.promise;
      const found = seen[index];
      if (found !== undefined) return found;
      await next;
    }
  };
  return { output, event };
}

describe("an output of KWin", () => {
  test.each(["modern", "registry"] as const)(
    "has the client's rate, read back: %s",
    async (behaviour) => {
      const peer = await startPeer(behaviour);
      const { output, event } = openOutput(peer.socketPath, 119.88);
      const started = await event();
      expect(started).toMatchObject({ kind: "started", a: 42, text: "Virtual-punktfunk" });
      expect(output.describe()).toEqual({
        name: "Virtual-punktfunk",
        width: 1920,
        height: 1080,
        refreshMilliHz: milliHz(119_880),
      });
      const said = await peer.until("mode 1920x1080@119880");
      expect(said.split("\n").slice(1, 4)).toEqual([
        "virtual punktfunk 1920x1080 2",
        "custom 1920x1080@119880",
        "mode 1920x1080@119880",
      ]);
      await open.pop()?.();
      await peer.until("gone Virtual-punktfunk");
    },
  );

  test("is left alone where its rate is right", async () => {
    const peer = await startPeer("modern");
    const { output, event } = openOutput(peer.socketPath, 59.94);
    expect((await event()).kind).toBe("started");
    expect(output.describe().refreshMilliHz).toBe(milliHz(60_000));
    await open.pop()?.();
    expect(await peer.until("gone")).not.toContain("custom");
  });

  test.each(["old", "refusing"] as const)(
    "keeps the rate that it has where no other can be set: %s",
    async (behaviour) => {
      const peer = await startPeer(behaviour);
      const { output, event } = openOutput(peer.socketPath, 120);
      expect((await event()).kind).toBe("started");
      expect(output.describe().refreshMilliHz).toBe(milliHz(60_000));
    },
  );

  test("fails with KWin's own words, and ends when KWin ends it", async () => {
    const failing = openOutput((await startPeer("failing")).socketPath, 60);
    expect(await failing.event()).toMatchObject({
      kind: "failed",
      text: "KWin does not cast its output: OpenGL compositing is required.",
    });
    const closing = openOutput((await startPeer("closing")).socketPath, 120);
    expect(await closing.event()).toMatchObject({
      kind: "ended",
      text: "KWin has ended the cast of its output.",
    });
  });

  test("ends when KWin is killed, and is missing where there is none", async () => {
    const peer = await startPeer("modern");
    const { event } = openOutput(peer.socketPath, 60);
    await event();
    peer.kill();
    expect(await event(1)).toMatchObject({
      kind: "ended",
      text: "KWin has no output any more: the compositor has ended.",
    });
    const nowhere = openOutput("/nonexistent/wayland", 60);
    expect(await nowhere.event()).toMatchObject({
      kind: "failed",
      text: expect.stringContaining("no compositor answers at /nonexistent/wayland"),
    });
  });

  test("is given up at once while KWin does not answer", async () => {
    const peer = await startPeer("silent");
    openOutput(peer.socketPath, 60);
    await peer.until("virtual punktfunk");
    const begin = performance.now();
    await open.pop()?.();
    expect(performance.now() - begin).toBeLessThan(500);
  });

  test("is sound under the sanitizers, also when it is removed at once", async () => {
    const peer = await startPeer("modern");
    const program = nativeProgram("sanitize", "test/kwin_test");
    const child = Bun.spawn([program, peer.socketPath], { stderr: "pipe" });
    const words = await new Response(child.stderr).text();
    expect([await child.exited, words]).toEqual([0, ""]);
  });
});
