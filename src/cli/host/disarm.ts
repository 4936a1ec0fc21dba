import { command } from "../command.ts";
import { apiArguments, reaching } from "./reaching.ts";

export default command({
  name: "host disarm",
  description: "Take the PIN back that is armed",
  args: apiArguments,
  examples: [["punktfunk host disarm", "nobody can pair by PIN until the next punktfunk host arm"]],
  async run(context) {
    const { output } = context;
    const api = await reaching(context);
    const { window } = await api.call("pairing");
    if (window === null) output.info("No PIN is armed.");
    else {
      await api.call("disarm");
      output.success("The PIN is taken back.");
    }
    output.record({ type: "summary", disarmed: window !== null });
    return undefined;
  },
});
