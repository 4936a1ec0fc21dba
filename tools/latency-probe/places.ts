/**
 * Where the two ends of a measurement run, and how a program is started there so that it never
 * outlives us: each program has a shell beside it that holds our end of its standard input. When
 * that closes, because we close it, die or lose the connection, the program is asked to end, then
 * made to, and its folder of state and its loss rule go with it.
 */
import { PfError } from "../../src/base/errors.ts";
import {
  type Namespaces,
  namespacesMissing,
  withNamespaces,
} from "../../src/harness/namespaces.ts";

/** A machine, or a namespace of this one. */
export interface Place {
  readonly name: string;
  /** Where the other end reaches it. */
  readonly address: string;
  /** The program with its arguments that runs a shell script there. */
  readonly shell: (script: string) => readonly string[];
  /** What starts punktfunk there, as words for a shell. */
  readonly command: string;
  /** Where it is reached by ssh, as for ssh; null = it is this machine. */
  readonly destination: string | null;
}

/** Loss on the way to a place: packets from this UDP port, in percent. */
export interface Loss {
  readonly fromPort: number;
  readonly percent: number;
}

export interface Program extends AsyncDisposable {
  /** Its standard output line by line. */
  readonly lines: AsyncGenerator<string, void>;
  /** Exit status, when it has ended. */
  readonly ended: Promise<number>;
  /** What it said on standard error last. */
  lastWords(): string;
  /** Asks it to end; it is gone when `ended` resolves. */
  stop(): void;
}

/** Exit status of our shell when the rules for loss can't be set. */
const noLossStatus = 97;
const wordsMax = 2000;

/** A word that a POSIX shell takes as it is. */
export const quote = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

/** Starts punktfunk with these arguments at a place, in a fresh folder of state. */
export function startPunktfunk(place: Place, args: readonly string[], loss?: Loss): Program {
  return startScript(place, supervised(`${place.command} ${args.map(quote).join(" ")}`, loss));
}

/** Runs a script to its end; its output. Throws when it can't be run or fails. */
export async function ask(place: Place, script: string): Promise<string> {
  await using program = startScript(place, script);
  const lines: string[] = [];
  for await (const line of program.lines) lines.push(line);
  const status = await program.ended;
  if (status !== 0) throw failureAt(place, status, program.lastWords());
  return lines.join("\n");
}

/** Why a program at a place ended as it did. */
export function failureAt(place: Place, status: number, words: string): PfError {
  const said = words === "" ? `It ended with status ${status}.` : words.replace(/[^.!?]$/, "$&.");
  if (place.destination !== null && status === 255) {
    return new PfError("PF_HOST_UNREACHABLE", `ssh does not reach ${place.name}: ${said}`, {
      hint: `This has to work without a question: ssh -o BatchMode=yes ${place.destination} true.`,
    });
  }
  if (status === 127) {
    return new PfError("PF_HOST_REFUSED", `${place.name} has no such command: ${said}`, {
      hint: "Say by --command how punktfunk is started there.",
    });
  }
  if (status === noLossStatus) {
    return new PfError("PF_HOST_REFUSED", `${place.name} can't lose packets: ${said}`, {
      hint: "That takes nftables there, and root or a sudo that does not ask; or leave out --loss.",
    });
  }
  return new PfError("PF_HOST_REFUSED", `${place.name}: ${said}`);
}

/**
 * The script: a command with its own state folder and loss, that ends when standard input does.
 * The read is the shell's own, so nothing of it is left when the command ends by itself.
 */
function supervised(command: string, loss: Loss | undefined): string {
  return [
    `home=$(mktemp -d "\${TMPDIR:-/tmp}/punktfunk-probe-XXXXXX") || exit 1`,
    `trap 'rm -rf "$home"' EXIT`,
    ...(loss === undefined || loss.percent === 0 ? [] : lossLines(loss)),
    "exec 3<&0",
    `( export PUNKTFUNK_HOME="$home"; exec ${command} ) </dev/null 3<&- &`,
    "child=$!",
    "( while read -r _ <&3; do :; done; kill -TERM $child",
    "  i=0; while [ $i -lt 50 ] && kill -0 $child; do sleep 0.1; i=$((i+1)); done",
    "  kill -KILL $child ) >/dev/null 2>&1 &",
    "watcher=$!",
    "wait $child; status=$?",
    "kill $watcher 2>/dev/null",
    "exit $status",
  ].join("\n");
}

