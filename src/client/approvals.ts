/**
 * Devices that wait for approval at a host, as one of its managers is asked about them: one
 * question at a time, in the order in which they came, each until it is answered here or settled
 * elsewhere. The stream goes on meanwhile.
 */
import type { MessageOf } from "../wire/control.ts";
import { limit } from "../wire/limits.ts";
import type { Level } from "../wire/pairing/level.ts";

export type PendingRequest = MessageOf<"pendingRequest">;

/** What a person says: the level to let the device in with, null to send it away. */
export type Verdict = Level | null;

/**
 * Puts a question to a person; undefined: they do not want to answer, which leaves it to others.
 * When `signal` aborts, the question is to be taken away, and what it resolves to does not matter.
 */
export type AskApproval = (
  request: PendingRequest,
  signal: AbortSignal,
) => Promise<Verdict | undefined>;

export interface ApprovalQueueOptions {
  readonly ask: AskApproval;
  readonly send: (answer: MessageOf<"pendingAnswer">) => void;
  /** A question that was open, or waited for its turn, was settled elsewhere. */
  readonly settledElsewhere: (request: PendingRequest, how: string) => void;
}

export class ApprovalQueue {
  readonly #options: ApprovalQueueOptions;
  #waiting: readonly PendingRequest[] = [];
  /** Asked about, and left to others. */
  #left: readonly PendingRequest[] = [];
  #open: { readonly request: PendingRequest; readonly withdrawn: AbortController } | undefined;
  #closed = false;

  constructor(options: ApprovalQueueOptions) {
    this.#options = options;
  }

  take(message: MessageOf<"pendingRequest" | "pendingSettled">): void {
    if (this.#closed) return;
    if (message.type === "pendingSettled") return this.#settle(message);
    // The same device asks anew by another connection: the question stays what it is.
    if (this.#open?.request.id === message.id && !this.#open.withdrawn.signal.aborted) return;
    const others = without(this.#waiting, message.id);
    if (others.length >= limit("pending_max")) return;
    this.#left = without(this.#left, message.id);
    this.#waiting = [...others, message];
    this.#next();
  }

  /** Takes every question away: this device may not answer any longer. */
  clear(): void {
    this.#waiting = [];
    this.#left = [];
    this.#open?.withdrawn.abort();
  }

  /** Takes every question away, and asks none from now on. */
  close(): void {
    this.#closed = true;
    this.clear();
  }

  #settle({ id, how }: MessageOf<"pendingSettled">): void {
    const open = this.#open;
    const known = [...(open === undefined ? [] : [open.request]), ...this.#waiting, ...this.#left];
    const request = known.find((each) => each.id === id);
    if (request === undefined) return;
    this.#waiting = without(this.#waiting, id);
    this.#left = without(this.#left, id);
    if (request === open?.request) open.withdrawn.abort();
    this.#options.settledElsewhere(request, how);
  }

  #next(): void {
    const [request, ...others] = this.#waiting;
    if (this.#open !== undefined || request === undefined) return;
    this.#waiting = others;
    const withdrawn = new AbortController();
    this.#open = { request, withdrawn };
    void this.#ask(request, withdrawn.signal);
  }

  async #ask(request: PendingRequest, signal: AbortSignal): Promise<void> {
    const verdict = await this.#options.ask(request, signal).catch(() => undefined);
    this.#open = undefined;
    if (verdict !== undefined && !signal.aborted) {
      this.#options.send({ type: "pendingAnswer", id: request.id, level: verdict });
    } else if (!signal.aborted) {
      this.#left = [...this.#left, request].slice(-limit("pending_max"));
    }
    this.#next();
  }
}

const without = (requests: readonly PendingRequest[], id: string) =>
  requests.filter((each) => each.id !== id);

/** A longer name is cut where a person decides: it must not push the fingerprint out of sight. */
const nameColumnsMax = 40;

/** As `Allow "Living-room TV" (fp ab12 cd34 …, from 192.0.2.7) to pair with gamingbox?`. */
export function approvalQuestion(request: PendingRequest, hostName: string): string {
  const { fingerprint, address } = request;
  const shown = shortFingerprint(fingerprint);
  return `Allow ${quotedName(request)} (fp ${shown}, from ${address}) to pair with ${hostName}?`;
}

/** The name that a device gave itself, which can't be taken for more than a name. */
export function quotedName({ name }: Pick<PendingRequest, "name">, columns = nameColumnsMax) {
  return `"${cut(name.replaceAll('"', "'"), columns)}"`;
}

/** The first half of a fingerprint in groups of four: enough to compare by eye. */
export function shortFingerprint(fingerprint: string): string {
  return (fingerprint.slice(0, 16).match(/.{4}/g) ?? []).join(" ");
}

function cut(text: string, columns: number): string {
  if (Bun.stringWidth(text) <= columns) return text;
  let kept = "";
  for (const character of text) {
    if (Bun.stringWidth(kept + character) >= columns) break;
    kept += character;
  }
  return `${kept}…`;
}
