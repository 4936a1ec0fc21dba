/**
 * Who asks: the owner by the token, a manager by the cookie that the password gave, or a paired
 * device by the token that its key gave. Nothing of this outlives the host program but the owner's
 * token and the password's hash.
 */
import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  randomBytes,
  randomUUID,
  verify,
} from "node:crypto";
import type { Secret } from "../../base/secret.ts";
import {
  type BodyOf,
  type Challenge,
  type Grant,
  managementStatement,
  type Role,
  type SignedIn,
} from "../../wire/management.ts";
import { allows } from "../../wire/pairing/level.ts";
import { ApiFailure } from "./failure.ts";
import { afterFailure, afterSuccess, initialLockout, waitMs } from "./lockout.ts";
import type { ManagedTrust } from "./managed.ts";
import type { PasswordStore } from "./password.ts";
import { digestOf, isSameDigest, makeToken } from "./token.ts";

/** `__Host-`: only over TLS, only from this host, for all of its paths. */
export const cookieName = "__Host-punktfunk";

export interface Identity {
  readonly role: Role;
  readonly by: NonNullable<SignedIn["by"]>;
}

export interface Credentials {
  /** Of the Authorization header, without the scheme. */
  readonly bearer: string | undefined;
  readonly cookie: string | undefined;
}

export interface SignInOptions {
  readonly token: Secret<string>;
  readonly password: PasswordStore;
  readonly trust: Pick<ManagedTrust, "paired">;
  /** Of the host's certificate, 64 hex digits. */
  readonly fingerprint: string;
}

const cookieMs = 12 * 3_600_000;
const grantMs = 3_600_000;
const challengeMs = 60_000;
/** Of each kind at once; the oldest makes place. */
const challengesMax = 64;
const grantsMax = 256;

interface Granted {
  readonly publicKey: Uint8Array;
  readonly expiresMs: number;
}

export class SignIn {
  readonly #options: SignInOptions;
  readonly #ownerDigest: Buffer;
  /** When each nonce ends. */
  readonly #challenges = new Map<string, number>();
  /** By the token's digest. */
  readonly #grants = new Map<string, Granted>();
  /** Cookies that were given back before their time, and when that is. */
  readonly #signedOut = new Map<string, number>();
  /** Seals cookies; a new one makes all of them void. */
  #cookieKey = randomBytes(32);
  #lockout = initialLockout;

  constructor(options: SignInOptions) {
    this.#options = options;
    this.#ownerDigest = digestOf(options.token.reveal());
  }

  get isPasswordSet(): boolean {
    return this.#options.password.isSet;
  }

