/** Watches the heap of this process, in which the proxy runs: after a full collection it must not keep growing. */

/** Growth that is allowed from the first third of a run to its end, whatever the number of cases, in bytes. */
const ALLOWED = 12 * 1024 * 1024;

/** See the head of this file. Needs `--expose-gc`. */
export class HeapWatch {
  readonly #samples: { at: number; used: number }[] = [];

  constructor() {
    if (globalThis.gc === undefined) throw new Error('the heap can be watched with --expose-gc only (see test/vitest.config.ts)');
  }

  /** `at`: how many cases there have been. */
  sample(at: number): void {
    globalThis.gc?.();
    const { heapUsed, external } = process.memoryUsage();
    this.#samples.push({ at, used: heapUsed + external });
  }

  summary(): string {
    const mib = this.#samples.map(({ used }) => Math.round(used / 1024 / 1024));
    return `heap after gc, MiB: ${mib.join(' ')}`;
  }

  /** Throws when the straight line through the samples behind the warm-up climbs by more than is allowed. */
  assertFlat(): void {
    const samples = this.#samples.slice(Math.floor(this.#samples.length / 3));
    if (samples.length < 4) return;
    const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    const middle = { at: mean(samples.map(({ at }) => at)), used: mean(samples.map(({ used }) => used)) };
    const rise = samples.reduce((sum, { at, used }) => sum + (at - middle.at) * (used - middle.used), 0);
    const run = samples.reduce((sum, { at }) => sum + (at - middle.at) ** 2, 0);
    const climb = (rise / run) * ((samples.at(-1)?.at ?? 0) - (samples[0]?.at ?? 0));
    if (climb > ALLOWED) throw new Error(`the heap grows: by ${Math.round(climb / 1024)} KiB over the run; ${this.summary()}`);
  }
}
