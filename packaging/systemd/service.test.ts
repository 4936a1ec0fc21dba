import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Check } from "../../src/base/diagnosis.ts";
import { until } from "../../src/harness/processes.ts";
import { programCommand } from "../../src/harness/program.ts";
import { swayInstalled } from "../../src/host/displays/desktop.fixture.ts";
import { type Manager, managerPossible, startManager } from "./manager.fixture.ts";

const unit = "punktfunk-headless.service";

async function doctor(manager: Manager): Promise<(name: string) => Check | undefined> {
  const { text } = await manager.run(`${programCommand.join(" ")} doctor service --json`);
  const lines = text.split("\n").filter((line) => line.startsWith("{"));
  const checks = lines.map((line) => JSON.parse(line) as Check);
  return (name) => checks.find((check) => check.name === name);
}

test.skipIf(!managerPossible || !swayInstalled)(
  "what the doctor names makes a service, which systemd starts again when the host dies",
  async () => {
    const home = await mkdtemp(join(tmpdir(), "pf-service-"));
    try {
      await using manager = await startManager(home);
      const show = async (property: string) =>
        (await manager.run(`systemctl --user show ${unit} --value -p ${property}`)).text;

      const dropIn = `~/.config/systemd/user/${unit}.d`;
      const soon = `printf '[Service]\\nRestartSec=50ms\\n' > ${dropIn}/soon.conf`;
      expect(await manager.run(`mkdir -p ${dropIn} && ${soon}`)).toMatchObject({ status: 0 });
      const before = await doctor(manager);
      expect(before("user manager")?.verdict).toBe("ok");
      const [program, install] = [before("program")?.fix ?? "", before("unit")?.fix ?? ""];
      expect(await manager.run(program)).toMatchObject({ status: 0 });
      // Lingering is logind's, which does not run here.
      const line = install.replace(" && loginctl enable-linger", "");
      expect(await manager.run(line)).toMatchObject({ status: 0 });
      // It has its folder before it has its ports.
      await until(async () => {
        const named = await doctor(manager);
        const hasPort = named("control port")?.detail.includes("the host that runs") === true;
        return hasPort && named("host")?.detail.includes("runs now") === true;
      }, "a host");
      const running = await doctor(manager);
      expect(running(unit)?.verdict).toBe("ok");
      expect(running(`${unit} runs`)?.verdict).toBe("ok");

      const first = await show("MainPID");
      await manager.run(`kill -KILL ${first}`);
      await until(async () => (await show("NRestarts")) === "1", "a restart");
      await until(async () => (await show("SubState")) === "running", "the host again");
      expect(await show("MainPID")).not.toBe(first);

      expect(await manager.run(`systemctl --user stop ${unit}`)).toMatchObject({ status: 0 });
      expect([await show("ActiveState"), await show("Result")]).toEqual(["inactive", "success"]);
      expect((await manager.run("pgrep -a bun; pgrep -a sway")).text).toBe("");
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  },
  20_000,
);
