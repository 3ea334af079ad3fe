/** How late the host's event loop runs: what every client would feel as latency. */
import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';

const resolutionMs = 10;

/** Measures between `start` and `stop`; costs one native timer and none in JavaScript. */
export class EventLoopMonitor {
  #histogram: IntervalHistogram | null = null;

  start(): void {
    if (this.#histogram !== null) return;
    this.#histogram = monitorEventLoopDelay({ resolution: resolutionMs });
    this.#histogram.enable();
  }

  stop(): void {
    this.#histogram?.disable();
    this.#histogram = null;
  }

  /** The 99th percentile of the delay since the last call, in milliseconds; 0 while stopped. Call it once a second. */
  takeP99Ms(): number {
    const histogram = this.#histogram;
    // Without a single value percentile() is meaningless, not 0.
    if (histogram === null || histogram.max === 0) return 0;
    const p99 = histogram.percentile(99) / 1e6;
    histogram.reset();
    // The histogram holds the time between two ticks of its timer; what is above the interval is the delay.
    return Math.max(0, p99 - resolutionMs);
  }
}
