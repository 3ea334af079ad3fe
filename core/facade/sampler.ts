/** One second of the host as a point for charts; the last 240 are kept. */
import type { MigrationCounters, PoolRow, Sample, SessionRow, TransferRow } from '../contract/index.ts';
import { percentile } from '../metrics/distribution.ts';

const KEPT = 240;

/** What a second is made of. */
export interface SampleInput {
  readonly sessions: readonly SessionRow[];
  readonly pools: readonly PoolRow[];
  readonly counters: MigrationCounters;
  readonly sums: { readonly queries: number; readonly received: number; readonly sent: number };
  /** Sessions that have outlived a server since the start. */
  readonly resurrected: number;
  readonly eventLoopP99Ms: number;
}

/** See the head of this file. */
export class Sampler {
  readonly samples: Sample[] = [];
  #last: { at: number; sums: SampleInput['sums']; counters: MigrationCounters; resurrected: number } | null = null;
  #pauses: number[] = [];

  /** A transfer settled: its pause belongs to the current second. */
  settled(row: TransferRow): void {
    if (row.outcome === 'success' && row.pauseMs !== null) this.#pauses.push(row.pauseMs);
  }

  /** Closes the current second. */
  take(input: SampleInput): Sample {
    const at = Date.now();
    const last = this.#last ?? { at: at - 1000, sums: input.sums, counters: input.counters, resurrected: input.resurrected };
    const seconds = Math.max(0.001, (at - last.at) / 1000);
    const rate = (now: number, before: number): number => Math.max(0, (now - before) / seconds);
    const pauses = Float64Array.from(this.#pauses).sort();
    const { counters, pools, resurrected, sessions, sums } = input;
    const sample: Sample = {
      at,
      sessions: sessions.length,
      sessionsActive: sessions.filter((session) => session.state === 'active').length,
      waiting: pools.reduce((sum, pool) => sum + pool.waiting, 0),
      maxWaitMs: pools.reduce((longest, pool) => Math.max(longest, pool.maxWaitMs), 0),
      pinned: sessions.filter((session) => session.pins.length > 0).length,
      serversActive: pools.reduce((sum, pool) => sum + pool.active, 0),
      serversIdle: pools.reduce((sum, pool) => sum + pool.idle, 0),
      queriesPerSecond: rate(sums.queries, last.sums.queries),
      bytesInPerSecond: rate(sums.received, last.sums.received),
      bytesOutPerSecond: rate(sums.sent, last.sums.sent),
      success: counters.success - last.counters.success,
      recoverable: counters.error_recoverable - last.counters.error_recoverable,
      fatal: counters.error_fatal - last.counters.error_fatal,
      refused: counters.refused - last.counters.refused,
      resurrections: resurrected - last.resurrected,
      pauseP50Ms: pauses.length === 0 ? null : percentile(pauses, 0.5),
      pauseMaxMs: pauses.at(-1) ?? null,
      eventLoopP99Ms: input.eventLoopP99Ms,
      pools: Object.fromEntries(pools.map((pool) => [pool.key, [pool.active, pool.idle, pool.waiting]])),
    };
    this.#last = { at, sums, counters, resurrected };
    this.#pauses = [];
    this.samples.push(sample);
    if (this.samples.length > KEPT) this.samples.shift();
    return sample;
  }
}
