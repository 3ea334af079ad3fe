/** The last quarter of an hour: buckets that keep spikes, sums that lose nothing, memory that does not grow, marks and pauses. */
import { describe, expect, it } from 'vitest';
import { history as historySchema, type LogEntry, type OperationRow, type Sample } from '../../core/contract/index.ts';
import { History, historyCalls } from '../../core/facade/history.ts';
import { historyMarks } from '../../core/facade/history-marks.ts';
import { cut, HistoryRing } from '../../core/facade/history-ring.ts';
import { EventLog } from '../../core/metrics/log.ts';
import { RecentValues } from '../../core/metrics/recent-values.ts';
import { operationRowOf } from '../support/operation-row.ts';

/** A moment that is a multiple of a minute. */
const NOON = 1_800_000_000_000;

function sampleAt(at: number, figures: Partial<Sample> = {}): Sample {
  return {
    at,
    sessions: 10,
    sessionsActive: 2,
    waiting: 0,
    maxWaitMs: 0,
    pinned: 0,
    serversActive: 2,
    serversIdle: 3,
    queriesPerSecond: 100,
    bytesInPerSecond: 0,
    bytesOutPerSecond: 0,
    success: 0,
    recoverable: 0,
    fatal: 0,
    refused: 0,
    resurrections: 0,
    pauseP50Ms: null,
    pauseMaxMs: null,
    eventLoopP99Ms: 1,
    pools: {},
    ...figures,
  };
}

/** One that has ended well. */
function operation(id: number, figures: Partial<OperationRow> = {}): OperationRow {
  return operationRowOf({ id, startedAt: NOON, settledAt: NOON + 100, success: 3, undoable: true, ...figures });
}

describe('cutting time into buckets', () => {
  it('begins at multiples of the length, covers all of it, and has at most one more than asked for', () => {
    for (const [seconds, slots] of [
      [900, 225],
      [900, 300],
      [900, 7],
      [300, 150],
      [60, 300],
      [1, 1],
    ] as const) {
      for (const offset of [0, 1, 999, 1_000, 59_999]) {
        const now = NOON + offset;
        const { from, bucketMs, length } = cut(now, seconds, slots);
        expect(from % bucketMs).toBe(0);
        expect(length).toBeLessThanOrEqual(slots + 1);
        expect(from + length * bucketMs).toBeGreaterThan(now);
        expect(from - bucketMs).toBeLessThanOrEqual(now - seconds * 1_000);
      }
    }
  });

  it('gives a second the same bucket a moment later', () => {
    const first = cut(NOON + 1_000, 900, 225);
    const later = cut(NOON + 5_000, 900, 225);
    expect((later.from - first.from) % first.bucketMs).toBe(0);
    expect(later.bucketMs).toBe(first.bucketMs);
  });
});

describe('the ring of samples', () => {
  it('keeps the smallest and the largest of each bucket: a spike of one second survives', () => {
    const ring = new HistoryRing();
    for (let second = 0; second < 900; second++) {
      ring.note(sampleAt(NOON + second * 1_000, { waiting: second === 450 ? 37 : 1, queriesPerSecond: second === 451 ? 0 : 100 }));
    }
    const buckets = cut(NOON + 899_999, 900, 225);
    const waiting = ring.span('waiting', buckets);
    expect(waiting.max.filter((value) => value === 37)).toHaveLength(1);
    expect(waiting.min.every((value) => value === 1)).toBe(true);
    expect(ring.span('queriesPerSecond', buckets).min.filter((value) => value === 0)).toHaveLength(1);
    expect(ring.samples(buckets).reduce((sum, each) => sum + each, 0)).toBe(900);
  });

  it('sums up what is counted, whatever the buckets', () => {
    const ring = new HistoryRing();
    for (let second = 0; second < 300; second++) ring.note(sampleAt(NOON + second * 1_000, { success: second % 3, resurrections: 1 }));
    for (const slots of [1, 10, 150, 300]) {
      const buckets = cut(NOON + 299_000, 300, slots);
      expect(ring.sums('success', buckets).reduce((sum, each) => sum + each, 0)).toBe(300);
      expect(ring.sums('resurrections', buckets).reduce((sum, each) => sum + each, 0)).toBe(300);
    }
  });

  it('forgets what is older than its size, and says null where nothing was measured', () => {
    const ring = new HistoryRing();
    for (let second = 0; second < 2_000; second++) {
      if (second >= 1_500 && second < 1_600) continue;
      ring.note(sampleAt(NOON + second * 1_000, { sessions: second }));
    }
    const buckets = cut(NOON + 1_999_000, 900, 225);
    const { min, max } = ring.span('sessions', buckets);
    const samples = ring.samples(buckets);
    expect(max.at(-1)).toBe(1_999);
    const gap = Math.floor((NOON + 1_550_000 - buckets.from) / buckets.bucketMs);
    expect([samples[gap], min[gap], max[gap]]).toEqual([0, null, null]);
    // 900 samples with a hole of 100 s reach further back than is asked for; nothing of it shows.
    expect(min.find((value) => value !== null)).toBeGreaterThanOrEqual(1_099);
  });

  it('keeps what pools did, zero while they are not there, and no more pools than it has room for', () => {
    const ring = new HistoryRing();
    ring.note(sampleAt(NOON, { pools: { a: [1, 2, 3], b: [9, 9, 9] } }));
    ring.note(sampleAt(NOON + 1_000, { pools: { a: [4, 0, 8] } }));
    const buckets = cut(NOON + 1_000, 10, 10);
    expect(ring.pools()).toEqual(['a', 'b']);
    expect(ring.pool('a', buckets)?.waiting.max.slice(-2)).toEqual([3, 8]);
    expect(ring.pool('b', buckets)?.active.max.slice(-2)).toEqual([9, 0]);
    expect(ring.pool('c', buckets)).toBeNull();

    for (let second = 2; second < 400; second++)
      ring.note(sampleAt(NOON + second * 1_000, { pools: { [`made-up-${second}`]: [1, 0, 0] } }));
    expect(ring.pools()).toHaveLength(128);
    expect(ring.pools()).toContain('made-up-399');
    for (let second = 400; second < 1_400; second++) ring.note(sampleAt(NOON + second * 1_000));
    expect(ring.pools()).toEqual([]);
  });

  it('does not let a crowd of new pools push out those that are there', () => {
    const ring = new HistoryRing();
    const there = Object.fromEntries(Array.from({ length: 128 }, (_, index) => [`pool-${index}`, [1, 0, 0]] as const));
    const newcomers = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`z-${index}`, [1, 0, 0]] as const));
    ring.note(sampleAt(NOON, { pools: there as Sample['pools'] }));
    ring.note(sampleAt(NOON + 1_000, { pools: { ...there, ...newcomers } as Sample['pools'] }));
    expect(ring.pools()).toEqual(Object.keys(there).sort((a, b) => a.localeCompare(b)));
  });
});

