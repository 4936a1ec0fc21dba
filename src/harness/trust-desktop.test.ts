/** A real desktop takes input from who may give it, and from nobody else. */
import { describe, expect, test } from "bun:test";
import { chmod, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./processes.ts";
import { TestDevice, withTrustHost } from "./trust-ends.ts";

describe.skipIf(Bun.which("sway") === null)("a desktop of the host's own", () => {
  test("gets nothing from who may only view, and no key stays down when that level comes", async () => {
    const folder = await mkdtemp(join(tmpdir(), "punktfunk-level-"));
    // The desktop's user writes here.
    await chmod(folder, 0o777);
    const file = join(folder, "typed");
    const app = `foot sh -c 'stty -icanon -echo; touch ${file}; cat > ${file}'`;
    const typed = async () => (await Bun.file(file).exists()) && (await Bun.file(file).text());
    try {
      await withTrustHost(
        async (host) => {
          const { trust } = host.managed;
          const device = new TestDevice();
          await device.pairWith(host, "view");
          const connection = await device.greet(host, { purpose: null });
          await connection.receive(["welcome"], 20_000);
          connection.onMessage(() => {});
          connection.send({ type: "start" });
          await until(async () => (await typed()) === "", "the application", 10_000);
          connection.send({ type: "text", text: "no" });
          connection.send({ type: "key", usage: 4, down: true });
          // Messages are taken in order: what came before this one was looked at.
          connection.send({ type: "setFec", parityPermille: 300 });
          const parity = () => host.managed.sessions()[0]?.sample()?.stream.parityPermille;
          await until(() => parity() === 300, "the message after them");
          await trust.changeDevice(device.id, { level: "play" });
          connection.send({ type: "text", text: "yes " });
          await until(async () => (await typed()) === "yes ", "the text");
          // A key that is held repeats.
          connection.send({ type: "key", usage: 4, down: true });
          await until(async () => /a{3}$/.test((await typed()) || ""), "the held key");
          await trust.changeDevice(device.id, { level: "view" });
          await Bun.sleep(100);
          const { size } = await stat(file);
          await Bun.sleep(300);
          expect((await stat(file)).size).toBe(size);
          expect(await typed()).toMatch(/^yes a+$/);
          await connection.close("done");
        },
        { source: "sway", app },
      );
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }, 30_000);
});
