import { expect, test } from "bun:test";
import { limit } from "../wire/limits.ts";
import { Heartbeat, heartbeatTickMs } from "./heartbeat.ts";

const interval = limit("heartbeat_interval_ms");
const timeout = limit("heartbeat_timeout_ms");

test("a ping is due once an interval, whatever the peer sends", () => {
  const heartbeat = new Heartbeat(0);
  let pings = 0;
  for (let now = heartbeatTickMs; now <= 10 * interval; now += heartbeatTickMs) {
    heartbeat.heard(now);
    if (heartbeat.tick(now) === "ping") pings++;
  }
  expect(pings).toBe(10);
});

test("a silent peer is given up after the time-out, within a tick", () => {
  const heartbeat = new Heartbeat(0);
  for (let now = heartbeatTickMs; now < timeout; now += heartbeatTickMs) {
    expect(heartbeat.tick(now)).not.toBe("lost");
  }
  expect(heartbeat.tick(timeout)).toBe("lost");
});

test("the peer is not blamed for the time in which this program stood still", () => {
  const heartbeat = new Heartbeat(0);
  expect(heartbeat.tick(heartbeatTickMs)).toBe("wait");
  expect(heartbeat.tick(60_000)).toBe("ping");
  for (let now = 60_000 + heartbeatTickMs; now < 60_000 + timeout; now += heartbeatTickMs) {
    expect(heartbeat.tick(now)).not.toBe("lost");
  }
  expect(heartbeat.tick(60_000 + timeout)).toBe("lost");
});
