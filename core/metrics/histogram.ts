/** Counts values by size, for Prometheus: cheap to add to, and never forgets. */

/** The counts at one moment. */
export interface HistogramCounts {
  /** Values up to and including each bound, those of the smaller bounds included. */
  readonly buckets: readonly { readonly upTo: number; readonly count: number }[];
  readonly sum: number;
  readonly count: number;
}

/** See the head of this file. */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  /** `bounds` ascend; values above the last are counted as well. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  /** Negative and non-finite values (a clock that was set back) count as 0. */
  add(value: number): void {
    const accepted = Number.isFinite(value) && value > 0 ? value : 0;
    const at = this.#bounds.findIndex((bound) => accepted <= bound);
    if (at >= 0) this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sum += accepted;
    this.#count++;
  }

  snapshot(): HistogramCounts {
    let count = 0;
    const buckets = this.#bounds.map((upTo, at) => ({ upTo, count: (count += this.#counts[at] ?? 0) }));
    return { buckets, sum: this.#sum, count: this.#count };
  }
}
