/**
 * The samples of the last quarter of an hour as columns of numbers, in memory that does not grow: a figure is 7 kB, a pool 11 kB, and of
 * the pools only so many are kept.
 */
import { gauges, HISTORY_SECONDS, tallies, type Gauge, type Sample, type Span, type Tally } from '../contract/index.ts';

/** Pools of which something is kept; clients choose the names of databases and roles. */
const POOLS_KEPT = 128;
/** Figures per pool and second: active, idle, waiting. */
const PER_POOL = 3;

/** How a stretch of time is cut. */
export interface Buckets {
  /** Beginning of the first one, milliseconds since the epoch. */
  readonly from: number;
  readonly bucketMs: number;
  readonly length: number;
}

/** Cuts the last `seconds` before `now` into at most `slots` buckets, and one for what is left at the end. */
export function cut(now: number, seconds: number, slots: number): Buckets {
  const bucketMs = Math.ceil(seconds / slots) * 1_000;
  const last = Math.floor(now / bucketMs);
  const first = Math.floor((now - seconds * 1_000) / bucketMs) + 1;
  return { from: first * bucketMs, bucketMs, length: last - first + 1 };
}

interface PoolColumn {
  readonly values: Uint32Array;
  /** When anything but nothing was noted last, as the number of the sample. */
  lastSeen: number;
}

/** See the head of this file. */
export class HistoryRing {
  readonly #slots: number;
  readonly #at: Float64Array;
  readonly #columns = new Map<Gauge | Tally | 'pauseMaxMs', Float64Array>();
  readonly #pools = new Map<string, PoolColumn>();
  #taken = 0;

  constructor(slots = HISTORY_SECONDS) {
    this.#slots = slots;
    this.#at = new Float64Array(slots);
    for (const name of [...gauges, ...tallies, 'pauseMaxMs'] as const) this.#columns.set(name, new Float64Array(slots));
  }

  /** Keeps a second; the oldest one goes. */
  note(sample: Sample): void {
    const place = this.#taken % this.#slots;
    this.#at[place] = sample.at;
    for (const [name, column] of this.#columns) column[place] = sample[name] ?? Number.NaN;
    for (const column of this.#pools.values()) column.values.fill(0, place * PER_POOL, (place + 1) * PER_POOL);
    for (const [key, figures] of Object.entries(sample.pools)) {
      const column = this.#pools.get(key) ?? this.#newPool(key);
      if (column === null) continue;
      column.values.set(figures, place * PER_POOL);
      column.lastSeen = this.#taken;
    }
    this.#taken++;
    for (const [key, column] of this.#pools) if (this.#taken - column.lastSeen > this.#slots) this.#pools.delete(key);
  }

  /** Those of which something is kept, in order. */
  pools(): string[] {
    return [...this.#pools.keys()].sort((a, b) => a.localeCompare(b));
  }

  /** How many seconds were measured in each bucket. */
  samples(buckets: Buckets): number[] {
    const counts = Array.from({ length: buckets.length }, () => 0);
    this.#each(buckets, (bucket) => (counts[bucket] = (counts[bucket] ?? 0) + 1));
    return counts;
  }

  span(name: Gauge, buckets: Buckets): Span {
    const column = this.#columns.get(name);
    return this.#span(buckets, (place) => column?.[place] ?? Number.NaN);
  }

  sums(name: Tally, buckets: Buckets): number[] {
    const column = this.#columns.get(name);
    const sums = Array.from({ length: buckets.length }, () => 0);
    this.#each(buckets, (bucket, place) => (sums[bucket] = (sums[bucket] ?? 0) + (column?.[place] ?? 0)));
    return sums;
  }

  pauseMaxMs(buckets: Buckets): (number | null)[] {
    const column = this.#columns.get('pauseMaxMs');
    return this.#span(buckets, (place) => column?.[place] ?? Number.NaN).max;
  }

  /** Null if nothing is kept of that pool. */
  pool(key: string, buckets: Buckets): { active: Span; idle: Span; waiting: Span } | null {
    const column = this.#pools.get(key);
    if (column === undefined) return null;
    const figure = (offset: number): Span => this.#span(buckets, (place) => column.values[place * PER_POOL + offset] ?? 0);
    return { active: figure(0), idle: figure(1), waiting: figure(2) };
  }

  /** Null: there is no room, all that are kept are still there. */
  #newPool(key: string): PoolColumn | null {
    if (this.#pools.size >= POOLS_KEPT) {
      let oldest: [string, PoolColumn] | null = null;
      for (const each of this.#pools) if (oldest === null || each[1].lastSeen < oldest[1].lastSeen) oldest = each;
      if (oldest === null || oldest[1].lastSeen >= this.#taken - 1) return null;
      this.#pools.delete(oldest[0]);
    }
    const column = { values: new Uint32Array(this.#slots * PER_POOL), lastSeen: this.#taken };
    this.#pools.set(key, column);
    return column;
  }

  #span(buckets: Buckets, valueAt: (place: number) => number): Span {
    const min = Array.from<number | null>({ length: buckets.length }).fill(null);
    const max = Array.from<number | null>({ length: buckets.length }).fill(null);
    this.#each(buckets, (bucket, place) => {
      const value = valueAt(place);
      if (Number.isNaN(value)) return;
      const [low, high] = [min[bucket] ?? null, max[bucket] ?? null];
      if (low === null || value < low) min[bucket] = value;
      if (high === null || value > high) max[bucket] = value;
    });
    return { min, max };
  }

  #each({ from, bucketMs, length }: Buckets, visit: (bucket: number, place: number) => void): void {
    const kept = Math.min(this.#taken, this.#slots);
    for (let place = 0; place < kept; place++) {
      const bucket = Math.floor(((this.#at[place] ?? 0) - from) / bucketMs);
      if (bucket >= 0 && bucket < length) visit(bucket, place);
    }
  }
}
