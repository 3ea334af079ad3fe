/** Remembers the last quarter of an hour, and tells it. */
import {
  gauges,
  tallies,
  type Gauge,
  type Handlers,
  type History as HistoryReply,
  type LogEntry,
  type OperationRow,
  type PauseDistribution,
  type Sample,
  type Span,
  type Tally,
  type TransferRow,
} from '../contract/index.ts';
import { percentile } from '../metrics/distribution.ts';
import { RecentValues } from '../metrics/recent-values.ts';
import type { EventLog } from '../metrics/log.ts';
import { historyMarks } from './history-marks.ts';
import { cut, HistoryRing } from './history-ring.ts';

/** Upper bounds of the bins of pauses, milliseconds. */
const BOUNDS = [0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000];

/** Where its marks come from. */
export interface HistorySources {
  log(): readonly LogEntry[];
  operations(): readonly OperationRow[];
}

/** See the head of this file. */
export class History {
  readonly #ring = new HistoryRing();
  readonly #pauses = new RecentValues();
  readonly #sources: HistorySources;
  readonly #now: () => number;

  constructor(sources: HistorySources, now: () => number = Date.now) {
    this.#sources = sources;
    this.#now = now;
  }

  /** A second is over. */
  note(sample: Sample): void {
    this.#ring.note(sample);
  }

  /** A transfer has settled. */
  settled({ outcome, pauseMs, settledAt }: Pick<TransferRow, 'outcome' | 'pauseMs' | 'settledAt'>): void {
    if (outcome === 'success' && pauseMs !== null) this.#pauses.add(settledAt ?? this.#now(), pauseMs);
  }

  /** The last `seconds` in at most `slots` buckets and the one that is being filled. */
  of(seconds: number, slots: number, pool: string | null): HistoryReply {
    const buckets = cut(this.#now(), seconds, slots);
    const figures = pool === null ? null : this.#ring.pool(pool, buckets);
    return {
      from: buckets.from,
      to: buckets.from + buckets.length * buckets.bucketMs,
      bucketMs: buckets.bucketMs,
      samples: this.#ring.samples(buckets),
      gauges: Object.fromEntries(gauges.map((name) => [name, this.#ring.span(name, buckets)])) as Record<Gauge, Span>,
      tallies: Object.fromEntries(tallies.map((name) => [name, this.#ring.sums(name, buckets)])) as Record<Tally, number[]>,
      pauseMaxMs: this.#ring.pauseMaxMs(buckets),
      pools: this.#ring.pools(),
      pool: pool === null || figures === null ? null : { key: pool, ...figures },
      pauses: this.#distribution(buckets.from),
      marks: historyMarks(buckets.from, this.#sources.log(), this.#sources.operations()),
    };
  }

  #distribution(from: number): PauseDistribution {
    const values = this.#pauses.since(from);
    const counts = Array.from({ length: BOUNDS.length + 1 }, () => 0);
    let bin = 0;
    for (const value of values) {
      while (bin < BOUNDS.length && value > (BOUNDS[bin] ?? 0)) bin++;
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
    return {
      bounds: BOUNDS,
      counts,
      count: values.length,
      p50: percentile(values, 0.5),
      p95: percentile(values, 0.95),
      p99: percentile(values, 0.99),
      max: values.at(-1) ?? 0,
      cut: this.#pauses.hasForgotten(from),
    };
  }
}

/** The calls that look back. */
export function historyCalls(history: History, log: EventLog): Pick<Handlers, 'history' | 'events.list'> {
  return {
    history: ({ seconds, slots, pool }) => history.of(seconds, slots, pool),
    'events.list': ({ before, limit }) => ({ entries: before === null ? log.newest(limit) : log.before(before, limit) }),
  };
}
