/**
 * The stages of a picture's way, in their order: the one table that every place goes by where times
 * are counted, told or shown.
 */

/** Where a stage begins or ends. */
export type Moment =
  | "captured"
  | "taken by the encoder"
  | "encoded"
  | "first packet sent"
  | "last packet sent"
  | "first packet received"
  | "reassembled"
  | "taken by the decoder"
  | "decoded"
  | "presented";

export interface Stage {
  readonly label: string;
  readonly from: Moment;
  readonly to: Moment;
  /** Whose clock tells; network: both machines' clocks, corrected by their offset. */
  readonly at: "host" | "network" | "client";
  /** Runs beside those that follow it, so that it does not count in their sum. */
  readonly isAside: boolean;
}

const stage = (
  at: Stage["at"],
  label: string,
  [from, to]: readonly [Moment, Moment],
  isAside = false,
): Stage => ({ at, label, from, to, isAside });

export const stages = {
  queue: stage("host", "Queue", ["captured", "taken by the encoder"]),
  encode: stage("host", "Encode", ["taken by the encoder", "encoded"]),
  /** Parity and sealing, and what waits for the sender. */
  seal: stage("host", "Seal", ["encoded", "first packet sent"]),
  pace: stage("host", "Pace", ["first packet sent", "last packet sent"], true),
  network: stage("network", "Network", ["first packet sent", "first packet received"]),
  reassemble: stage("client", "Reassemble", ["first packet received", "reassembled"]),
  wait: stage("client", "Wait", ["reassembled", "taken by the decoder"]),
  decode: stage("client", "Decode", ["taken by the decoder", "decoded"]),
  present: stage("client", "Present", ["decoded", "presented"]),
} as const satisfies Record<string, Stage>;

export type StageName = keyof typeof stages;
export const stageNames = Object.keys(stages) as readonly StageName[];

export type HostStageName = "queue" | "encode" | "seal" | "pace";
export const clientStageNames = ["network", "reassemble", "wait", "decode", "present"] as const;
export type ClientStageName = (typeof clientStageNames)[number];

/** Something of each stage. */
export type ByStage<Value> = Readonly<Record<StageName, Value>>;

/** Makes something of each stage. */
export const byStage = <Value>(make: (name: StageName) => Value): ByStage<Value> =>
  Object.fromEntries(stageNames.map((name) => [name, make(name)])) as ByStage<Value>;
