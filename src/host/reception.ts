/**
 * From a client's hello to its standing: who proves a paired device comes in, who does not may pair
 * by PIN or wait for a person, and everybody else is told why not and what to do.
 */
import { PfError, toPfError } from "../base/errors.ts";
import type { ControlConnection } from "../transport/connection.ts";
import type { MessageOf } from "../wire/control.ts";
import { limit } from "../wire/limits.ts";
import { Places } from "./control/places.ts";
import { checkHello, Refusal, refuse } from "./refusal.ts";
import type { HostReport } from "./report.ts";
import type { Standing } from "./trust/standing.ts";
import type { Approval, Trust } from "./trust/trust.ts";

export interface ReceptionOptions {
  readonly trust: Trust;
  readonly onReport: (report: HostReport) => void;
  /** Aborts when the host ends: nobody waits any longer. */
  readonly ending: AbortSignal;
}

type Hello = MessageOf<"hello">;

export class Reception {
  readonly #options: ReceptionOptions;
  readonly #pairing = new Places<ControlConnection>({
    most: limit("pair_connections_max"),
    ofAddress: limit("pair_connections_per_address_max"),
  });

  constructor(options: ReceptionOptions) {
    this.#options = options;
  }

  /**
   * What the client may do, to be left by the caller; undefined: it gets no session, and has been
   * told so. Never rejects.
   */
  async admit(connection: ControlConnection, hello: Hello): Promise<Standing | undefined> {
    const { onReport, ending } = this.#options;
    try {
      checkHello(hello, connection);
      if (hello.purpose === "pair") {
        await this.#pair(connection, hello);
        return undefined;
      }
      return (
        this.#options.trust.enter(hello.device.publicKey) ?? (await this.#wait(connection, hello))
      );
    } catch (thrown) {
      if (!ending.aborted && connection.isOpen)
        await refuse(connection, toPfError(thrown), onReport);
      return undefined;
    }
  }

  async #wait(connection: ControlConnection, hello: Hello): Promise<Standing | undefined> {
    const { trust, ending } = this.#options;
    const verdict = trust.judge(hello.device.publicKey);
    if (hello.waits !== true) throw strangerRefusal(verdict.kind === "expired");
    const approval = await trust.approval(connection, hello, ending);
    if (!connection.isOpen) return undefined;
    const refusal = refusalOf(approval);
    if (refusal !== undefined) throw refusal;
    const standing = trust.enter(hello.device.publicKey);
    if (standing === undefined) throw strangerRefusal(false);
    return standing;
  }

  async #pair(connection: ControlConnection, hello: Hello): Promise<void> {
    const { address } = connection.peer;
    const oldest = this.#pairing.enter(connection, address);
    void oldest?.close("busy", "Too many clients want to pair.");
    try {
      const step = this.#options.trust.ceremony({
        address,
        publicKey: hello.device.publicKey,
        name: hello.name,
        exporter: connection.exporter,
      });
      for (;;) {
        // No longer than a PIN is good for: it is typed somewhere in between.
        const types = ["pairStart", "pairConfirm"] as const;
        const message = await connection.receive(types, limit("pair_window_ms"));
        const result = await step(message).catch((thrown) => this.#unkept(thrown));
        if (result.kind === "refused") throw new Refusal("pairing-failed", result.message);
        connection.send(result.send);
        if (result.kind === "paired") break;
      }
      await connection.close("done");
    } finally {
      this.#pairing.leave(connection);
    }
  }

  /** What went wrong at the host is the operator's to read, not the client's. */
  #unkept(thrown: unknown): never {
    const message = `A device could not be paired: ${toPfError(thrown).sentence()}`;
    this.#options.onReport({ type: "note", level: "warn", message });
    throw new PfError("PF_STATE_INVALID", "The host could not keep the pairing.", {
      hint: "Its log says why.",
    });
  }
}

const byPin =
  "Pair this device by the PIN that punktfunk host arm shows there: punktfunk pair HOST.";

function strangerRefusal(isExpired: boolean): Refusal {
  const why = isExpired
    ? "The time for which this device was paired is over."
    : "The host serves paired devices only.";
  return new Refusal("pairing-required", `${why} ${byPin}`);
}

/** Why an approval lets nobody in; undefined: it does. */
function refusalOf(approval: Approval): PfError | undefined {
  if (approval.kind === "refused") {
    if (approval.why === "denied") {
      return new Refusal("denied", `A person at the host sent this device away. ${byPin}`);
    }
    const whose = approval.why === "full" ? "Too many devices" : "Others of this address";
    return new Refusal("pairing-required", `${whose} wait for approval already. ${byPin}`);
  }
  switch (approval.how) {
    case "approved":
      return undefined;
    case "denied":
      return new Refusal("denied", "A person at the host sent this device away.");
    case "replaced":
      return new Refusal("replaced", "This device waits for approval by a later connection.");
    case "failed":
      return new PfError("PF_STATE_INVALID", "The host could not keep the approval.", {
        hint: "Its log says why.",
      });
    default: {
      const minutes = limit("pending_ms") / 60_000;
      const sentence = `Nobody let this device in within ${minutes} minutes. ${byPin}`;
      return new Refusal("approval-timeout", sentence);
    }
  }
}
