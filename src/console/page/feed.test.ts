import { expect, test } from "bun:test";
import { retryDelayMs } from "./feed.ts";

test("tries to reach the host come less often while they fail, and not all pages at once", () => {
  const delays = [1, 2, 3, 4, 5, 6, 7, 100].map((failures) => retryDelayMs(failures, 0.5));
  expect(delays).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
  expect(retryDelayMs(4, 0)).toBe(3000);
  expect(retryDelayMs(4, 1)).toBe(5000);
});
