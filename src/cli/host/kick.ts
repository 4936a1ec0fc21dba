import { PfError } from "../../base/errors.ts";
import { plainLine } from "../../wire/control.ts";
import { command } from "../command.ts";
import { apiArguments, reaching } from "./reaching.ts";

export default command({
  name: "host kick",
  description: "End a session; its device stays paired",
  args: {
    id: {
      type: "positional",
      required: true,
      description: "of punktfunk host sessions",
      valueHint: "ID",
    },
    ...apiArguments,
  },
  examples: [["punktfunk host kick 3", "the third session since the host's start"]],
  async run(context) {
    const { args, output } = context;
    const id = /^[1-9]\d{0,8}$/.test(args.id) ? Number(args.id) : undefined;
    const api = await reaching(context);
    const { sessions } = await api.call("sessions");
    const session = sessions.find((each) => each.id === id);
    if (session === undefined) {
      throw new PfError("PF_USAGE", `No session has the id "${args.id}".`, {
        hint: "See punktfunk host sessions.",
      });
    }
    await api.call("kick", { id: session.id });
    output.record({ type: "session", ...session });
    output.success(`The session ${session.id} of "${plainLine(session.client)}" is ended.`);
    output.record({ type: "summary", kicked: session.id });
    return undefined;
  },
});