describe('recent values', () => {
  it('keeps the newest, and says when older ones of the time asked for are gone', () => {
    const values = new RecentValues(4);
    for (const [index, value] of [5, 1, 3].entries()) values.add(NOON + index, value);
    expect([...values.since(NOON + 1)]).toEqual([1, 3]);
    expect(values.hasForgotten(NOON)).toBe(false);
    for (const [index, value] of [9, Number.NaN, -4].entries()) values.add(NOON + 3 + index, value);
    expect([...values.since(NOON)]).toEqual([0, 0, 3, 9]);
    expect(values.hasForgotten(NOON)).toBe(true);
    expect(values.hasForgotten(NOON + 3)).toBe(false);
  });
});

describe('the answer to `history`', () => {
  it('fits the contract, with pauses counted in bins whose sum is their number', () => {
    const log = new EventLog(100, () => NOON);
    const history = new History({ log: () => log.list(), operations: () => [operation(1)] }, () => NOON + 10_000);
    for (let second = 0; second <= 10; second++) history.note(sampleAt(NOON + second * 1_000, { pools: { a: [1, 1, 0] } }));
    for (const pauseMs of [0, 0.5, 0.6, 8, 12, 6_000]) history.settled({ outcome: 'success', pauseMs, settledAt: NOON });
    history.settled({ outcome: 'error_recoverable', pauseMs: 99, settledAt: NOON });
    history.settled({ outcome: 'success', pauseMs: 77, settledAt: NOON - 3_600_000 });
    log.add('error', 'backend_down', 'It is down.');
    const reply = historySchema.parse(history.of(60, 60, 'a'));
    expect(reply.pauses).toMatchObject({ count: 6, p50: 0.6, max: 6_000, cut: false });
    expect(reply.pauses.counts).toEqual([2, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
    expect(reply.pool?.key).toBe('a');
    expect(reply.samples).toHaveLength(reply.gauges.sessions.max.length);
    expect(reply.marks.map(({ kind, code }) => [kind, code])).toEqual([
      ['server', 'backend_down'],
      ['move', 'migrate'],
    ]);
    expect(history.of(60, 60, 'nobody').pool).toBeNull();
  });

  it('marks operations by how they ended, leaves everyday lines out, and keeps the last 200', () => {
    const line = (id: number, code: string): LogEntry => ({
      id,
      at: NOON + id,
      level: 'info',
      code,
      message: code,
      sessionId: null,
      repeats: 1,
    });
    const marks = historyMarks(
      NOON,
      [line(-5, 'backend_down'), line(1, 'migrated'), line(2, 'draining'), line(3, 'constructor'), line(4, 'settings_changed')],
      [operation(7, { success: 1, refused: 2 }), operation(8, { settledAt: null, fatal: 1 }), operation(9, { startedAt: NOON - 1 })],
    );
    expect(marks.map(({ code, level, message }) => [code, level, message])).toEqual([
      ['migrate', 'warn', 'Migrate 3 sessions to ep-b: 1 moved, 2 did not.'],
      ['migrate', 'error', 'Migrate 3 sessions to ep-b: under way.'],
      ['draining', 'info', 'draining'],
      ['settings_changed', 'info', 'settings_changed'],
    ]);
    const many = Array.from({ length: 500 }, (_, index) => line(index, 'backend_up'));
    expect(historyMarks(NOON, many, []).map(({ at }) => at - NOON)).toEqual(Array.from({ length: 200 }, (_, index) => index + 300));
  });

  it('pages back through the event log without a line twice or left out', async () => {
    const log = new EventLog(5_000, () => NOON);
    for (let line = 0; line < 6_000; line++) log.add('info', 'made_up', `Line ${line}.`);
    const calls = historyCalls(new History({ log: () => log.list(), operations: () => [] }), log);
    const seen: number[] = [];
    for (let before: number | null = null; ;) {
      const { entries } = await calls['events.list']({ before, limit: 1_000 });
      if (entries.length === 0) break;
      seen.unshift(...entries.map(({ id }) => id));
      before = entries[0]?.id ?? null;
    }
    expect(seen).toEqual(Array.from({ length: 5_000 }, (_, index) => index + 1_001));
  });
});
