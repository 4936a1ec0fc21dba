/** Plays silence for a moment on the device that SDL_AUDIODRIVER names; prints how often it asked. */
import { SoundReceiveStage } from "./sound.ts";
import { Speaker } from "./speaker.ts";

const channelCount = Number(process.argv[2]) as 2 | 6;
const node = { name: "punktfunk", description: "punktfunk", channelCount };
const stage = new SoundReceiveStage({ ...node, role: "pulled" });
try {
  const speaker = new Speaker({ source: stage.source(), channelCount });
  speaker.start();
  while (stage.counters.get("pulls") < 3) await Bun.sleep(5);
  speaker.close();
  console.log(`pulled, ${stage.counters.get("frames")} frames`);
} catch (error) {
  console.log(error instanceof Error ? error.message : error);
}
stage.close();
process.exit(0);
