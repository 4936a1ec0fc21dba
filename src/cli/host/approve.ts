import { parseDeviceName } from "../arguments.ts";
import { command } from "../command.ts";
import { apiArguments, reaching } from "./reaching.ts";
import { chosen, levelArgument, parseExpiry, parseLevel } from "./values.ts";
import { noneWaits } from "./words.ts";

export default command({
  name: "host approve",
  description: "Pair a device that waits for approval",
  args: {
    id: {
      type: "positional",
      required: true,
      description: "of punktfunk host pending; its first digits do",
      valueHint: "ID",
    },
    level: { ...levelArgument, default: "full" },
    name: {
      type: "string",
      description: "instead of the name that the device gave",
      valueHint: "NAME",
    },
    expires: {
      type: "string",
      description: "when it is no longer paired: 2h, 7d, 2027-01-31, never",
      valueHint: "WHEN",
      default: "never",
    },
    ...apiArguments,
  },
  examples: [
    ["punktfunk host approve 3f2a", "let the device in whose id begins so"],
    ["punktfunk host approve 3f2a --level view --expires 2h", "a guest, for this evening"],
    ["punktfunk host approve 3f2a --name 'Living-room TV'", "under another name"],
  ],
  async run(context) {
    const { args, output } = context;
    const body = {
      level: parseLevel(args.level),
      expiresAt: parseExpiry(args.expires, new Date()),
      ...(args.name === undefined ? {} : { name: parseDeviceName(args.name) }),
    };
    const api = await reaching(context);
    const { pending } = await api.call("pending");
    const { id } = chosen(pending, args.id, noneWaits);
    const device = await api.call("approve", { id, body });
    output.record({ type: "device", ...device });
    const { deviceWords } = await import("./words.ts");
    output.success(`${deviceWords(device)} is paired; its level is ${device.level}.`);
    output.record({ type: "summary", approved: device.id });
    return undefined;
  },
});
