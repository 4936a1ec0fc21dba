/** Whether a device may pair with a host, as the person at a manager's terminal is asked. */
import { select } from "@clack/prompts";
import {
  approvalQuestion,
  type PendingRequest,
  quotedName,
  shortFingerprint,
  type Verdict,
} from "../client/approvals.ts";
import type { ApprovalQuestion } from "../client/client.ts";
import { answerTo, type PromptOptions } from "./prompts.ts";

/** The verdict, or undefined: no answer, and others may give one. */
export function askApproval(
  question: ApprovalQuestion,
  signal: AbortSignal,
): Promise<Verdict | undefined> {
  const { showLine } = question;
  return showLine === undefined
    ? askByList(question, signal)
    : askByKey(question, showLine, signal);
}

async function askByList(
  { request, hostName }: ApprovalQuestion,
  signal: AbortSignal,
): Promise<Verdict | undefined> {
  const ask = (options: PromptOptions) =>
    select<Verdict | "later">({
      message: approvalQuestion(request, hostName),
      options: [
        { value: null, label: "Deny", hint: "send it away" },
        { value: "view", label: "Only to view", hint: "picture and sound" },
        { value: "play", label: "Allow to play", hint: "picture, sound and input" },
        { value: "full", label: "Allow everything", hint: "and to manage the host" },
        { value: "later", label: "Not now" },
      ],
      // Enter, when it was meant for something else, lets nobody in.
      initialValue: null,
      ...options,
    });
  const answer = await answerTo(ask, signal);
  // The prompt has taken Ctrl-C, which was meant for the program.
  if (answer === undefined && !signal.aborted) process.kill(process.pid, "SIGINT");
  return answer === "later" ? undefined : answer;
}

const verdicts: Readonly<Record<string, Verdict | undefined>> = {
  y: "full",
  p: "play",
  v: "view",
  n: null,
};
const [ctrlC, escapeKey] = ["\x03", "\x1b"];

/**
 * A key is an answer only when none came in this time before it, or since the question was put: who
 * is typing when the question appears has not read it.
 */
export const quietMs = 800;

/** What of a terminal a question needs that one key answers. */
export interface KeyTerminal {
  readonly columns: () => number;
  /** Gives each read: a key, or several where somebody pastes. Returns how to stop it. */
  readonly readKeys: (onKey: (key: string) => void) => () => void;
  readonly onResize: (listener: () => void) => () => void;
  readonly interrupt: () => void;
  readonly nowMs: () => number;
}

/** The question as one line of a terminal that the picture fills; one key answers it. */
export async function askByKey(
  question: ApprovalQuestion,
  showLine: (text: string | undefined) => void,
  signal: AbortSignal,
  terminal: KeyTerminal = ownTerminal,
): Promise<Verdict | undefined> {
  if (signal.aborted) return undefined;
  const { promise, resolve } = Promise.withResolvers<Verdict | undefined>();
  const show = () => showLine(approvalLine(question, terminal.columns()));
  let lastMs = terminal.nowMs();
  const stopReading = terminal.readKeys((read) => {
    const key = read.toLowerCase();
    const sinceMs = terminal.nowMs() - lastMs;
    lastMs = terminal.nowMs();
    if (key === ctrlC) terminal.interrupt();
    else if (sinceMs < quietMs) return;
    else if (key === escapeKey) resolve(undefined);
    else if (Object.hasOwn(verdicts, key)) resolve(verdicts[key]);
  });
  const stopResizing = terminal.onResize(show);
  // At once, not when the promise has settled: a terminal that is restored is not to be changed.
  const withdraw = () => {
    stopReading();
    resolve(undefined);
  };
  signal.addEventListener("abort", withdraw, { once: true });
  show();
  try {
    return await promise;
  } finally {
    stopReading();
    stopResizing();
    signal.removeEventListener("abort", withdraw);
    showLine(undefined);
  }
}

const ownTerminal: KeyTerminal = {
  columns: () => process.stderr.columns ?? 80,
  onResize: (listener) => {
    process.stderr.on("resize", listener);
    return () => void process.stderr.off("resize", listener);
  },
  interrupt: () => process.kill(process.pid, "SIGINT"),
  nowMs: () => performance.now(),
  readKeys: (onKey) => {
    const { stdin } = process;
    const onData = (bytes: Uint8Array) => onKey(new TextDecoder().decode(bytes));
    let isOpen = true;
    stdin.setRawMode(true);
    stdin.on("data", onData);
    stdin.resume();
    return () => {
      if (!isOpen) return;
      isOpen = false;
      stdin.off("data", onData);
      stdin.pause();
      try {
        stdin.setRawMode(false);
      } catch {
        // The terminal is gone.
      }
    };
  },
};

/** The question in so many columns: what is left out is what matters least. */
export function approvalLine(
  { request, hostName }: Pick<ApprovalQuestion, "request" | "hostName">,
  columns: number,
): string {
  const long = "[y] everything  [p] play  [v] only view  [n] deny  [Esc] later";
  const short = "y full, p play, v view, n deny";
  const lines = [
    `${approvalQuestion(request, hostName)}  ${long}`,
    `${approvalQuestion(request, hostName)}  ${short}`,
    `${shortQuestion(request, `, from ${request.address}`)}  ${short}`,
    `${shortQuestion(request, "")}  ${short}`,
  ];
  const fitting = lines.find((line) => Bun.stringWidth(line) <= columns);
  if (fitting !== undefined) return fitting;
  const least = shortQuestion({ ...request, name: "" }, "");
  const left = columns - Bun.stringWidth(`${least}  ${short}`);
  return `${shortQuestion(request, "", Math.max(1, left))}  ${short}`;
}

function shortQuestion(request: PendingRequest, where: string, columns?: number): string {
  return `${quotedName(request, columns)} (fp ${shortFingerprint(request.fingerprint)}${where})?`;
}
