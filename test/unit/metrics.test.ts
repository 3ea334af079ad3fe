import { afterEach, describe, expect, it } from 'vitest';
import { migrationCounters, type LogEntry, type TransferOutcome } from '../../core/contract/index.ts';
import { percentile, Reservoir } from '../../core/metrics/distribution.ts';
import { EventLoopMonitor } from '../../core/metrics/event-loop.ts';
import { EventLog } from '../../core/metrics/log.ts';
import { MigrationTally } from '../../core/metrics/migration-counters.ts';

/** A small seeded generator (mulberry32), so that a failure can be repeated. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

describe('Reservoir', () => {
  it('is zero before the first value', () => {
    expect(new Reservoir().snapshot()).toEqual({ count: 0, p50: 0, p95: 0, p99: 0, max: 0 });
  });
  it('is exact until it is full', () => {
    const reservoir = new Reservoir(100);
    for (let value = 100; value >= 1; value--) reservoir.add(value);
    expect(reservoir.snapshot()).toEqual({ count: 100, p50: 50, p95: 95, p99: 99, max: 100 });
  });
  it('samples uniformly beyond that: early and late values alike', () => {
    const reservoir = new Reservoir(1024, seeded(7));
    for (let value = 1; value <= 100_000; value++) reservoir.add(value);
    const { count, p50, p95, max } = reservoir.snapshot();
    expect([count, max]).toEqual([100_000, 100_000]);
    expect(Math.abs(p50 - 50_000)).toBeLessThan(6_000);
    expect(Math.abs(p95 - 95_000)).toBeLessThan(3_000);
  });
  it('keeps the maximum and ignores impossible values', () => {
    const reservoir = new Reservoir(2, seeded(1));
    for (const value of [5, 99, -3, Number.NaN, Number.POSITIVE_INFINITY, 1, 1, 1, 1, 1]) reservoir.add(value);
    expect(reservoir.snapshot()).toMatchObject({ count: 10, max: 99 });
  });
  it('takes the nearest rank', () => {
    expect([percentile([], 0.5), percentile([7], 0.01), percentile([1, 2, 3, 4], 0.5), percentile([1, 2, 3, 4], 0.51)]).toEqual([
      0, 7, 2, 3,
    ]);
  });
});

describe('MigrationTally', () => {
  it('adds up at every moment, and fits the contract', () => {
    const tally = new MigrationTally();
    const outcomes: TransferOutcome[] = ['success', 'error_recoverable', 'refused', 'success', 'error_fatal', 'refused'];
    outcomes.forEach(() => tally.begin());
    expect(tally.snapshot()).toMatchObject({ attempted: 0, inFlight: 6 });
    for (const outcome of outcomes) {
      tally.settle(outcome, 12, outcome === 'success' ? 3 : null);
      const now = tally.snapshot();
      expect(now.attempted).toBe(now.success + now.error_recoverable + now.error_fatal);
      expect(now.attemptedLatency.count).toBe(now.attempted);
    }
    const end = migrationCounters.parse(tally.snapshot());
    expect(end).toMatchObject({ attempted: 4, success: 2, error_recoverable: 1, error_fatal: 1, refused: 2, inFlight: 0 });
    expect(end.pause).toEqual({ count: 2, p50: 3, p95: 3, p99: 3, max: 3 });
  });
});

describe('EventLoopMonitor', () => {
  const monitor = new EventLoopMonitor();
  afterEach(() => monitor.stop());

  it('sees a blocked loop, once', async () => {
    expect(monitor.takeP99Ms()).toBe(0);
    monitor.start();
    const tick = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    await tick(50);
    const until = performance.now() + 120;
    while (performance.now() < until);
    await tick(50);
    expect(monitor.takeP99Ms()).toBeGreaterThan(60);
    await tick(100);
    expect(monitor.takeP99Ms()).toBeLessThan(60);
    monitor.stop();
    expect(monitor.takeP99Ms()).toBe(0);
  });
});

describe('EventLog', () => {
  it('keeps the newest lines with rising ids and tells its listener', () => {
    const log = new EventLog(3, () => 42);
    const seen: LogEntry[] = [];
    const stop = log.onEntry((entry) => seen.push(entry));
    for (let n = 1; n <= 10; n++) log.add('info', 'test', `line ${n}`, n % 2 ? n : null);
    stop();
    log.add('error', 'test', 'last');
    expect(log.list().map((entry) => entry.id)).toEqual([9, 10, 11]);
    expect(log.since(10).map((entry) => entry.message)).toEqual(['last']);
    expect(seen).toHaveLength(10);
    expect(seen[0]).toEqual({ id: 1, at: 42, level: 'info', code: 'test', message: 'line 1', sessionId: 1, repeats: 1 });
  });

  it('counts a line that is said again instead of letting it push out the others', () => {
    const log = new EventLog(5);
    log.add('error', 'backend_down', 'ep-a is down');
    for (let n = 0; n < 1_000; n++) log.add('warn', 'client_refused', 'nothing listens');
    expect(log.list()).toMatchObject([
      { message: 'ep-a is down', repeats: 1 },
      { message: 'nothing listens', repeats: 1_000 },
    ]);
  });
});
