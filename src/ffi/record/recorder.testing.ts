/** Records moving pictures until it is killed; says so when two seconds are coded. */
import { RoundTrip, until } from "../encode/roundtrip.testing.ts";
import { recordFormatFor } from "./record.ts";

const path = process.argv[2] as string;
const trip = new RoundTrip({
  encoder: "libx264",
  codec: "h264",
  width: 256,
  height: 192,
  refreshHz: 60,
  bitrateKbps: 3000,
  record: { path, format: recordFormatFor(path, "h264") },
});
await until(() => (trip.record?.counters.get("units_written") ?? 0) >= 120, "two seconds");
console.log("recording");
await Bun.sleep(60_000);
