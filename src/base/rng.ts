/** Seeded random numbers for simulations and tests; never for secrets. */

/** The next number of a sequence, 0 ≤ n < 1, like Math.random. */
export type Random = () => number;

/**
 * A repeatable sequence by sfc32 (Chris Doty-Humphrey's Small Fast Chaotic generator, 128 bits of
 * state), whose state is spread from the seed and mixed by its own rounds.
 */
export function seededRandom(seed: number): Random {
  let [a, b, c, counter] = [seed | 0, ~seed | 0, Math.imul(seed, 0x9e3779b9), 1];
  const next = () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  for (let round = 0; round < 15; round++) next();
  return next;
}
