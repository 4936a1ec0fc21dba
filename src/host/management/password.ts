/** The page's password, as argon2id keeps it. */
import { z } from "zod";
import { readState, statePath, writeState } from "../../base/state.ts";

const fileSchema = z.object({
  version: z.literal(1),
  /** In the form of PHC strings; null = nobody signs in by password. */
  argon2id: z.string().startsWith("$argon2id$").nullable(),
});

export const passwordPath = () => statePath("data", "management-password.json");

/** Tries that wait for their turn: each costs memory and a good part of a second. */
const waitingMax = 4;

export class PasswordStore {
  readonly #path: string;
  #hash: string | null;
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  private constructor(path: string, hash: string | null) {
    this.#path = path;
    this.#hash = hash;
  }

  /** Throws PF_STATE_INVALID. */
  static async open(path = passwordPath()): Promise<PasswordStore> {
    return new PasswordStore(path, (await readState(path, fileSchema))?.argon2id ?? null);
  }

  get isSet(): boolean {
    return this.#hash !== null;
  }

  /** Resolves when it is kept. Throws PF_STATE_INVALID. */
  async set(password: string | null): Promise<void> {
    const argon2id = password === null ? null : await Bun.password.hash(password, "argon2id");
    await writeState(this.#path, { version: 1, argon2id });
    this.#hash = argon2id;
  }

  /** One at a time; undefined: too many wait already. */
  async verify(password: string): Promise<boolean | undefined> {
    const hash = this.#hash;
    if (hash === null) return false;
    if (this.#waiting >= waitingMax) return undefined;
    this.#waiting++;
    const turn = this.#turn.then(() => Bun.password.verify(password, hash, "argon2id"));
    this.#turn = turn.catch(() => false);
    try {
      return await turn;
    } finally {
      this.#waiting--;
    }
  }
}
