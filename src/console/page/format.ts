/** Figures and times as people read them. A figure that was not measured is a dash, never 0. */

export const unmeasured = "–";

type Figure = number | null | undefined;

/** "60", "59.9", "–". */
export function rate(value: Figure): string {
  return value == null ? unmeasured : trimmed(value, 1);
}

/** "812 kbps", "20 Mbps", "1.2 Gbps". */
export function bitrate(kbps: Figure): string {
  if (kbps == null) return unmeasured;
  if (kbps < 999.5) return `${Math.round(kbps)} kbps`;
  if (kbps < 999_500) return `${precise(kbps / 1000)} Mbps`;
  return `${precise(kbps / 1_000_000)} Gbps`;
}

/** "850 µs", "4.2 ms", "120 ms". */
export function latency(us: Figure): string {
  if (us == null) return unmeasured;
  if (us < 999.5) return `${Math.round(us)} µs`;
  return `${precise(us / 1000)} ms`;
}

/** "0%", "0.02%", "12%". */
export function percent(value: Figure): string {
  if (value == null) return unmeasured;
  if (value > 0 && value < 0.01) return "<0.01%";
  return `${trimmed(value, value < 10 ? 2 : 1)}%`;
}

/** "3.1 GB". */
export function bytes(count: Figure): string {
  if (count == null) return unmeasured;
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : precise(value)} ${units[unit]}`;
}

/** "12,345". */
export const count = (value: Figure): string =>
  value == null ? unmeasured : value.toLocaleString("en");

/** "1:43" of milliseconds; the last second is 0:01 until it is over. */
export function countdown(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** "12 s", "5 min", "3 h", "2 days". */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} days`;
}

const moments = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const clocks = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

/** "23 Nov 2026, 11:30", in the reader's own time zone. */
export const moment = (iso: string | null): string =>
  iso === null ? unmeasured : moments.format(new Date(iso));

/** "11:30:05". */
export const clock = (iso: string): string => clocks.format(new Date(iso));

/** A fingerprint in groups of four digits, as both ends show it. */
export const grouped = (fingerprint: string): string =>
  fingerprint.match(/.{1,4}/g)?.join(" ") ?? "";

/** "1 device", "2 devices". */
export const plural = (number: number, noun: string): string =>
  `${count(number)} ${noun}${number === 1 ? "" : "s"}`;

/** Three digits that count: "1.25", "12.5", "125". */
function precise(value: number): string {
  return trimmed(value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
}

/** Without noughts at its end. */
function trimmed(value: number, digits: number): string {
  return Number(value.toFixed(digits)).toString();
}
