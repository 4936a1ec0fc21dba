/** What every request has to pass before anybody asks who sent it. */
import { hostname, networkInterfaces } from "node:os";
import { csrfHeader } from "../../wire/management.ts";
import { ApiFailure } from "./failure.ts";

const safeMethods: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * A page of another name that resolves to this machine (DNS rebinding) names itself in Host; a page
 * of another site in Origin or Sec-Fetch-Site. Throws the failure.
 */
export function expectOwnSite(request: Request, bound: readonly string[]): void {
  const host = request.headers.get("host") ?? "";
  if (!isOwnName(hostOf(host), bound)) {
    throw new ApiFailure("cross-site", "This host is not called so. Use its name or its address.");
  }
  const origin = request.headers.get("origin");
  const site = request.headers.get("sec-fetch-site") ?? "none";
  // A link on another site's page may lead here: the cookie does not come with it.
  if (request.method === "GET" && request.headers.get("sec-fetch-mode") === "navigate") return;
  const isOwn =
    (origin === null || origin === `https://${host}`) &&
    (site === "none" || site === "same-origin");
  if (!isOwn && !(safeMethods.has(request.method) && origin === null && site !== "cross-site")) {
    throw new ApiFailure("cross-site", "The request comes from another site's page.");
  }
}

/** A cookie is sent by the browser, whoever wrote the page; this header only by our own page. */
export function expectOwnPage(request: Request): void {
  if (safeMethods.has(request.method) || request.headers.get(csrfHeader) !== null) return;
  throw new ApiFailure("cross-site", `The header ${csrfHeader} is missing.`);
}

/** The name in a Host header, without its port. */
function hostOf(header: string): string {
  const literal = /^\[([0-9a-f:.]+)\](?::\d+)?$/i.exec(header)?.[1];
  return (literal ?? header.replace(/:\d+$/, "")).toLowerCase();
}

function isOwnName(name: string, bound: readonly string[]): boolean {
  const own = hostname().toLowerCase();
  const names = ["localhost", "127.0.0.1", "::1", own, `${own}.local`, ...bound];
  if (names.includes(name)) return true;
  return Object.values(networkInterfaces())
    .flat()
    .some((each) => each?.address.toLowerCase() === name);
}
