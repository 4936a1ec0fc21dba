/** Whom a host does not serve, and how it says so. */
import { PfError } from "../base/errors.ts";
import type { ControlConnection } from "../transport/connection.ts";
import type { MessageOf } from "../wire/control.ts";
import { limit } from "../wire/limits.ts";
import { type Reason, reasonError } from "../wire/reasons.ts";
import type { HostReport } from "./report.ts";
import { isDeviceProven } from "./trust/device.ts";

/** A refusal whose reason its error code does not tell. */
export class Refusal extends PfError {
  readonly reason: Reason;

  constructor(reason: Reason, message: string) {
    super(reasonError({ reason, message })?.code ?? "PF_HOST_REFUSED", message);
    this.reason = reason;
  }
}

/** What each client has to prove, whatever it comes for. Throws the refusal. */
export function checkHello(
  hello: Pick<MessageOf<"hello">, "version" | "device">,
  connection: Pick<ControlConnection, "exporter">,
): void {
  if (hello.version !== limit("protocol_version")) {
    throw new PfError(
      "PF_PROTOCOL_VERSION",
      `The client speaks version ${hello.version} of punktfunk, this host version ${limit("protocol_version")}.`,
      { hint: "Install the same version on both machines." },
    );
  }
  if (!isDeviceProven(hello.device, connection.exporter)) {
    throw new Refusal("device-signature", "The client could not prove its device key.");
  }
}

/** Tells the client why there is no session for it, and closes the connection. */
export async function refuse(
  connection: ControlConnection,
  error: PfError,
  onReport: (report: HostReport) => void,
): Promise<void> {
  onReport({
    type: "refused",
    address: connection.peer.address,
    reason: error.code,
    message: error.sentence(),
  });
  const reason = reasonOf(error);
  connection.send({ type: "refuse", reason, message: error.sentence(), detail: null });
  await connection.close(reason, error.sentence());
}

/** What a failure before Welcome is called to the peer. */
function reasonOf(error: PfError): Reason {
  if (error instanceof Refusal) return error.reason;
  switch (error.code) {
    case "PF_PROTOCOL_VERSION":
      return "version";
    case "PF_MODE_INVALID":
      return "mode";
    case "PF_ENCODER_MISSING":
    case "PF_ENCODER_FAILED":
      return "encoder";
    case "PF_SOURCE_MISSING":
    case "PF_SOURCE_FAILED":
    case "PF_DISPLAY_MISSING":
      return "source";
    case "PF_HOST_BUSY":
      return "busy";
    default:
      return "internal";
  }
}
