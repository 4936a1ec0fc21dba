import { expect, test } from "bun:test";
import { grantSound } from "./policy.ts";

const open = { audio: "auto", microphone: true } as const;
const all = { audio: 2, microphone: true };

test("sound goes to who wants it, in the layout that it wants or the next smaller one", () => {
  const counts = [null, 0, 1, 2, 3, 5, 6, 7, 8, 255].map(
    (audio) => grantSound(open, { audio, microphone: null }, false).channelCount,
  );
  expect(counts).toEqual([null, null, 1, 2, 2, 2, 6, 6, 8, 8]);
});

test("a host without sound gives none", () => {
  expect(grantSound({ ...open, audio: "off" }, all, true).channelCount).toBeNull();
  expect(grantSound({ ...open, audio: "monitor" }, all, true).channelCount).toBe(2);
});

test("a microphone needs the host's leave and a paired device", () => {
  expect(grantSound(open, all, true)).toMatchObject({ microphone: true, refusal: null });
  expect(grantSound(open, all, false)).toMatchObject({ microphone: false });
  expect(grantSound(open, all, false).refusal).toContain("punktfunk pair");
  const closed = grantSound({ ...open, microphone: false }, all, true);
  expect(closed.microphone).toBe(false);
  expect(closed.refusal).toContain("--mic");
});

test("nobody is told of a microphone that it did not ask for", () => {
  const wish = { audio: 2, microphone: null };
  expect(grantSound({ ...open, microphone: false }, wish, false).refusal).toBeNull();
  expect(grantSound(open, wish, true).microphone).toBe(false);
});
