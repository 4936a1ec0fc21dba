/** `punktfunk host …` where a person sits at a terminal. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Program, startHostProgram } from "../harness/program.ts";
import { Tmux, tmuxMissing } from "../harness/tmux.ts";
import { TestDevice } from "../harness/trust-ends.ts";
import { showPin } from "../wire/pairing/pin.ts";
import { bigPin } from "./host/big-pin.ts";

describe.skipIf(tmuxMissing !== undefined)("on a terminal", () => {
  let home: string;
  let host: Awaited<ReturnType<typeof startHostProgram>>;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "punktfunk-host-terminal-"));
    const args = ["--source", "synthetic", "--encoder", "software"];
    host = await startHostProgram(home, args, { trust: "required" });
  });
  afterAll(async () => {
    await host.program.end();
    await rm(home, { recursive: true, force: true });
  });

  const open = (...args: string[]) =>
    Tmux.open(`${Tmux.punktfunk(join(home, "host"), "host", ...args)}; echo ended $?; sleep 60`, {
      rows: 45,
    });
  const pinOn = async (terminal: Tmux) => {
    await terminal.shows(/PIN \d{3} \d{3}.*[\s\S]*left · Ctrl-C ends it/);
    const [, first, second] = /PIN (\d{3}) (\d{3})/.exec(await terminal.screen()) ?? [];
    return `${first}${second}`;
  };

  test("a PIN is seen from afar, with a QR code and the time that is left, until it is used", async () => {
    await using terminal = await open("arm", "--level", "play");
    const pin = await pinOn(terminal);
    const screen = await terminal.screen();
    for (const line of bigPin(pin).split("\n")) expect(screen).toContain(line);
    expect(screen).toContain("█▀▀▀▀▀█");
    await terminal.shows(/1:5[0-7] left/);
    const device = new TestDevice();
    const name = "a\u001b[2Jb";
    expect(await device.pairByPin(host, pin, name)).toBe("paired");
    await terminal.shows("ended 0");
    const after = await terminal.screen();
    expect(after).toContain(`"a[2Jb" (${device.id}) is paired; its level is play.`);
    expect(after).toContain(showPin(pin));
    expect(after).not.toContain("left · Ctrl-C");
  });

  test("Ctrl-C takes the PIN back", async () => {
    await using terminal = await open("arm");
    const pin = await pinOn(terminal);
    await terminal.type("C-c");
    await terminal.shows("ended 130");
    expect(await terminal.screen()).toContain("The PIN is taken back.");
    expect(await new TestDevice().pairByPin(host, pin)).toBe("pairing-failed");
  });

  test("a new password is asked for twice, and given up by Ctrl-C", async () => {
    await using terminal = await open("password");
    await terminal.shows("The new password");
    await terminal.type("short", "Enter");
    await terminal.shows("It needs 8 characters.");
    await terminal.type(" and long", "Enter");
    await terminal.shows("The same again");
    await terminal.type("something else", "Enter");
    await terminal.shows("That is not the same");
    await terminal.type("C-c");
    await terminal.shows("ended 130");
    const screen = await terminal.screen();
    expect(screen).toContain("nothing was changed");
    expect(screen).not.toContain("short");
  });

  test("sessions are shown in place, each second anew", async () => {
    const device = new TestDevice();
    const owner = { home: join(home, "host") };
    const arming = new Program(["host", "arm", "--json"], owner);
    const pin = (await arming.line("window"))?.["pin"] as string;
    expect(await device.pairByPin(host, pin, "watched")).toBe("paired");
    await arming.exited;
    const { connection } = await device.ask(host, { name: "watched" });
    await using terminal = await open("sessions", "--watch");
    await terminal.shows(/watched +127\.0\.0\.1 +full +\d s/);
    const shown = () => terminal.screen().then((text) => / (\d+) s /.exec(text)?.[1]);
    const first = await shown();
    await terminal.hides(` ${first} s `);
    expect((await terminal.screen()).match(/watched/g)).toHaveLength(1);
    await connection.close("done");
    await terminal.shows("No session runs.");
    await terminal.type("C-c");
    await terminal.shows("ended 130");
  });
});

test("a host that ends while a PIN is armed is told of", async () => {
  const home = await mkdtemp(join(tmpdir(), "punktfunk-host-ends-"));
  const args = ["--source", "synthetic", "--encoder", "software"];
  const host = await startHostProgram(home, args, { trust: "required" });
  const arming = new Program(["host", "arm", "--json"], { home: join(home, "host") });
  const watching = new Program(["host", "sessions", "--watch", "--json"], {
    home: join(home, "host"),
  });
  await arming.line("window");
  await host.program.end();
  expect(await arming.exited).toBe(1);
  expect(arming.lines.at(-1)).toMatchObject({ type: "error", code: "PF_PEER_LOST" });
  expect(await watching.exited).toBeOneOf([1, 3]);
  const late = new Program(["host", "status", "--json"], { home: join(home, "host") });
  expect(await late.exited).toBe(3);
  await rm(home, { recursive: true, force: true });
});
