import { plainLine } from "../../wire/control.ts";
import { command } from "../command.ts";
import { apiArguments, reaching } from "./reaching.ts";
import { chosen } from "./values.ts";

export default command({
  name: "host kick",
  description: "End a session; its device stays paired",
  args: {
    id: {
      type: "positional",
      required: true,
      description: "of punktfunk host sessions; its first digits do",
      valueHint: "ID",
    },
    ...apiArguments,
  },
  examples: [["punktfunk host kick 1892", "the session whose id begins so"]],
  async run(context) {
    const { args, output } = context;
    const api = await reaching(context);
    const { sessions } = await api.call("sessions");
    const items = sessions.map((session) => ({ id: String(session.id), session }));
    const { session } = chosen(items, args.id, {
      what: "session",
      hint: "See punktfunk host sessions.",
    });
    await api.call("kick", { id: session.id });
    output.record({ type: "session", ...session });
    output.success(`The session ${session.id} of "${plainLine(session.client)}" is ended.`);
    output.record({ type: "summary", kicked: session.id });
    return undefined;
  },
});
