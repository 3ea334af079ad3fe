/** Figures from figures: percentiles, medians, ratios round by round, and what the floors come to. */

/** p50, p95, p99 by the nearest rank; null without values. */
export function percentilesOf(values) {
  if (values.length === 0) return null;
  const sorted = Float64Array.from(values).sort();
  const at = (share) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

/** Middle value, the mean of the two middle ones for an even number; null without values. */
export function median(values) {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Median, lowest and highest; null without values. */
export function spread(values) {
  if (values.length === 0) return null;
  return { median: median(values), lowest: Math.min(...values), highest: Math.max(...values) };
}

/**
 * One row per workload, number of clients and configuration. Ratios compare runs of the same round, which stood a few seconds apart; a
 * round in which one of the two failed gives none.
 */
export function summarise(runs, configurations) {
  const groups = groupBy(runs, keyOf);
  return [...groups.values()].map((group) => {
    const [{ workload, clients, configuration }] = group;
    const { rival } = configurations.find(({ id }) => id === configuration);
    const good = group.filter((run) => run.failure === null);
    const ratioTo = (other) =>
      spread(
        good.flatMap((run) => {
          const base = runs.find((each) => keyOf(each) === keyOf({ workload, clients, configuration: other }) && each.round === run.round);
          return base === undefined || base.failure !== null || base.tps === 0 ? [] : [run.tps / base.tps];
        }),
      );
    const middle = (pick) => median(good.map(pick).filter((value) => value !== null));
    return {
      workload,
      clients,
      configuration,
      rounds: good.length,
      failure: group.find((run) => run.failure !== null)?.failure ?? null,
      tps: spread(good.map((run) => run.tps)),
      toDirect: configuration === 'direct' ? null : ratioTo('direct'),
      toRival: rival === null ? null : ratioTo(rival),
      p50: middle((run) => run.latency?.p50 ?? null),
      p95: middle((run) => run.latency?.p95 ?? null),
      p99: middle((run) => run.latency?.p99 ?? null),
      cpuMicros: cpuPerTransaction(good),
      peakKb: highest(good.map((run) => run.peakKb)),
      servers: highest(good.map((run) => run.servers)),
    };
  });
}

function keyOf({ workload, clients, configuration }) {
  return `${workload} ${clients} ${configuration}`;
}

/** Over all rounds together: the kernel counts in steps of 10 ms. */
function cpuPerTransaction(runs) {
  const known = runs.filter((run) => run.cpuSeconds !== null && run.transactions > 0);
  if (known.length === 0) return null;
  const seconds = known.reduce((sum, run) => sum + run.cpuSeconds, 0);
  return (seconds * 1e6) / known.reduce((sum, run) => sum + run.transactions, 0);
}

function highest(values) {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}

function groupBy(items, key) {
  const groups = new Map();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}
