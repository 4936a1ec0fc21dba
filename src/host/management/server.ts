/** The management API's server: HTTPS on the host's certificate, on loopback unless told otherwise. */
import type { KeyObject } from "node:crypto";
import { rm } from "node:fs/promises";
import { z } from "zod";
import { PfError } from "../../base/errors.ts";
import { readState, statePath, writeState } from "../../base/state.ts";
import { type ApiOptions, makeApi } from "./api.ts";
import { bodyBytesMax } from "./body.ts";
import type { LogRing } from "./log-ring.ts";
import type { ManagedHost } from "./managed.ts";
import { PasswordStore } from "./password.ts";
import { Sampler } from "./sampler.ts";
import { SignIn } from "./sign-in.ts";
import { SpeedTests } from "./speed-tests.ts";
import { loadToken } from "./token.ts";
import { Watchers } from "./watch.ts";

export interface ManagementOptions {
  readonly host: ManagedHost;
  readonly certificatePem: string;
  readonly privateKey: KeyObject;
  readonly fingerprint: string;
  /** Where to listen; undefined = loopback only. */
  readonly address: string | undefined;
  /** TCP port; 0 = any free one. */
  readonly port: number;
  readonly assets: ApiOptions["assets"];
  readonly logs: LogRing;
}

export interface Management {
  readonly port: number;
  close(): Promise<void>;
}

/** Seconds for which a connection may be silent. */
const idleSeconds = 10;

const placeSchema = z.object({
  version: z.literal(1),
  /** Of the API on this machine. */
  address: z.string(),
  port: z.int().min(1).max(65_535),
  pid: z.int().min(1),
});
export type ManagementPlace = z.output<typeof placeSchema>;

/** Where a host that runs tells where its API is. */
export const placePath = () => statePath("data", "management.json");

/** Where this user's host has its API; undefined = none runs, or it was killed long ago. */
export async function readPlace(path = placePath()): Promise<ManagementPlace | undefined> {
  return readState(path, placeSchema);
}

/** Throws PF_PORT_TAKEN, PF_STATE_INVALID. */
export async function startManagement(options: ManagementOptions): Promise<Management> {
  const { host, fingerprint, address, logs, assets } = options;
  const token = await loadToken();
  const password = await PasswordStore.open();
  const signIn = new SignIn({ token, password, trust: host.trust, fingerprint });
  const tests = new SpeedTests(host);
  let port = 0;
  const sampler = new Sampler(host, () => watchers.tick());
  const parts = { host, sampler, tests, logs, signIn, port: () => port };
  const watchers: Watchers = new Watchers(parts);
  const app = makeApi({
    parts,
    watchers,
    assets,
    bound: address === undefined ? [] : [address.toLowerCase()],
    onError: (error) => {
      const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
      logs.push("error", `The management API failed: ${words}`);
    },
  });
  const closeParts = () => {
    watchers.close();
    tests.close();
    sampler.close();
  };
  try {
    const servers = listen(options, (request, server) => app.fetch(request, server));
    port = servers[0]?.port ?? 0;
    const place = { address: reachableAt(address), port, pid: process.pid };
    await writeState(placePath(), { version: 1, ...place });
    return {
      port,
      close: async () => {
        closeParts();
        await Promise.all(servers.map((server) => server.stop(true)));
        const now = await readPlace().catch(() => undefined);
        if (now?.pid === process.pid && now.port === port) await rm(placePath(), { force: true });
      },
    };
  } catch (error) {
    closeParts();
    throw error;
  }
}

type Fetch = (request: Request, server: Bun.Server<undefined>) => Response | Promise<Response>;

/** Loopback has two addresses, of which a machine may lack the second. */
function listen(options: ManagementOptions, fetch: Fetch): Bun.Server<undefined>[] {
  const { address, certificatePem, privateKey } = options;
  const open = (hostname: string, port: number) =>
    Bun.serve({
      hostname,
      port,
      fetch,
      idleTimeout: idleSeconds,
      maxRequestBodySize: 2 * bodyBytesMax,
      development: false,
      tls: {
        cert: certificatePem,
        key: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
      },
    });
  let first: Bun.Server<undefined>;
  try {
    first = open(address ?? "127.0.0.1", options.port);
  } catch (error) {
    const where = `${address ?? "127.0.0.1"}, TCP port ${options.port}`;
    throw new PfError("PF_PORT_TAKEN", `The management API can't listen at ${where}.`, {
      hint: "Another program has the port: choose one by --mgmt-port, 0 takes any free one.",
      cause: error,
    });
  }
  if (address !== undefined) return [first];
  try {
    return [first, open("::1", first.port as number)];
  } catch {
    return [first];
  }
}

/** The address by which this machine reaches what listens at `address`. */
function reachableAt(address: string | undefined): string {
  if (address === undefined || address === "0.0.0.0") return "127.0.0.1";
  return address === "::" ? "::1" : address;
}
