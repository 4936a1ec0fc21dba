import { expect, test } from "bun:test";
import { isReason, reasonError, reasonOfNumber, reasons } from "./reasons.ts";

test("every number names its reason, and no other", () => {
  for (const [name, [number]] of Object.entries(reasons)) {
    expect(reasonOfNumber(number)).toBe(name as never);
  }
  const numbers = Object.values(reasons).map(([number]) => number);
  expect(new Set(numbers).size).toBe(numbers.length);
  expect(reasonOfNumber(0)).toBeUndefined();
  expect(reasonOfNumber(999)).toBeUndefined();
});

test("done and interrupted are no failures, all others are", () => {
  for (const reason of Object.keys(reasons)) {
    const error = reasonError({ reason, message: "" });
    expect(error === null).toBe(["done", "interrupted"].includes(reason));
    if (error !== null) expect(error.message.length).toBeGreaterThan(20);
  }
});

test("the peer's own sentence is shown where there is one", () => {
  const error = reasonError({ reason: "busy", message: "The host serves 4 of 4." });
  expect(error?.code).toBe("PF_HOST_BUSY");
  expect(error?.message).toBe("The host serves 4 of 4.");
});

test("a reason of a newer version is shown as the peer named it", () => {
  const error = reasonError({ reason: "full-moon", message: "" });
  expect(error?.code).toBe("PF_HOST_REFUSED");
  expect(error?.message).toContain("full-moon");
  expect(isReason("constructor")).toBe(false);
  expect(reasonError({ reason: "constructor", message: "" })?.code).toBe("PF_HOST_REFUSED");
});
