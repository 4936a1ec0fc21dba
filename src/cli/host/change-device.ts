/** Commands that change one paired device. */
import type { DeviceChange } from "../../wire/management.ts";
import { parseDeviceName } from "../arguments.ts";
import { type CommandContext, command } from "../command.ts";
import { apiArguments, reaching } from "./reaching.ts";
import { chosen, levelArgument, parseExpiry, parseLevel } from "./values.ts";
import { deviceWords, nonePaired } from "./words.ts";

const idArgument = {
  type: "positional",
  required: true,
  description: "of punktfunk host devices; its first digits do",
  valueHint: "ID",
} as const;

type DeviceContext = CommandContext<typeof apiArguments & { id: typeof idArgument }>;

async function change(context: DeviceContext, body: DeviceChange): Promise<undefined> {
  const { args, output } = context;
  const api = await reaching(context);
  const { devices } = await api.call("devices");
  const before = chosen(devices, args.id, nonePaired);
  const device = await api.call("changeDevice", { id: before.id, body });
  output.record({ type: "device", ...device });
  const { endWords } = await import("./table.ts");
  const ends = device.expired ? "is over" : `ends ${endWords(device.expiresAt, new Date())}`;
  output.success(`${deviceWords(device)}: its level is ${device.level}, its pairing ${ends}.`);
  output.record({ type: "summary", changed: device.id });
  return undefined;
}

export const rename = command({
  name: "host rename",
  description: "Give a paired device another name",
  args: {
    id: idArgument,
    name: {
      type: "positional",
      required: true,
      description: "what it is called from now on",
      valueHint: "NAME",
    },
    ...apiArguments,
  },
  examples: [["punktfunk host rename 3f2a 'Living-room TV'", "the device whose id begins so"]],
  run: (context) => change(context, { name: parseDeviceName(context.args.name) }),
});

export const level = command({
  name: "host level",
  description: "Change what a paired device may do, at once",
  args: {
    id: idArgument,
    level: { ...levelArgument, type: "positional", required: true },
    ...apiArguments,
  },
  examples: [
    ["punktfunk host level 3f2a view", "it may only watch from now on"],
    ["punktfunk host level 3f2a full", "it may everything, and manage this host"],
  ],
  run: (context) => change(context, { level: parseLevel(context.args.level) }),
});

export const expire = command({
  name: "host expire",
  description: "Set when a device is no longer paired",
  args: {
    id: idArgument,
    when: {
      type: "positional",
      required: true,
      description: "2h, 7d, 4w, 2027-01-31, 2027-01-31T18:00 or never",
      valueHint: "WHEN",
    },
    ...apiArguments,
  },
  examples: [
    ["punktfunk host expire 3f2a 7d", "in a week"],
    ["punktfunk host expire 3f2a never", "it stays until it is revoked"],
  ],
  run: (context) => change(context, { expiresAt: parseExpiry(context.args.when, new Date()) }),
});

export const revoke = command({
  name: "host revoke",
  description: "Forget a paired device; its session ends at once",
  args: { id: idArgument, ...apiArguments },
  examples: [["punktfunk host revoke 3f2a", "the device whose id begins so"]],
  async run(context) {
    const { args, output } = context;
    const api = await reaching(context);
    const { devices } = await api.call("devices");
    const device = chosen(devices, args.id, nonePaired);
    await api.call("revoke", { id: device.id });
    output.record({ type: "device", ...device });
    output.success(`${deviceWords(device)} is no longer paired.`);
    output.record({ type: "summary", revoked: device.id });
    return undefined;
  },
});
