import { expect, test } from "bun:test";
import { grantSound } from "./policy.ts";

const open = { audio: "auto", microphone: true } as const;
const all = { audio: 2, microphone: true };
const stranger = { isPaired: false, mayInput: true };
const paired = { isPaired: true, mayInput: true };

test("sound goes to who wants it, in the layout that it wants or the next smaller one", () => {
  const counts = [null, 0, 1, 2, 3, 5, 6, 7, 8, 255].map(
    (audio) => grantSound(open, { audio, microphone: null }, stranger).channelCount,
  );
  expect(counts).toEqual([null, null, 1, 2, 2, 2, 6, 6, 8, 8]);
});

test("a host without sound gives none", () => {
  expect(grantSound({ ...open, audio: "off" }, all, paired).channelCount).toBeNull();
  expect(grantSound({ ...open, audio: "monitor" }, all, paired).channelCount).toBe(2);
});

test("a microphone needs the host's leave and a paired device", () => {
  expect(grantSound(open, all, paired)).toMatchObject({ microphone: true, refusal: null });
  expect(grantSound(open, all, stranger)).toMatchObject({ microphone: false });
  expect(grantSound(open, all, stranger).refusal).toContain("punktfunk pair");
  const closed = grantSound({ ...open, microphone: false }, all, paired);
  expect(closed.microphone).toBe(false);
  expect(closed.refusal).toContain("--mic");
});

test("who may only watch is not heard", () => {
  const grant = grantSound(open, all, { isPaired: true, mayInput: false });
  expect(grant).toMatchObject({ channelCount: 2, microphone: false });
  expect(grant.refusal).toContain("punktfunk host level");
});

test("nobody is told of a microphone that it did not ask for", () => {
  const wish = { audio: 2, microphone: null };
  expect(grantSound({ ...open, microphone: false }, wish, stranger).refusal).toBeNull();
  expect(grantSound(open, wish, paired).microphone).toBe(false);
});
