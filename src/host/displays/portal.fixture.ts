/**
 * For tests: a portal as desktops have one, on a real bus, with a person who answers its dialogs.
 * Its screen is a virtual monitor of a real Mutter.
 */
import { closeSync } from "node:fs";
import { connectSocket } from "../../ffi/bus/unix-socket.fixture.ts";
import { Bus, type BusAnswer, BusError } from "../bus/bus.ts";
import type { BusMessage } from "../bus/message.ts";
import { type BusValue, Variant } from "../bus/values.ts";
import { MutterCast } from "./mutter-cast.ts";
import type { MutterProcess } from "./mutter-own.ts";

const name = "org.freedesktop.portal.Desktop";
const path = "/org/freedesktop/portal/desktop";
const cast = "org.freedesktop.portal.ScreenCast";
const remote = "org.freedesktop.portal.RemoteDesktop";

export interface TestPortalOptions {
  /** Version of RemoteDesktop; 0 = it has none. */
  readonly remoteVersion?: number;
  /** What the person does: agrees, refuses (1), ends it otherwise (2), or is not there. */
  readonly person?: "agrees" | 1 | 2 | "away";
}

export class TestPortal {
  /** Method names and what they were given, in order. */
  readonly calls: string[] = [];
  /** Dialogs that a person was shown. */
  dialogs = 0;
  person: NonNullable<TestPortalOptions["person"]>;
  readonly #bus: Bus;
  readonly #mutter: MutterProcess;
  readonly #remoteVersion: number;
  readonly #casts: Bus[] = [];
  #tokens = 0;
  #session = "";

  private constructor(bus: Bus, mutter: MutterProcess, options: TestPortalOptions) {
    this.#bus = bus;
    this.#mutter = mutter;
    this.#remoteVersion = options.remoteVersion ?? 2;
    this.person = options.person ?? "agrees";
    bus.onCall = (call) => this.#answer(call);
  }

  static async start(mutter: MutterProcess, options: TestPortalOptions = {}): Promise<TestPortal> {
    const bus = await Bus.connect(mutter.busAddress);
    const made = new TestPortal(bus, mutter, options);
    await bus.requestName(name);
    return made;
  }

  /** As when a person stops the sharing. */
  endSession(): void {
    const of = { path: this.#session, interface: "org.freedesktop.portal.Session" };
    this.#bus.emit({ ...of, member: "Closed", signature: "a{sv}", body: [{}] });
  }

  async stop(): Promise<void> {
    await this.#endCasts();
    await this.#bus.close();
  }

  async #endCasts(): Promise<void> {
    for (const bus of this.#casts.splice(0)) await bus.close();
  }

  async #answer(call: BusMessage): Promise<BusAnswer> {
    const { member = "", body } = call;
    if (member === "Get") return this.#property(String(body[0]), String(body[1]));
    this.calls.push([member, ...body.map(plain)].join(" "));
    if (member === "OpenPipeWireRemote") {
      const descriptor = connectSocket(this.#mutter.remote.socketPath);
      setTimeout(() => closeSync(descriptor), 100); // its copy is on the way
      return { signature: "h", body: [0], descriptor };
    }
    if (member === "Close") await this.#endCasts();
    if (member.startsWith("Notify") || member === "Close") return {};
    const options = body.at(-1) as Record<string, string>;
    const sender = (call.sender as string).slice(1).replaceAll(".", "_");
    const request = `${path}/request/${sender}/${options["handle_token"]}`;
    void this.#respond(member, request, sender, options);
    return { signature: "o", body: [request] };
  }

  #property(of: string, property: string): BusAnswer {
    const versions: Record<string, number> = { [cast]: 5, [remote]: this.#remoteVersion };
    const values: Record<string, number> = {
      version: versions[of] ?? 0,
      AvailableSourceTypes: 7,
      AvailableCursorModes: 7,
      AvailableDeviceTypes: 7,
    };
    if (versions[of] === 0) throw new BusError("org.freedesktop.DBus.Error.InvalidArgs", "None.");
    return { signature: "v", body: [new Variant("u", values[property] ?? 0)] };
  }

  async #respond(
    member: string,
    request: string,
    sender: string,
    options: Record<string, string>,
  ): Promise<void> {
    const respond = (code: number, results: Record<string, BusValue>) => {
      const of = { path: request, interface: "org.freedesktop.portal.Request" };
      this.#bus.emit({ ...of, member: "Response", signature: "ua{sv}", body: [code, results] });
    };
    if (member === "CreateSession") {
      this.#session = `${path}/session/${sender}/${options["session_handle_token"]}`;
      respond(0, { session_handle: new Variant("s", this.#session) });
    } else if (member === "Start") {
      const isKnown = this.calls.some((call) => call.includes(`token-${this.#tokens}"`));
      if (!isKnown) this.dialogs++;
      if (!isKnown && this.person === "away") return;
      if (!isKnown && this.person !== "agrees") return respond(this.person as number, {});
      respond(0, await this.#start());
    } else {
      respond(0, {});
    }
  }

  async #start(): Promise<Record<string, BusValue>> {
    const bus = await Bus.connect(this.#mutter.busAddress);
    this.#casts.push(bus);
    const { node } = await MutterCast.open(bus, this.#mutter.remote);
    const about = { source_type: new Variant("u", 4) };
    return {
      streams: new Variant("a(ua{sv})", [[node, about]]),
      restore_token: new Variant("s", `token-${++this.#tokens}`),
      ...(this.#remoteVersion === 0 ? {} : { devices: new Variant("u", 7) }),
    };
  }
}

/** Without what differs from one run to the next. */
const plain = (value: BusValue) =>
  typeof value === "string" && value.startsWith(path)
    ? "SESSION"
    : JSON.stringify(value)
        .replace(/"(session_)?handle_token":"\w+",?/g, "")
        .replace(/,}/, "}");
