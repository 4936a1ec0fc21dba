/**
 * Random numbers that a seed repeats: for tests, simulations and the impaired link. Never for
 * anything that has to be secret.
 */

/** The sfc32 generator ("small fast counting", Chris Doty-Humphrey, PractRand), 32 bits a step. */
export class SeededRandom {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    this.#a = 0;
    this.#b = seed | 0;
    this.#c = Math.floor(seed / 0x1_0000_0000) | 0;
    // PractRand mixes a seed by as many steps.
    for (let i = 0; i < 12; i++) this.u32();
  }

  /** An integer of 0 … 2^32 - 1. */
  u32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** A number in [0, 1) of 32 bits. */
  unit(): number {
    return this.u32() / 0x1_0000_0000;
  }

  /** An integer of 0 … `count` - 1. */
  below(count: number): number {
    return Math.floor(this.unit() * count);
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.u32() >>> 24);
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item;
  }
}
