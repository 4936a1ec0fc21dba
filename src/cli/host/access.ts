/** What lets a program or a person manage the host: the token, and the web page's password. */
import { PfError } from "../../base/errors.ts";
import { passwordCharsMax, passwordCharsMin } from "../../wire/management.ts";
import { command, jsonArgument } from "../command.ts";
import { apiArguments, reaching } from "./reaching.ts";

export const token = command({
  name: "host token",
  description: "Tell where the token of the management API is kept",
  args: {
    show: { type: "boolean", description: "tell the token too: whoever has it owns the host" },
    ...jsonArgument,
  },
  examples: [
    ["punktfunk host token", "the path of its file, which only you can read"],
    ["punktfunk host token --show --json", "for scripts: the token with it"],
  ],
  async run({ args, output }) {
    const { readToken, tokenPath } = await import("../../host/management/token.ts");
    const path = tokenPath();
    const value = await readToken(path);
    if (value === undefined) {
      throw new PfError(
        "PF_HOST_UNREACHABLE",
        `There is no token yet: ${path} is made by a host.`,
        {
          hint: "Start it: punktfunk serve.",
        },
      );
    }
    const shown = args.show === true ? { token: value.reveal() } : {};
    output.record({ type: "token", path, ...shown });
    if (!output.json) output.print([path, ...Object.values(shown)].join("\n"));
    output.record({ type: "summary", path });
    return undefined;
  },
});

export const password = command({
  name: "host password",
  description: "Set the password of the host's web page",
  args: {
    stdin: { type: "boolean", description: "read it from the first line of stdin" },
    remove: { type: "boolean", description: "let nobody sign in by password" },
    ...apiArguments,
  },
  examples: [
    ["punktfunk host password", "asks for it twice; whoever is signed in by the old one is out"],
    ["pass show punktfunk | punktfunk host password --stdin", "for scripts"],
    ["punktfunk host password --remove", "the web page then takes nobody's word"],
  ],
  async run(context) {
    const { args, output, interrupted } = context;
    if (args.stdin === true && args.remove === true) {
      throw new PfError("PF_USAGE", "--stdin and --remove exclude each other.");
    }
    if (args.stdin !== true && args.remove !== true && !output.canAsk) {
      throw new PfError("PF_USAGE", "Nobody is here to type the password.", {
        hint: "Give it by --stdin, on the first line.",
      });
    }
    const api = await reaching(context);
    if (args.remove === true) {
      await api.call("removePassword");
      output.success("Nobody signs in by password any more.");
      output.record({ type: "summary", password: "removed" });
      return undefined;
    }
    const { askPassword, readPassword } = await import("./password.ts");
    const given =
      args.stdin === true
        ? await readPassword(process.stdin)
        : await output.question(() => askPassword(interrupted));
    const length = [...given].length;
    if (length < passwordCharsMin || length > passwordCharsMax) {
      throw new PfError("PF_USAGE", "That password can't be used.", {
        hint: `Choose one of ${passwordCharsMin} to ${passwordCharsMax} characters.`,
      });
    }
    await api.call("setPassword", { body: { password: given } });
    output.success("The password is set. Whoever was signed in by password is out.");
    output.record({ type: "summary", password: "set" });
    return undefined;
  },
});
