import { command } from "../command.ts";
import { apiArguments, reaching } from "./reaching.ts";
import { chosen } from "./values.ts";
import { deviceWords, noneWaits } from "./words.ts";

export default command({
  name: "host deny",
  description: "Send a device away that waits for approval",
  args: {
    id: {
      type: "positional",
      required: true,
      description: "of punktfunk host pending; its first digits do",
      valueHint: "ID",
    },
    ...apiArguments,
  },
  examples: [["punktfunk host deny 3f2a", "the device whose id begins so"]],
  async run(context) {
    const { args, output } = context;
    const api = await reaching(context);
    const { pending } = await api.call("pending");
    const request = chosen(pending, args.id, noneWaits);
    await api.call("deny", { id: request.id });
    output.record({ type: "pending", ...request });
    output.success(`${deviceWords(request)} was sent away.`);
    output.record({ type: "summary", denied: request.id });
    return undefined;
  },
});
