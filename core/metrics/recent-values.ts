/** Values with the time of each, the last few thousand of them, in memory that is taken once. */

/** See the head of this file. */
export class RecentValues {
  readonly #at: Float64Array;
  readonly #values: Float64Array;
  #count = 0;

  /** `size`: how many are kept. */
  constructor(size = 8_192) {
    this.#at = new Float64Array(size);
    this.#values = new Float64Array(size);
  }

  /** Negative and non-finite values (a clock that was set back) count as 0. */
  add(at: number, value: number): void {
    const place = this.#count % this.#at.length;
    this.#at[place] = at;
    this.#values[place] = Number.isFinite(value) && value > 0 ? value : 0;
    this.#count++;
  }

  /** The values since `from` in ascending order. */
  since(from: number): Float64Array {
    const kept = Math.min(this.#count, this.#at.length);
    return this.#values.filter((_, place) => place < kept && (this.#at[place] ?? 0) >= from).sort();
  }

  /** True if a value from `from` or later was pushed out by newer ones. */
  hasForgotten(from: number): boolean {
    if (this.#count <= this.#at.length) return false;
    return (this.#at[this.#count % this.#at.length] ?? 0) >= from;
  }
}
