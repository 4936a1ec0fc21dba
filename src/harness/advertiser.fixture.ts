/** Advertises a host that is not there, until SIGINT: its options come as JSON, and go out so. */
import { type AdvertiseOptions, advertise } from "../host/discovery/advertise.ts";

const say = (type: string, value: unknown) =>
  process.stdout.write(`${JSON.stringify({ type, value })}\n`);
const given = JSON.parse(process.argv[2] as string) as AdvertiseOptions;
const advertisement = advertise({
  ...given,
  onName: (name) => say("name", name),
  onProblem: (problem) => say("problem", problem),
});
process.on("SIGUSR1", () => advertisement.update({ pair: "optional" }));
const alive = setInterval(() => {}, 60_000);
process.once("SIGINT", async () => {
  const startedAt = performance.now();
  await advertisement.close();
  say("drops", advertisement.drops);
  say("closed", performance.now() - startedAt);
  clearInterval(alive);
});
say("ready", advertisement.name);
