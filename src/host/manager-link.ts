/**
 * A client that may manage this host: it is told who waits for approval, for its person to answer.
 * Starts and stops with that right.
 */
import { toPfError } from "../base/errors.ts";
import type { Message, MessageOf } from "../wire/control.ts";
import type { HostReport } from "./report.ts";
import type { PendingRequest } from "./trust/pending.ts";
import type { Trust } from "./trust/trust.ts";

export interface ManagerLinkOptions {
  readonly trust: Trust;
  readonly send: (message: Message) => void;
  readonly onReport: (report: HostReport) => void;
}

export class ManagerLink {
  readonly #options: ManagerLinkOptions;
  readonly #stop: () => void;

  constructor(options: ManagerLinkOptions) {
    this.#options = options;
    const { trust, send } = options;
    this.#stop = trust.subscribe((event) => {
      if (event.topic !== "waiting") return;
      const { type, request } = event.event;
      if (type === "added") this.#push(request);
      else send({ type: "pendingSettled", id: request.id, how: howOf(event.event.how) });
    });
    for (const request of trust.requests()) this.#push(request);
  }

  /** What the person said. A device that waits no longer is none to decide on. */
  take({ id, level }: MessageOf<"pendingAnswer">): void {
    const { trust, onReport } = this.#options;
    if (level === null) {
      trust.deny(id);
      return;
    }
    trust.approve(id, { level, expiresAt: null }).catch((thrown) => {
      const message = `A device could not be let in: ${toPfError(thrown).sentence()}`;
      onReport({ type: "note", level: "warn", message });
    });
  }

  close(): void {
    this.#stop();
  }

  #push(request: PendingRequest): void {
    const { id, name, fingerprint, address } = request;
    const timeoutMs = this.#options.trust.leftMsOf(request);
    this.#options.send({ type: "pendingRequest", id, name, fingerprint, address, timeoutMs });
  }
}

/** As the protocol names it: who was approved and could not be kept was not let in. */
const howOf = (how: string) => (how === "failed" ? "withdrawn" : how);
