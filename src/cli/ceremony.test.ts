/** Pairing, waiting and letting others in as a person at a terminal does it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { familyOf, processOf, stillRunning, until } from "../harness/processes.ts";
import { startHostProgram } from "../harness/program.ts";
import { Tmux, tmuxMissing } from "../harness/tmux.ts";
import { TestDevice, withTrustHost } from "../harness/trust-ends.ts";
import type { Host } from "../host/host.ts";
import { limit } from "../wire/limits.ts";
import { showPin } from "../wire/pairing/pin.ts";
import { quietMs } from "./approval.ts";

if (tmuxMissing !== undefined) console.warn(`SKIPPED: pairing at a terminal, as ${tmuxMissing}.`);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "punktfunk-ceremony-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const answeredMs = 5000;
const testMs = 40_000;
const placeOf = (host: { readonly port: number }) => `127.0.0.1:${host.port}`;

/** What a person types in a shell; it says how the command ended. */
const typed = (person: string, ...args: string[]) =>
  `${Tmux.punktfunk(join(folder, person), ...args)}; echo "ended $?"`;
const connecting = (person: string, host: Pick<Host, "port">, ...args: string[]) =>
  typed(person, "connect", placeOf(host), "--mode", "320x180@30", ...args);

/** The terminal of a person who may manage the host, from which their client streams. */
async function managing(host: Host, present: string, columns: number): Promise<Tmux> {
  const person = `manager-${host.port}`;
  const { window } = host.managed.trust.arm({ level: "full", durationMs: 60_000 });
  const pair = typed(person, "pair", placeOf(host), "--pin", window?.pin as string);
  const connect = connecting(person, host, "--present", present);
  const shell = `${pair}; ${connect}; stty -a; sleep 60`;
  const terminal = await Tmux.open(shell, { columns, rows: 30 });
  await terminal.shows(/\b\d+ fps/);
  return terminal;
}

let addresses = 0;
/** A device that waits for approval, from an address of its own. */
const asks = (host: Host, name: string) =>
  new TestDevice(`127.0.4.${++addresses}`).ask(host, { waits: true, name });
const question = 'Allow "Living-room TV" (fp ';

