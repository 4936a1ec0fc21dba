/** Reads what people type on the command line. Each throws PF_USAGE with what would be right. */
import { isIP } from "node:net";
import { PfError } from "../base/errors.ts";
import { type Kbps, kbps, type Millis, millis, type PerMille, perMille } from "../base/units.ts";
import { plainLine } from "../wire/control.ts";
import { keyboardLayoutPattern } from "../wire/keys.ts";
import { limit } from "../wire/limits.ts";
import { usualPort } from "../wire/ports.ts";
import { checkText } from "../wire/text.ts";

function usage(message: string, hint: string): PfError {
  return new PfError("PF_USAGE", message, { hint });
}

/** `10`, `10s`, `500ms`, `2m`, `1h` as a duration; a bare number counts seconds. */
export function parseDuration(text: string): Millis {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text.trim());
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match?.[2] ?? "s"] as number;
  const value = Number(match?.[1]) * unit;
  if (match === null || value <= 0) {
    throw usage(`"${text}" is not a duration.`, "Write for example 10, 500ms or 2m.");
  }
  return millis(value);
}

/** `50M`, `800k`, `1.5G` as a bitrate; a bare number counts kilobits a second. */
export function parseBitrate(text: string): Kbps {
  const match = /^(\d+(?:\.\d+)?)([kmg])?(?:bps|bit\/s)?$/i.exec(text.trim());
  const unit = { k: 1, m: 1000, g: 1_000_000 }[match?.[2]?.toLowerCase() ?? "k"] as number;
  const value = Math.round(Number(match?.[1]) * unit);
  if (match === null || value <= 0) {
    throw usage(`"${text}" is not a bitrate.`, "Write for example 20M, 800k or 1G.");
  }
  return kbps(value);
}

/** A bitrate within what a speed test may ask for. */
export function parseProbeRate(text: string): Kbps {
  const rate = parseBitrate(text);
  const [low, high] = [limit("probe_kbps_min"), limit("probe_kbps_max")];
  if (rate < low || rate > high) {
    throw usage(`${text} is no rate for a speed test.`, `Write ${low}k to ${high / 1e6}G.`);
  }
  return rate;
}

/** A rate to test at: what no host sends becomes the most that one may. */
export function parseTestRate(text: string): Kbps {
  const rate = parseBitrate(text);
  const low = limit("probe_kbps_min");
  if (rate < low) throw usage(`${text} is too low for a speed test.`, `Write at least ${low}k.`);
  return kbps(Math.min(rate, 0xffff_ffff));
}

/** How long a burst of a speed test is. */
export function parseBurstDuration(text: string): Millis {
  const [low, high] = [limit("probe_duration_ms_min"), limit("probe_duration_ms_max")];
  const match = /^(\d+(?:\.\d+)?)(ms|s)?$/.exec(text.trim());
  const value = Math.round(Number(match?.[1]) * (match?.[2] === "ms" ? 1 : 1000));
  if (match === null || value < low || value > high) {
    throw usage(`"${text}" is not a length for a burst.`, `Write ${low}ms to ${high / 1000}s.`);
  }
  return millis(value);
}

/** An IP address of this machine to listen at. */
export function parseOwnAddress(text: string): string {
  const address = text.trim().replace(/^\[(.*)\]$/, "$1");
  if (isIP(address) === 0) {
    throw usage(
      `"${text}" is not an IP address.`,
      "Write for example 127.0.0.1, ::1 or 192.0.2.7.",
    );
  }
  return address;
}

/** A UDP or TCP port, 0 (any free one) to 65535. */
export function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text.trim()) || port > 65_535) {
    throw usage(`"${text}" is not a port.`, "Write a number from 0 (any free one) to 65535.");
  }
  return port;
}

/** `auto` (null: parity adapts), or a share in percent that stays, within the protocol's limits. */
export function parseFec(text: string): PerMille | null {
  if (text.trim() === "auto") return null;
  const share = Math.round(Number(text.trim().replace(/%$/, "")) * 10);
  const [low, high] = [limit("parity_permille_min"), limit("parity_permille_max")];
  if (!Number.isFinite(share) || text.trim() === "" || share < low || share > high) {
    throw usage(
      `"${text}" is not a share of parity.`,
      `Write auto, or ${low / 10} to ${high / 10} percent.`,
    );
  }
  return perMille(share);
}

/** A whole number within bounds. */
export function parseCount(text: string, what: string, low: number, high: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text.trim()) || value < low || value > high) {
    throw usage(`"${text}" is not a number for ${what}.`, `Write ${low} to ${high}.`);
  }
  return value;
}

export interface HostAddress {
  readonly host: string;
  /** undefined = none was given. */
  readonly port: number | undefined;
}

/**
 * `HOST`, `HOST:PORT`, `[IPv6]`, `[IPv6]:PORT` or a bare IPv6 address. The name of a host that was
 * found in the network may hold blanks.
 */
export function parseHost(text: string): HostAddress {
  const trimmed = text.trim();
  const match =
    /^\[([0-9a-fA-F:.%\w]+)\](?::(\d{1,5}))?$/.exec(trimmed) ??
    /^([^:\p{Cc}]+)(?::(\d{1,5}))?$/u.exec(trimmed) ??
    /^([0-9a-fA-F:]+(?:%\w+)?)$/.exec(trimmed);
  const host = match?.[1];
  if (host === undefined) {
    throw usage(`"${text}" is not a host.`, "Write NAME, ADDRESS, NAME:PORT or [IPv6]:PORT.");
  }
  const port = match?.[2] === undefined ? undefined : parsePort(match[2]);
  if (port === 0) throw usage("A host's port can't be 0.", `The usual one is ${usualPort}.`);
  return { host, port };
}

/** One of a fixed set of words. */
export function parseChoice<Choice extends string>(
  text: string,
  what: string,
  choices: readonly Choice[],
): Choice {
  const found = choices.find((choice) => choice === text);
  if (found === undefined) {
    throw usage(`"${text}" is not a ${what}.`, `Choose one of ${choices.join(", ")}.`);
  }
  return found;
}

/** A text to type, with plain line ends; undefined for none. */
export function parseTypedText(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const checked = checkText(text);
  if (!checked.ok) throw usage(checked.why, "Control characters but tab and line end are refused.");
  return checked.text;
}

/** A keyboard layout's name, or undefined for none. */
export function parseKeyboardLayout(text: string | undefined): string | undefined {
  if (text === undefined || keyboardLayoutPattern.test(text)) return text;
  throw usage(`"${text}" is not a keyboard layout.`, "Write for example us, de or us(dvorak).");
}

/** What hosts are to call this device: one printable line. */
export function parseDeviceName(text: string): string {
  const name = plainLine(text.replace(/\s+/gu, " ")).trim();
  const bytesMax = limit("device_name_bytes_max");
  if (name === "" || Buffer.byteLength(name) > bytesMax) {
    const why = name === "" ? "holds nothing that can be shown" : "is too long";
    throw usage(`The device's name ${why}.`, `Write up to ${bytesMax} bytes in one line.`);
  }
  return name;
}

/** A word as a shell takes it for one. */
export const shellWord = (word: string): string =>
  /^[\w.:%-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
