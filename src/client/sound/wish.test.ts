import { expect, test } from "bun:test";
import { audioChoices, audioWish, nameChannels } from "./wish.ts";

test("each choice asks for its channels", () => {
  expect(audioChoices.map((choice) => audioWish(choice, false))).toEqual([2, null, 2, 6, 8]);
});

test("sound of this machine is left out unless it is asked for by name", () => {
  expect(audioWish("auto", true)).toBeNull();
  expect(audioWish("stereo", true)).toBe(2);
});

test("channels have names", () => {
  expect([1, 2, 6, 8].map(nameChannels)).toEqual(["mono", "stereo", "5.1", "7.1"]);
});