  /** undefined: nobody who may ask. A bearer token that is not valid is not made good by a cookie. */
  identify({ bearer, cookie }: Credentials): Identity | undefined {
    if (bearer !== undefined) return this.#ofBearer(bearer);
    if (cookie === undefined || this.#unseal(cookie) === undefined) return undefined;
    return { role: "manager", by: "password" };
  }

  /** The cookie's value of who knows the password. Throws the failure. */
  async byPassword(password: string, address: string): Promise<string> {
    if (!this.isPasswordSet) {
      const words = "No password was set. Set one on the host: punktfunk host password.";
      throw new ApiFailure("password-unset", words);
    }
    this.#expectUnlocked(address);
    const isRight = await this.#options.password.verify(password);
    if (isRight === undefined) {
      throw new ApiFailure("too-many", "Too many sign in at once. Try again in a moment.", 2);
    }
    // Many tries at once are as many tries one after another.
    this.#expectUnlocked(address);
    this.#note(address, isRight);
    if (!isRight) throw new ApiFailure("wrong-password", "The password is not right.");
    return this.#seal({ id: randomUUID(), expiresMs: Date.now() + cookieMs });
  }

  signOut(cookie: string): void {
    const login = this.#unseal(cookie);
    if (login === undefined) return;
    const now = Date.now();
    for (const [id, ends] of this.#signedOut) if (ends <= now) this.#signedOut.delete(id);
    this.#signedOut.set(login.id, login.expiresMs);
  }

  /** null = nobody signs in by password. Whoever did so is out. */
  async setPassword(password: string | null): Promise<void> {
    await this.#options.password.set(password);
    this.#cookieKey = randomBytes(32);
    this.#signedOut.clear();
  }

  challenge(): Challenge {
    const nonce = makeToken();
    const expiresMs = Date.now() + challengeMs;
    keep(this.#challenges, nonce, expiresMs, challengesMax);
    return { nonce, expiresAt: new Date(expiresMs).toISOString() };
  }

  /** A token of a paired device that may manage. Throws the failure. */
  byDevice(proof: BodyOf<"deviceLogin">, address: string): Grant {
    this.#expectUnlocked(address);
    const { nonce, publicKey, signature } = proof;
    const ends = this.#challenges.get(nonce);
    this.#challenges.delete(nonce);
    const key = Uint8Array.from(Buffer.from(publicKey, "base64url"));
    const isProven =
      ends !== undefined && Date.now() < ends && this.#isSigned(nonce, publicKey, signature);
    const device = isProven ? this.#options.trust.paired(key) : undefined;
    this.#note(address, device !== undefined);
    if (device === undefined) {
      throw new ApiFailure("wrong-password", "This device is not paired, or could not prove it.");
    }
    if (!allows(device.level, "manage")) {
      throw new ApiFailure("forbidden", "This device may not manage the host.");
    }
    const token = makeToken();
    const expiresMs = Date.now() + grantMs;
    keep(this.#grants, digestOf(token).toString("hex"), { publicKey: key, expiresMs }, grantsMax);
    return { token, role: "manager", expiresAt: new Date(expiresMs).toISOString() };
  }

  #ofBearer(bearer: string): Identity | undefined {
    const digest = digestOf(bearer);
    if (isSameDigest(digest, this.#ownerDigest)) return { role: "owner", by: "token" };
    const granted = this.#grants.get(digest.toString("hex"));
    if (granted === undefined || Date.now() >= granted.expiresMs) return undefined;
    // Asked each time: a device that was revoked a moment ago is out.
    const device = this.#options.trust.paired(granted.publicKey);
    return allows(device?.level, "manage") ? { role: "manager", by: "device" } : undefined;
  }

  #isSigned(nonce: string, publicKey: string, signature: string): boolean {
    const { fingerprint } = this.#options;
    try {
      const jwk = { kty: "OKP", crv: "Ed25519", x: publicKey };
      const key = createPublicKey({ key: jwk, format: "jwk" });
      const statement = managementStatement({ fingerprint, nonce });
      return verify(null, statement, key, Buffer.from(signature, "base64url"));
    } catch {
      return false;
    }
  }

  #expectUnlocked(address: string): void {
    const wait = waitMs(this.#lockout, address, performance.now());
    if (wait === 0) return;
    const seconds = Math.ceil(wait / 1000);
    const words = `There were too many attempts. Try again in ${seconds} s.`;
    throw new ApiFailure("locked-out", words, seconds);
  }

  #note(address: string, isRight: boolean): void {
    this.#lockout = isRight
      ? afterSuccess(this.#lockout, address)
      : afterFailure(this.#lockout, address, performance.now());
  }

  #seal(login: Login): string {
    const iv = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", this.#cookieKey, iv);
    const sealed = [cipher.update(JSON.stringify(login), "utf8"), cipher.final()];
    return Buffer.concat([iv, ...sealed, cipher.getAuthTag()]).toString("base64url");
  }

  /** undefined: not of this host, or its time is over. */
  #unseal(cookie: string): Login | undefined {
    const bytes = Buffer.from(cookie, "base64url");
    if (bytes.length < 29 || bytes.length > 256) return undefined;
    try {
      const cipher = createDecipheriv("aes-256-gcm", this.#cookieKey, bytes.subarray(0, 12));
      cipher.setAuthTag(bytes.subarray(-16));
      const text = Buffer.concat([cipher.update(bytes.subarray(12, -16)), cipher.final()]);
      const login = JSON.parse(text.toString()) as Login;
      if (Date.now() >= login.expiresMs || this.#signedOut.has(login.id)) return undefined;
      return login;
    } catch {
      return undefined;
    }
  }
}

interface Login {
  readonly id: string;
  readonly expiresMs: number;
}

function keep<Value>(map: Map<string, Value>, key: string, value: Value, most: number): void {
  map.set(key, value);
  for (const [oldest] of map) {
    if (map.size <= most) return;
    map.delete(oldest);
  }
}
