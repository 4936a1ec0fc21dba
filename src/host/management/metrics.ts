/** Figures of the host for Prometheus, in its text format 0.0.4. */
import type { Session, Status } from "../../wire/management.ts";

type Kind = "gauge" | "counter";
type Labels = Readonly<Record<string, string | number>>;

class Page {
  #text = "";

  family(name: string, kind: Kind, help: string, values: readonly (readonly [Labels, number])[]) {
    if (values.length === 0) return;
    this.#text += `# HELP punktfunk_${name} ${help}\n# TYPE punktfunk_${name} ${kind}\n`;
    for (const [labels, value] of values) {
      this.#text += `punktfunk_${name}${labelsOf(labels)} ${value}\n`;
    }
  }

  toString(): string {
    return this.#text;
  }
}

function labelsOf(labels: Labels): string {
  const all = Object.entries(labels).map(([key, value]) => `${key}="${escaped(String(value))}"`);
  return all.length === 0 ? "" : `{${all.join(",")}}`;
}

const escaped = (text: string) =>
  text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");

const quantiles = [
  ["0.5", "p50"],
  ["0.95", "p95"],
  ["0.99", "p99"],
  ["1", "max"],
] as const;

export function metricsPage(status: Status, sessions: readonly Session[]): string {
  const page = new Page();
  const one = (value: number): readonly (readonly [Labels, number])[] => [[{}, value]];
  page.family("info", "gauge", "the host", [[{ name: status.name, version: status.version }, 1]]);
  page.family("sessions", "gauge", "sessions that run", one(status.sessions));
  page.family("sessions_total", "counter", "sessions since the start", one(status.sessionsTotal));
  page.family("refused_total", "counter", "connections refused", one(status.refusedTotal));
  page.family("devices", "gauge", "paired devices", one(status.devices));
  page.family("pending", "gauge", "devices that wait for approval", one(status.pending));
  const labels = ({ id, client }: Session): Labels => ({ session: id, client });
  const sums = [
    ["frames_sent_total", "framesSentTotal", "frames sent"],
    ["packets_sent_total", "packetsSentTotal", "media packets sent"],
    ["bytes_sent_total", "bytesSentTotal", "bytes of media packets sent"],
    ["packets_dropped_total", "packetsDroppedTotal", "packets that this machine dropped"],
  ] as const;
  for (const [name, key, help] of sums) {
    page.family(
      `session_${name}`,
      "counter",
      help,
      sessions.map((session) => [labels(session), session[key]]),
    );
  }
  const live = sessions.flatMap((session) =>
    session.figures === null ? [] : [{ session, figures: session.figures }],
  );
  page.family(
    "session_fps",
    "gauge",
    "pictures a second, by place",
    live.flatMap(({ session, figures }) =>
      Object.entries(figures.fps).flatMap(([place, value]) =>
        value === null ? [] : [[{ ...labels(session), place }, value] as const],
      ),
    ),
  );
  page.family(
    "session_bits_per_second",
    "gauge",
    "media packets that left, headers and parity included",
    live.map(({ session, figures }) => [labels(session), figures.bitrateKbps * 1000]),
  );
  page.family(
    "session_loss_ratio",
    "gauge",
    "share of packets lost, as the client reports",
    live.flatMap(({ session, figures }) =>
      figures.lossPct === null ? [] : [[labels(session), figures.lossPct / 100] as const],
    ),
  );
  page.family(
    "session_stage_seconds",
    "gauge",
    "time of a picture in a stage, by quantile",
    live.flatMap(({ session, figures }) =>
      Object.entries({ ...figures.latencyUs, whole: figures.captureToPresentedUs }).flatMap(
        ([stage, brief]) =>
          brief === null
            ? []
            : quantiles.map(
                ([quantile, name]) =>
                  [{ ...labels(session), stage, quantile }, brief[name] / 1e6] as const,
              ),
      ),
    ),
  );
  return page.toString();
}
