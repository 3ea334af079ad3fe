/** A pool that opened nothing for so long starts slowly again. */
const FORGET_MS = 30_000;

/**
 * Slow start: one login at a time, then twice as many after each that succeeded; one again after the server could not be had, and after
 * a pause.
 */
export class Pace {
  #width = 1;
  #lastAt = 0;

  /** Whether one more may begin beside `underWay` others; `most` by the settings. */
  permits(underWay: number, most: number, now: number): boolean {
    if (underWay === 0 && now - this.#lastAt > FORGET_MS) this.#width = 1;
    return underWay < Math.min(this.#width, most);
  }

  succeeded(most: number, now: number): void {
    this.#width = Math.min(this.#width * 2, Math.max(1, most));
    this.#lastAt = now;
  }

  failed(now: number): void {
    this.#width = 1;
    this.#lastAt = now;
  }
}
