import { expect, test } from "bun:test";
import { modulesDifference } from "./modules.mjs";

const wanted = {
  packages: {
    "": {},
    "node_modules/zod": { version: "4.6.7", integrity: "sha512-a" },
    "node_modules/@oven/bun-linux-arm64": { version: "1.4.5", optional: true },
  },
};
const installed = {
  packages: { "node_modules/zod": { version: "4.6.7", integrity: "sha512-a" } },
};
const everything = () => true;

test("modules match the lock when npm wrote the same versions, other platforms' aside", () => {
  expect(modulesDifference(wanted, installed, everything)).toBeUndefined();
});

test("modules differ when nothing is installed", () => {
  expect(modulesDifference(wanted, undefined, everything)).toBe("not installed");
});

test("modules differ when one is missing, has another version or other contents", () => {
  const holding = (zod?: { version: string; integrity: string }) =>
    modulesDifference(
      wanted,
      { packages: zod === undefined ? {} : { "node_modules/zod": zod } },
      everything,
    );
  expect(holding()).toBe("node_modules/zod is not installed");
  expect(holding({ version: "4.6.6", integrity: "sha512-a" })).toContain("is 4.6.6, not 4.6.7");
  expect(holding({ version: "4.6.7", integrity: "sha512-b" })).toBeString();
});

test("modules differ when a folder was removed by hand", () => {
  expect(modulesDifference(wanted, installed, () => false)).toBe("node_modules/zod was removed");
});

test("modules that are there besides do no harm", () => {
  const more = { packages: { ...installed.packages, "node_modules/left": { version: "1.0.0" } } };
  expect(modulesDifference(wanted, more, everything)).toBeUndefined();
});
