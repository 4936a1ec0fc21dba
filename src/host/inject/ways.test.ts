import { expect, test } from "bun:test";
import { closeSync, openSync } from "node:fs";
import { PfError } from "../../base/errors.ts";
import { openEiInput } from "./ei.ts";
import { checkLayout, keyboardLayoutFor } from "./layout.ts";
import { openUinputInput } from "./uinput.ts";

function refusalOf(open: () => unknown): PfError {
  try {
    open();
  } catch (error) {
    if (error instanceof PfError) return error;
  }
  throw new Error("it was not refused");
}

test("an input server that is not there is named, or the library that this build lacks", () => {
  const { code, message, hint } = refusalOf(() => openEiInput({ server: { path: "/nowhere" } }));
  if (code === "PF_LIBRARY_MISSING") expect(hint).toContain("libei 1.0");
  else expect(message).toContain("no input server answers at /nowhere");
});

test("a descriptor that can't be used is closed all the same", () => {
  const fd = openSync("/dev/null", "r");
  refusalOf(() => openEiInput({ server: { fd } }));
  // The lowest free number is given out: it is this one again.
  const again = openSync("/dev/null", "r");
  closeSync(again);
  expect(again).toBe(fd);
});

test("a device that is no uinput is refused by its name", () => {
  const { code, message } = refusalOf(() => openUinputInput({ path: "/dev/null" }));
  expect(code).toBe("PF_INPUT_FAILED");
  expect(message).toContain("/dev/null is no uinput that can make these devices");
});

test("a desktop that takes a layout gets the client's, unless the operator chose one", () => {
  expect(keyboardLayoutFor("client", "de(nodeadkeys)")).toBe("de(nodeadkeys)");
  expect(keyboardLayoutFor("client", null)).toBe("us");
  expect(keyboardLayoutFor("fr", "de")).toBe("fr");
  expect(keyboardLayoutFor()).toBe("us");
  expect(() => checkLayout("klingon")).toThrow("This machine has no keyboard layout klingon.");
  for (const good of ["client", "fr", "us(dvorak)", undefined]) checkLayout(good);
  // Of a client that has what this machine has not.
  for (const unknown of ["klingon", "de(upsidedown)", ".."]) {
    expect(keyboardLayoutFor("client", unknown)).toBe("us");
  }
});