describe.skipIf(tmuxMissing !== undefined)("at a terminal", () => {
  test(
    "a person gives up, mistypes the PIN, takes their time, is paired, and then connects",
    async () => {
      const serve = ["--source", "synthetic", "--encoder", "software"];
      const host = await startHostProgram(join(folder, "serving"), serve, { trust: "required" });
      const pin = (await host.program.line("armed"))?.["pin"] as string;
      const pair = typed("typing", "pair", placeOf(host));
      const connect = connecting("typing", host, "--present", "none", "--duration", "0.5");
      await using terminal = await Tmux.open(`${pair}; ${pair}; ${connect}; sleep 60`);
      try {
        await terminal.shows("The PIN that 127.0.0.1 shows");
        await terminal.type("C-c");
        await terminal.shows("ended 130");
        await terminal.shows(/ended 130[\s\S]*The PIN that 127.0.0.1 shows/);
        await terminal.type("12a", "Enter");
        await terminal.shows("A PIN has 6 digits.");
        await terminal.type("BSpace", "BSpace", "BSpace");
        // Longer than a host waits for a hello.
        await Bun.sleep(limit("hello_timeout_ms") + 200);
        await terminal.type(showPin(pin), "Enter");
        await terminal.shows("Paired with 127.0.0.1");
        await terminal.shows(`Next: punktfunk connect ${placeOf(host)}`);
        await terminal.shows(/ended 0[\s\S]*ended 0/);
        expect(await terminal.screen()).not.toContain("never seen before");
      } finally {
        await host.program.end();
      }
    },
    testMs,
  );

  test(
    "a person waits for approval, stops waiting, waits again, and streams when let in",
    () =>
      withTrustHost(async (host) => {
        const { trust } = host.managed;
        const trusting = ["--fingerprint", host.fingerprint, "--present", "none"];
        const connect = connecting("waiting", host, ...trusting, "--duration", "0.5");
        await using terminal = await Tmux.open(`${connect}; ${connect}; sleep 60`);
        const waits = /Waiting for approval on 127\.0\.0\.1, 2:5\d left/;
        await terminal.shows(waits);
        const [request] = trust.pending();
        const shown = request?.fingerprint.slice(0, 16).replaceAll(/(.{4})(?=.)/g, "$1 ");
        await terminal.shows(`fingerprint ${shown}`);
        await terminal.type("C-c");
        await terminal.shows("ended 130");
        await until(() => trust.pending().length === 0, "the withdrawal");
        await until(() => trust.pending().length === 1, "the next request");
        await terminal.shows(/ended 130[\s\S]*Waiting for approval/);
        await trust.approve(request?.id as string, { level: "play", expiresAt: null });
        await terminal.shows("ended 0");
        expect(await terminal.screen()).not.toContain("Waiting for approval");
      }),
    testMs,
  );

  test(
    "a person who may manage lets a device in, sees others settled elsewhere, and ends by Ctrl-C",
    () =>
      withTrustHost(async (host) => {
        await using terminal = await managing(host, "none", 100);
        const first = await asks(host, "Living-room TV");
        await terminal.shows(question);
        // The live line makes room; what is to be said waits.
        expect(await terminal.screen()).not.toMatch(/\b\d+ fps/);
        await terminal.type("Down", "Down", "Enter");
        const welcome = await first.connection.receive(["welcome"], answeredMs);
        expect(welcome).toMatchObject({ level: "play" });
        await terminal.shows(/\b\d+ fps/);

        const second = await asks(host, "Tablet");
        await terminal.shows('Allow "Tablet" (fp ');
        const tablet = host.managed.trust.pending()[0]?.id as string;
        host.managed.trust.deny(tablet);
        await terminal.shows('"Tablet" waits no longer: denied.');
        await terminal.shows(/\b\d+ fps/);

        const third = await asks(host, "Phone");
        await terminal.shows('Allow "Phone" (fp ');
        // The first choice lets nobody in.
        await terminal.type("Enter");
        const refusal = await third.connection.receive(["refuse"], answeredMs);
        expect(refusal).toMatchObject({ reason: "denied" });

        const fourth = await asks(host, "Box");
        await terminal.shows('Allow "Box" (fp ');
        await terminal.type("C-c");
        await terminal.shows("ended 130");
        await terminal.shows(/\bicanon/);
        expect(await terminal.screen()).toMatch(/\bisig icanon[\s\S]* echo /);
        const { connection } = fourth;
        await Promise.all(
          [first, second, { connection }].map((each) => each.connection.close("done")),
        );
      }),
    testMs,
  );

  test(
    "beside a picture that fills the terminal the question is its last line, and one key answers",
    () =>
      withTrustHost(async (host) => {
        await using terminal = await managing(host, "terminal", 80);
        const first = await asks(host, "Living-room TV");
        await terminal.shows(/"Living-room TV" \(fp .*\)\? +y full, p play, v view, n deny/);
        const echo = await Bun.$`stty -a -F ${await terminal.format("#{pane_tty}")}`.text();
        expect(echo).toMatch(/-icanon[\s\S]* -echo /);
        await Bun.sleep(quietMs + 100);
        await terminal.type("v");
        const welcome = await first.connection.receive(["welcome"], answeredMs);
        expect(welcome).toMatchObject({ level: "view" });
        await terminal.shows(/\b\d+ fps/);
        const later = await Bun.$`stty -a -F ${await terminal.format("#{pane_tty}")}`.text();
        // Typed keys do not show in the picture, and Ctrl-C still ends it.
        expect(later).toMatch(/\bisig -icanon[\s\S]* -echo /);

        const second = await asks(host, "Tablet");
        await terminal.shows('"Tablet" (fp ');
        await second.connection.close("done");
        await terminal.shows('"Tablet" waits no longer: withdrawn.');

        const third = await asks(host, "Phone");
        await terminal.shows('"Phone" (fp ');
        await terminal.type("C-c");
        await terminal.shows("ended 130");
        await terminal.shows(/\bicanon/);
        expect(await terminal.screen()).toMatch(/\bisig icanon[\s\S]* echo /);
        expect(await terminal.format("#{alternate_on} #{cursor_flag}")).toBe("0 1");
        await Promise.all([first, third].map(({ connection }) => connection.close("done")));
      }),
    testMs,
  );

  test(
    "a client ends when its terminal goes away, whatever question is open",
    () =>
      withTrustHost(async (host) => {
        for (const args of [
          ["pair", placeOf(host)],
          ["connect", placeOf(host), "--present", "none"],
          ["connect", placeOf(host), "--fingerprint", host.fingerprint],
        ]) {
          const line = Tmux.punktfunk(join(folder, "leaving"), ...args);
          const terminal = await Tmux.open(`exec ${line}`);
          await terminal.shows(/The PIN that|never seen before|Waiting for approval/);
          const pid = Number(await terminal.format("#{pane_pid}"));
          expect(processOf(pid)).toBeDefined();
          await terminal[Symbol.asyncDispose]();
          await until(() => processOf(pid) === undefined, `the end of ${args[0]}`);
        }
        await until(() => host.managed.trust.pending().length === 0, "the withdrawal");
      }),
    testMs,
  );

  test.each(["none", "terminal"])(
    "so does a client that streams to %s while it asks about a device",
    (present) =>
      withTrustHost(async (host) => {
        const terminal = await managing(host, present, 100);
        const { connection } = await asks(host, "Living-room TV");
        await terminal.shows('"Living-room TV" (fp ');
        const family = familyOf(Number(await terminal.format("#{pane_pid}")));
        expect(family.some(({ command }) => command.includes(" connect "))).toBe(true);
        await terminal[Symbol.asyncDispose]();
        await until(() => stillRunning(family).length === 0, "the end of the client");
        await until(() => host.managed.sessions().length === 0, "the end of its session");
        await connection.close("done");
      }),
    testMs,
  );
});
