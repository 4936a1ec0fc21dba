/**
 * The operator's console as files that a server hands out: built once in memory from page/, all of
 * it from this host. The page needs no more than the policy `default-src 'self'`.
 */
import { createHash } from "node:crypto";

export interface Asset {
  readonly body: Uint8Array<ArrayBuffer> | string;
  /** For the header Content-Type. */
  readonly type: string;
  /** For the header ETag, with its quotation marks: a hash of the body. */
  readonly etag: string;
}

/** The most script that the page may load, in bytes before compression. */
export const scriptBytesMax = 100_000;

let built: Promise<ReadonlyMap<string, Asset>> | undefined;

/**
 * Files by their path below the root; the page itself is "/". Throws what the bundler says; a
 * build that failed is tried again by the next call.
 */
export function consoleAssets(): Promise<ReadonlyMap<string, Asset>> {
  built ??= build().catch((error: unknown) => {
    built = undefined;
    throw error;
  });
  return built;
}

async function build(): Promise<ReadonlyMap<string, Asset>> {
  const [script, style, page, icon] = await Promise.all([
    bundle("main.ts"),
    bundle("style.css"),
    read("index.html"),
    read("icon.svg"),
  ]);
  return new Map([
    ["/", asset(page, "text/html; charset=utf-8")],
    ["/console.js", asset(script, "text/javascript; charset=utf-8")],
    ["/console.css", asset(style, "text/css; charset=utf-8")],
    ["/icon.svg", asset(icon, "image/svg+xml")],
  ]);
}

const pathOf = (name: string) => new URL(`page/${name}`, import.meta.url).pathname;
const read = (name: string) => Bun.file(pathOf(name)).text();

async function bundle(name: string): Promise<string> {
  const { outputs } = await Bun.build({
    entrypoints: [pathOf(name)],
    target: "browser",
    format: "esm",
    minify: true,
  });
  const [output] = outputs;
  if (output === undefined || outputs.length > 1) {
    throw new Error(`${name} became ${outputs.length} files instead of one`);
  }
  return output.text();
}

function asset(body: string, type: string): Asset {
  const digest = createHash("sha256").update(body).digest("base64url").slice(0, 22);
  return { body, type, etag: `"${digest}"` };
}
