/** What each resource of the API does, once it is known who asks and that the request is right. */

import { openapi } from "../../wire/management/openapi.ts";
import type { AnswerOf, BodyOf, QueryOf, RouteName, Status } from "../../wire/management.ts";
import { ApiFailure, notFound } from "./failure.ts";
import type { LogRing } from "./log-ring.ts";
import type { ManagedHost } from "./managed.ts";
import type { Sampler } from "./sampler.ts";
import type { Identity, SignIn } from "./sign-in.ts";
import type { SpeedTests } from "./speed-tests.ts";

export interface Parts {
  readonly host: ManagedHost;
  readonly sampler: Sampler;
  readonly tests: SpeedTests;
  readonly logs: LogRing;
  readonly signIn: SignIn;
  /** The port where this is served. */
  readonly port: () => number;
}

/** A request that has passed all checks. */
export interface Asked<Name extends RouteName> {
  readonly id: string;
  readonly body: BodyOf<Name>;
  readonly query: QueryOf<Name>;
  readonly identity: Identity | undefined;
  readonly address: string;
  readonly cookie: string | undefined;
  /** Sets the cookie (null takes it away) with the answer. */
  readonly setCookie: (value: string | null) => void;
}

/** Those that answer with a stream of events are in api.ts. */
type Plain = Exclude<RouteName, "events" | "speedTestEvents">;
type Answer<Name extends RouteName> = AnswerOf<Name>;

export type Handlers = {
  readonly [Name in Plain]: (asked: Asked<Name>) => Answer<Name> | Promise<Answer<Name>>;
};

export function statusOf({ host, port }: Parts): Status {
  return {
    ...host.status(),
    managementPort: port(),
    sessions: host.sessions().length,
    devices: host.trust.devices().length,
    pending: host.trust.pending().length,
  };
}

export const numberOf = (id: string): number => (/^\d{1,10}$/.test(id) ? Number(id) : 0);

const found = <Thing>(thing: Thing | undefined, what: string): Thing => {
  if (thing === undefined) throw notFound(what);
  return thing;
};
const expectFound = (isThere: boolean, what: string): undefined => {
  if (!isThere) throw notFound(what);
  return undefined;
};

const notYet = "The session has not streamed for two seconds yet: ask again soon.";
const noDevice = "such device";
const noPending = "device of this id that waits";

export function handlersOf(parts: Parts): Handlers {
  const { host, sampler, tests, logs, signIn } = parts;
  const { trust } = host;
  const signedIn = (identity: Identity | undefined) => ({
    role: identity?.role ?? null,
    by: identity?.by ?? null,
    passwordSet: signIn.isPasswordSet,
  });
  return {
    status: () => statusOf(parts),
    sessions: () => ({ sessions: sampler.sessions() }),
    why: ({ id }) => {
      const why = found(sampler.why(numberOf(id)), "such session");
      if (why === null) throw new ApiFailure("conflict", notYet);
      return why;
    },
    kick: ({ id }) => expectFound(host.kick(numberOf(id)), "such session"),
    devices: () => ({ devices: [...trust.devices()] }),
    changeDevice: async ({ id, body }) => found(await trust.changeDevice(id, body), noDevice),
    revoke: async ({ id }) => expectFound(await trust.revoke(id), noDevice),
    pending: () => ({ pending: [...trust.pending()] }),
    approve: async ({ id, body }) => found(await trust.approve(id, body), noPending),
    deny: ({ id }) => expectFound(trust.deny(id), noPending),
    pairing: () => trust.pairing(),
    arm: ({ body }) => trust.arm(body),
    disarm: () => {
      trust.disarm();
      return undefined;
    },
    displays: async () => ({ displays: [...(await host.displays())] }),
    settings: () => host.settings(),
    changeSettings: ({ body }) => host.changeSettings(body),
    startSpeedTest: ({ body }) => tests.start(body),
    speedTest: ({ id }) => tests.get(numberOf(id)),
    stopSpeedTest: ({ id }) => {
      tests.stop(numberOf(id));
      return undefined;
    },
    logs: ({ query }) => ({ lines: [...logs.after(query.after, query.limit)] }),
    signedIn: ({ identity }) => signedIn(identity),
    login: async ({ body, address, setCookie }) => {
      setCookie(await signIn.byPassword(body.password, address));
      return signedIn({ role: "manager", by: "password" });
    },
    logout: ({ cookie, setCookie }) => {
      if (cookie !== undefined) signIn.signOut(cookie);
      setCookie(null);
      return undefined;
    },
    challenge: () => signIn.challenge(),
    deviceLogin: ({ body, address }) => signIn.byDevice(body, address),
    setPassword: async ({ body }) => {
      await signIn.setPassword(body.password);
      return undefined;
    },
    removePassword: async () => {
      if (!signIn.isPasswordSet) throw new ApiFailure("not-found", "No password is set.");
      await signIn.setPassword(null);
      return undefined;
    },
    openapi: () => openapi(),
  };
}
