import { expect, test } from "bun:test";
import { seededRandom } from "./rng.ts";

test("a seed gives one sequence, another seed another one", () => {
  const draw = (seed: number) => Array.from({ length: 8 }, seededRandom(seed));
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
});

test("numbers spread evenly over 0 to 1", () => {
  const random = seededRandom(1);
  const cells = new Array<number>(16).fill(0);
  for (let i = 0; i < 16_000; i++) {
    const cell = Math.floor(random() * 16);
    cells[cell] = (cells[cell] as number) + 1;
  }
  for (const count of cells) expect(Math.abs(count - 1000)).toBeLessThan(150);
});
