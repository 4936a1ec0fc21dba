import { hostname } from "node:os";
import { PfError } from "../../base/errors.ts";
import { limit } from "../../wire/limits.ts";
import { parsePin } from "../../wire/pairing/pin.ts";
import { parseDeviceName, parseHost, shellWord } from "../arguments.ts";
import { command, jsonArgument } from "../command.ts";

export default command({
  name: "pair",
  description: "Pair this device with a host, by the PIN that the host shows",
  args: {
    host: {
      type: "positional",
      description: "name or address of the host, with :PORT if it is not the usual one",
      valueHint: "HOST",
      required: false,
    },
    pin: {
      type: "string",
      description: "the six digits; without it you are asked",
      valueHint: "PIN",
    },
    name: {
      type: "string",
      description: "what the host calls this device; usual: this machine's name",
      valueHint: "NAME",
    },
    fingerprint: {
      type: "string",
      description: "SHA-256 that the host's certificate must have",
      valueHint: "HEX",
    },
    ...jsonArgument,
  },
  examples: [
    ["punktfunk pair gamingbox", "asks for the PIN that punktfunk host arm shows on gamingbox"],
    ["punktfunk pair 192.0.2.7 --pin 123456 --json", "for scripts"],
    ["punktfunk pair gamingbox --name 'Living-room TV'", "under a name of its own"],
  ],
  async run({ args, output, interrupted }) {
    const pin = args.pin === undefined ? undefined : parsePin(args.pin);
    const deviceName = parseDeviceName(args.name ?? hostname());
    if (args.pin !== undefined && pin === undefined) {
      const words = `A PIN has ${limit("pin_digits")} digits; what --pin gives has not.`;
      throw new PfError("PF_USAGE", words, { hint: "Write them as the host shows them." });
    }
    if (pin === undefined && !output.canAsk) {
      throw new PfError("PF_USAGE", "Nobody is here to type the PIN.", {
        hint: "Give it by --pin; punktfunk host arm shows one on the host.",
      });
    }
    const { pickHost } = await import("../pick-host.ts");
    const target =
      args.host === undefined
        ? await pickHost("pair", { output, signal: interrupted })
        : { ...parseHost(args.host), found: undefined };
    const { placeOf } = await import("../../client/discovery/browse.ts");
    const { pairWithHost } = await import("../../client/pair.ts");
    const { askPin } = await import("../prompts.ts");
    const { readHostFingerprint } = await import("../../host/trust/identity.ts");
    const paired = await pairWithHost(
      {
        ...target,
        fingerprint: args.fingerprint,
        ownFingerprint: await readHostFingerprint(),
        deviceName,
      },
      {
        interrupted,
        warn: (text) => output.warn(text),
        askPin: () =>
          pin === undefined
            ? output.question(() => askPin(target.host, interrupted))
            : Promise.resolve(pin),
      },
    );
    const { host, port, found } = target;
    const place = found === undefined && port !== undefined ? placeOf(host, port) : host;
    output.success(
      `Paired with ${host}, whose certificate is pinned from now on. ` +
        `Next: punktfunk connect ${shellWord(place)}`,
    );
    output.record({ type: "summary", ...paired });
    return undefined;
  },
});
