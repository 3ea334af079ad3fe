/** Random numbers that come again: everything in a fuzz case follows from its seed alone. */

/** A 32-bit generator (mulberry32): small, fast, and the same on every machine. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 to 2^32 - 1. */
  uint32(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** 0 to `count` - 1. */
  below(count: number): number {
    return this.uint32() % count;
  }

  /** `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** True in one of `count` times. */
  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('there is nothing to pick from');
    return item;
  }

  bytes(length: number): Buffer {
    const out = Buffer.alloc(length);
    for (let at = 0; at < length; at++) out[at] = this.uint32() >>> 24;
    return out;
  }

  /** Short lengths mostly, now and then a long one. */
  length(most: number): number {
    return this.oneIn(12) ? this.below(most) : this.below(Math.min(most, 24));
  }
}

/** The seed of one case of a run; neighbours have nothing in common. */
export function caseSeed(runSeed: number, index: number): number {
  return new Random((runSeed ^ Math.imul(index + 1, 0x9e3779b1)) >>> 0).uint32();
}