/** Random loss of single packets by the kernel's own filter, in a table of our own. */
function lossLines({ fromPort, percent }: Loss): string[] {
  const rules = [
    "add table inet punktfunk_probe",
    "add chain inet punktfunk_probe input { type filter hook input priority 0 ; }",
    `add rule inet punktfunk_probe input udp sport ${fromPort} ` +
      `numgen random mod 10000 < ${Math.round(percent * 100)} drop`,
  ];
  return [
    // Where it is not in an ordinary user's path.
    "PATH=$PATH:/usr/sbin:/sbin",
    'nft=nft; [ "$(id -u)" = 0 ] || nft="sudo -n nft"',
    // What a machine that lost its power left is gone first.
    "lossless() { $nft delete table inet punktfunk_probe 2>/dev/null; }; lossless",
    `trap 'lossless; rm -rf "$home"' EXIT`,
    ...rules.map((rule) => `$nft ${quote(rule)} || exit ${noLossStatus}`),
  ];
}

function startScript(place: Place, script: string): Program {
  const child = Bun.spawn([...place.shell(script)], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    // A Ctrl-C is ours: we end the programs in order.
    detached: true,
  });
  let words = "";
  const heard = (async () => {
    for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
      words = (words + Bun.stripANSI(chunk)).slice(-wordsMax);
    }
  })();
  const ended = child.exited.then(async (status) => {
    await heard;
    return status;
  });
  const stop = () => void child.stdin.end();
  return {
    lines: linesOf(child.stdout),
    ended,
    lastWords: () => words.trim().split("\n").slice(-4).join(" ").trim(),
    stop,
    [Symbol.asyncDispose]: async () => {
      stop();
      await ended;
    },
  };
}

async function* linesOf(stdout: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of stdout) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}

/** A machine by ssh, which never asks. `ssh` is the program and its options, as words. */
export async function machine(
  destination: string,
  { ssh, command }: { readonly ssh: readonly string[]; readonly command: string },
): Promise<Place> {
  if (destination.startsWith("-") || /[\s\p{Cc}]/u.test(destination) || destination === "") {
    throw new PfError("PF_USAGE", `"${destination}" is not a machine.`, {
      hint: "Write user@host, or a name from ssh's configuration.",
    });
  }
  if (Bun.which(ssh[0] as string) === null) {
    throw new PfError("PF_USAGE", `${ssh[0]} is not installed.`, {
      hint: "Install OpenSSH's client, or measure on this machine: orchestrate local.",
    });
  }
  const patience = ["ConnectTimeout=10", "ServerAliveInterval=5", "ServerAliveCountMax=3"];
  const options = ["BatchMode=yes", ...patience].flatMap((option) => ["-o", option]);
  return {
    name: destination,
    address: await addressOf(destination, ssh),
    // sshd hands one string to the user's own shell, which may be any: sh reads the script.
    shell: (script) => {
      return [...ssh, "-T", ...options, "--", destination, `exec sh -c ${quote(script)}`];
    },
    command,
    destination,
  };
}

/** The name that ssh's own configuration gives a destination. */
async function addressOf(destination: string, ssh: readonly string[]): Promise<string> {
  const child = Bun.spawn([...ssh, "-G", destination], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
  });
  const settings = await new Response(child.stdout).text();
  const plain = destination.slice(destination.lastIndexOf("@") + 1);
  return /^hostname (\S+)$/m.exec(settings)?.[1] ?? plain;
}

/** Two ends on this machine with a cable between them, gone when `body` has ended. */
export async function withLocalPlaces<Result>(
  { command, linkKbps }: { readonly command: string; readonly linkKbps: number | null },
  body: (host: Place, client: Place) => Promise<Result>,
): Promise<Result> {
  const missing = await namespacesMissing();
  if (missing !== undefined) {
    throw new PfError("PF_USAGE", `There can be no measurement on this machine: ${missing}.`, {
      hint: "Run it as root, or between machines: orchestrate HOST CLIENT.",
    });
  }
  return withNamespaces(async (namespaces) => {
    await prepareCable(namespaces, linkKbps);
    const place = (end: "host" | "client"): Place => ({
      name: `${end} namespace`,
      address: namespaces[end].address,
      shell: (script) => [...namespaces[end].prefix, "sh", "-c", script],
      command,
      destination: null,
    });
    return body(place("host"), place("client"));
  });
}

async function prepareCable({ run }: Namespaces, linkKbps: number | null): Promise<void> {
  for (const end of ["host", "client"] as const) {
    // Else the cable carries whole trains of packets, and loss takes trains.
    await run(end, ["ip", "link", "set", "pf0", "gso_max_segs", "1"]);
    if (linkKbps === null) continue;
    // The burst is what the rate carries in a timer's tick of 4 ms, and never less than a packet.
    const burstBytes = Math.max(16_000, Math.ceil((linkKbps * 4) / 8));
    const bucket = ["rate", `${linkKbps}kbit`, "burst", `${burstBytes}b`, "latency", "50ms"];
    await run(end, ["tc", "qdisc", "add", "dev", "pf0", "root", "tbf", ...bucket]);
  }
}
