import { expect, test } from "bun:test";
import { actions, allows, levelNames } from "./level.ts";

test("each level allows what it says, and nothing more", () => {
  const table = levelNames.map((level) => [
    level,
    ...actions.map((action) => (allows(level, action) ? action : "-")),
  ]);
  expect(table).toEqual([
    ["full", "picture", "sound", "input", "manage"],
    ["play", "picture", "sound", "input", "-"],
    ["view", "picture", "sound", "-", "-"],
  ]);
});

test("a device without a level may do nothing", () => {
  for (const action of actions) expect(allows(undefined, action)).toBe(false);
});
