import { expect, test } from "bun:test";
import { settledWithin } from "./time.ts";

test("a promise that settles in time is told from one that does not", async () => {
  expect(await settledWithin(Promise.resolve(1), 1000)).toBe(true);
  expect(await settledWithin(Promise.reject(new Error("no")), 1000)).toBe(true);
  const startedMs = performance.now();
  expect(await settledWithin(new Promise(() => {}), 20)).toBe(false);
  expect(performance.now() - startedMs).toBeGreaterThan(15);
});

test("the bound does not keep the program alive", async () => {
  const script = `
    const { settledWithin } = await import("./time.ts");
    await settledWithin(Promise.resolve(), 60_000);
  `;
  const child = Bun.spawn([process.execPath, "-e", script], { cwd: import.meta.dir });
  expect(await child.exited).toBe(0);
});
