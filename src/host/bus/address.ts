/** Where a message bus listens (D-Bus Specification, "Server Addresses"). Pure but for the last. */
import { existsSync } from "node:fs";
import { join } from "node:path";

/** Sockets of an address, in the order in which they are to be tried, as BusSocket takes them. */
export function socketsOf(address: string): string[] {
  return address.split(";").flatMap((one) => {
    const rest = /^unix:(.*)$/.exec(one)?.[1];
    if (rest === undefined) return [];
    const pairs = rest.split(",").map((pair) => pair.split("="));
    const value = (key: string) => pairs.find(([name]) => name === key)?.[1];
    const path = unescaped(value("path"));
    const abstract = unescaped(value("abstract"));
    if (path !== undefined) return [path];
    return abstract === undefined ? [] : [`@${abstract}`];
  });
}

function unescaped(text: string | undefined): string | undefined {
  return text?.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** The session bus of an environment; undefined where there is none. */
export function sessionBusAddress(
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const told = env["DBUS_SESSION_BUS_ADDRESS"];
  if (told !== undefined && told !== "") return told;
  const folder = env["XDG_RUNTIME_DIR"];
  const path = folder === undefined || folder === "" ? undefined : join(folder, "bus");
  return path !== undefined && existsSync(path) ? `unix:path=${path}` : undefined;
}
