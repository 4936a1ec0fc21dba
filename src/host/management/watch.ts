/** What watchers are told, and when: on opening the state of everything, then what has changed. */
import type { EventName, EventOf } from "../../wire/management.ts";
import type { Watcher } from "./event-stream.ts";
import { type Parts, statusOf } from "./handlers.ts";
import type { Topic } from "./managed.ts";

type State = Exclude<EventName, "speedTest" | "log">;

const affected: Readonly<Record<Topic, readonly State[]>> = {
  sessions: ["status", "sessions"],
  devices: ["status", "devices", "sessions"],
  pending: ["status", "pending"],
  pairing: ["pairing"],
  settings: ["settings"],
};

/** Everybody who watches. */
export class Watchers {
  readonly #parts: Parts;
  readonly #watchers = new Set<Watcher>();
  readonly #stops: (() => void)[];
  /** States that have changed and are not told yet: many changes at once are told once. */
  readonly #due = new Set<State>();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#stops = [
      parts.host.subscribe((topic) => this.#changed(affected[topic])),
      parts.tests.subscribe((test) => this.#tell("speedTest", test)),
      parts.logs.subscribe((line) => this.#tell("log", line)),
    ];
  }

  get count(): number {
    return this.#watchers.size;
  }

  /** Returns what to call when the watcher is gone. */
  add(watcher: Watcher): () => void {
    for (const name of stateNames) watcher.send(name, this.#stateOf(name));
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** A second of figures is over. */
  tick(): void {
    this.#changed(["sessions"]);
  }

  close(): void {
    for (const stop of this.#stops) stop();
    for (const watcher of this.#watchers) watcher.close();
  }

  #changed(names: readonly State[]): void {
    if (this.#watchers.size === 0) return;
    if (this.#due.size === 0) queueMicrotask(() => this.#flush());
    for (const name of names) this.#due.add(name);
  }

  #flush(): void {
    const names = [...this.#due];
    this.#due.clear();
    for (const name of names) this.#tell(name, this.#stateOf(name));
  }

  #tell<Name extends EventName>(name: Name, data: EventOf<Name>): void {
    for (const watcher of this.#watchers) watcher.send(name, data);
  }

  #stateOf<Name extends State>(name: Name): EventOf<Name> {
    return (states[name] as (parts: Parts) => EventOf<Name>)(this.#parts);
  }
}

const states: { readonly [Name in State]: (parts: Parts) => EventOf<Name> } = {
  status: statusOf,
  sessions: ({ sampler }) => ({ sessions: sampler.sessions() }),
  devices: ({ host }) => ({ devices: [...host.trust.devices()] }),
  pending: ({ host }) => ({ pending: [...host.trust.pending()] }),
  pairing: ({ host }) => host.trust.pairing(),
  settings: ({ host }) => host.settings(),
};
const stateNames = Object.keys(states) as State[];
