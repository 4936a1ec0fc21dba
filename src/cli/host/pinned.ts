/**
 * HTTPS to a host whose certificate is known by its fingerprint. A connection looks at the
 * certificate first and says nothing; requests then trust that one certificate alone, so whoever
 * answers in between gets no request, and with it no token.
 */
import { X509Certificate } from "node:crypto";
import { isIPv6 } from "node:net";
import { connect, type DetailedPeerCertificate } from "node:tls";
import { PfError } from "../../base/errors.ts";
import { fingerprintOf } from "../../wire/fingerprint.ts";

export interface Place {
  readonly address: string;
  /** TCP. */
  readonly port: number;
}

/** The certificate that a place shows. */
export interface ShownCertificate {
  readonly pem: string;
  readonly fingerprint: string;
}

/** A LAN answers in milliseconds; a host that is busy may need a second. */
const handshakeMsMax = 5000;

/** Nobody listens at the place, or what listens there speaks no TLS. */
export class NobodyThere extends Error {
  override readonly name = "NobodyThere";
}

/** Asks for the certificate and closes. Throws NobodyThere. */
export async function lookAtCertificate(
  place: Place,
  signal: AbortSignal,
): Promise<ShownCertificate> {
  const { promise, resolve, reject } = Promise.withResolvers<DetailedPeerCertificate>();
  // Whether it is the right one is decided by its fingerprint, before anything is sent.
  const socket = connect({ host: place.address, port: place.port, rejectUnauthorized: false });
  const giveUp = (why: string) => reject(new NobodyThere(why));
  const timer = setTimeout(() => giveUp("no answer in time"), handshakeMsMax);
  const onAbort = () => reject(new PfError("PF_INTERRUPTED", "The connecting was given up."));
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  socket.once("secureConnect", () => resolve(socket.getPeerCertificate(true)));
  socket.once("error", (error) => giveUp(error.message));
  socket.once("close", () => giveUp("the connection was closed"));
  try {
    const { raw } = await promise;
    if (raw === undefined) throw new NobodyThere("no certificate was shown");
    return { pem: new X509Certificate(raw).toString(), fingerprint: fingerprintOf(raw) };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    socket.on("error", () => {});
    socket.destroy();
  }
}

/** One request of the certificate's owner. */
export type PinnedFetch = (path: string, request: RequestInit) => Promise<Response>;

/** Requests to the place that showed this certificate; any other ends them before they are sent. */
export function pinnedFetch(place: Place, certificate: ShownCertificate): PinnedFetch {
  // A proxy that the environment names is for the internet, not for a host in this network.
  process.env["NO_PROXY"] = "*";
  process.env["no_proxy"] = "*";
  const { address, port } = place;
  const origin = `https://${isIPv6(address) ? `[${address}]` : address}:${port}`;
  const tls = {
    ca: certificate.pem,
    rejectUnauthorized: true,
    // The name in the certificate is the same for all hosts; what counts is that it is this one.
    checkServerIdentity: (_name: string, shown: { readonly raw?: Uint8Array }) =>
      shown.raw !== undefined && fingerprintOf(shown.raw) === certificate.fingerprint
        ? undefined
        : new Error("another certificate"),
  };
  return (path, request) =>
    fetch(`${origin}${path}`, { ...request, redirect: "error", tls } as RequestInit);
}
