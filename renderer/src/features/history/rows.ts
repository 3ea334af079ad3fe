import { gauges, tallies } from '../../../../core/contract/index.ts';
import type { History, PauseDistribution } from '../../../../core/contract/index.ts';

/** One bucket as a row of a table or a file: `waitingMin`, `waitingMax`, `success`, … Null: nothing was measured. */
export type HistoryRow = Record<string, string | number | null>;

/** The buckets in which something was measured, oldest first. */
export function historyRows(history: History): HistoryRow[] {
  const rows: HistoryRow[] = [];
  for (const [bucket, samples] of history.samples.entries()) {
    if (samples === 0) continue;
    const from = history.from + bucket * history.bucketMs;
    const row: HistoryRow = { from, to: from + history.bucketMs, samples };
    for (const name of gauges) {
      row[`${name}Min`] = history.gauges[name].min[bucket] ?? null;
      row[`${name}Max`] = history.gauges[name].max[bucket] ?? null;
    }
    for (const name of tallies) row[name] = history.tallies[name][bucket] ?? 0;
    row['pauseMaxMs'] = history.pauseMaxMs[bucket] ?? null;
    if (history.pool) {
      row['pool'] = history.pool.key;
      for (const name of ['active', 'idle', 'waiting'] as const) {
        row[`pool${name.charAt(0).toUpperCase()}${name.slice(1)}Max`] = history.pool[name].max[bucket] ?? null;
      }
    }
    rows.push(row);
  }
  return rows;
}

/** The bins of a distribution: `over` and `upTo` in milliseconds, `upTo` null in the last. */
export function pauseRows({ bounds, counts }: PauseDistribution): { over: number; upTo: number | null; count: number }[] {
  return counts.map((count, bin) => ({ over: bounds[bin - 1] ?? 0, upTo: bounds[bin] ?? null, count }));
}

/** Where a pause stands among bins of the same width, 0 to 1. */
export function placeOf(bounds: readonly number[], ms: number): number {
  const bins = bounds.length + 1;
  const bin = bounds.findIndex((bound) => ms <= bound);
  if (bin < 0) return (bins - 0.5) / bins;
  const low = bounds[bin - 1] ?? 0;
  const high = bounds[bin] ?? low;
  return (bin + (high === low ? 0 : (ms - low) / (high - low))) / bins;
}
