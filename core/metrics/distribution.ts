/** Percentiles of a stream of values in bounded memory. */
import type { Distribution } from '../contract/index.ts';

/**
 * A uniformly sampled reservoir (Vitter, "Random Sampling with a Reservoir", algorithm R): every value seen so far has the
 * same chance to be in it. Count and maximum are exact; percentiles are exact until the reservoir is full.
 */
export class Reservoir {
  readonly #values: Float64Array;
  readonly #random: () => number;
  #count = 0;
  #max = 0;

  /** `random` returns values in [0, 1). */
  constructor(size = 1024, random: () => number = Math.random) {
    this.#values = new Float64Array(size);
    this.#random = random;
  }

  /** Adds a value; negative and non-finite ones (a clock that was set back) count as 0. */
  add(value: number): void {
    const accepted = Number.isFinite(value) && value > 0 ? value : 0;
    const place = this.#count < this.#values.length ? this.#count : Math.floor(this.#random() * (this.#count + 1));
    if (place < this.#values.length) this.#values[place] = accepted;
    this.#count++;
    if (accepted > this.#max) this.#max = accepted;
  }

  /** Count, percentiles (nearest rank) and maximum; all 0 before the first value. */
  snapshot(): Distribution {
    const sorted = this.#values.slice(0, Math.min(this.#count, this.#values.length)).sort();
    return {
      count: this.#count,
      p50: percentile(sorted, 0.5),
      p95: percentile(sorted, 0.95),
      p99: percentile(sorted, 0.99),
      max: this.#max,
    };
  }
}

/** The nearest-rank percentile of ascending values; 0 if there are none. `fraction` is in (0, 1]. */
export function percentile(sorted: ArrayLike<number>, fraction: number): number {
  return sorted[Math.max(0, Math.ceil(fraction * sorted.length) - 1)] ?? 0;
}
