/** What the view History draws and tells: gaps, stacks, the shared moment, marks that would lie on each other, rows of tables and files. */
import { describe, expect, it } from 'vitest';
import type { History, HistoryMark, Sample } from '../../core/contract/index.ts';
import { History as HostHistory } from '../../core/facade/history.ts';
import { bucketAfter, bucketOf } from '../../renderer/src/charts/cursor.ts';
import { bandPath, barsPath, bases, linePath, stretches } from '../../renderer/src/charts/paths.ts';
import { historyRows, pauseRows, placeOf } from '../../renderer/src/features/history/rows.ts';
import { groupMarks } from '../../renderer/src/features/history/group.ts';

const plot = { width: 100, height: 50, top: 10, length: 5 };

describe('paths', () => {
  it('leave a gap where nothing was measured', () => {
    expect(stretches([null, 1, 2, null, 3])).toEqual([
      [1, 2],
      [4, 4],
    ]);
    expect(linePath(plot, [null, 10, 0, null, 5])).toBe('M30 0L50 50M90 25h1.5');
    expect(linePath(plot, [null, null])).toBe('');
    expect(bandPath(plot, [0, 0], [10, 10])).toBe('M10 0L30 0L30 50L10 50Z');
  });

  it('never leave the frame', () => {
    expect(linePath(plot, [99, -4])).toBe('M10 0L30 50');
  });

  it('stack bars, and let the smallest be seen', () => {
    expect(
      bases([
        [1, 2],
        [3, 0],
        [1, 1],
      ]),
    ).toEqual([
      [0, 0],
      [1, 2],
      [4, 2],
    ]);
    const tiny = { ...plot, top: 10_000 };
    expect(barsPath(tiny, [0, 1, 0, 0, 0], [0, 0, 0, 0, 0])).toBe('M21 50V49h18V50Z');
  });
});

describe('the moment that all charts share', () => {
  const axis = { from: 1_000, bucketMs: 2_000, length: 10 };

  it('falls into a bucket, or outside of them', () => {
    expect([null, 0, 1_000, 2_999, 3_000, 20_999, 21_000].map((at) => bucketOf(axis, at))).toEqual([null, null, 0, 0, 1, 9, null]);
  });

  it('is moved by keys, and stays within', () => {
    expect(['ArrowLeft', 'ArrowRight', 'PageUp', 'PageDown', 'Home', 'End', 'Escape', 'x'].map((key) => bucketAfter(key, 9, 20))).toEqual([
      8,
      10,
      19,
      0,
      0,
      19,
      null,
      undefined,
    ]);
  });
});

describe('marks', () => {
  const mark = (at: number): HistoryMark => ({ at, kind: 'server', level: 'info', code: 'c', message: 'm', operationId: null });

  it('that would lie on each other are one sign, and none is lost', () => {
    const axis = { from: 0, bucketMs: 1_000, length: 100 };
    const groups = groupMarks([mark(-5), mark(0), mark(1_000), mark(2_500), mark(60_000), mark(200_000)], axis, 0.02);
    expect(groups.map(({ place, marks }) => [place, marks.length])).toEqual([
      [0, 2],
      [0.025, 1],
      [0.6, 1],
    ]);
  });
});

describe('rows', () => {
  const now = 1_800_000_000_000;
  const sample: Sample = {
    at: now,
    sessions: 3,
    sessionsActive: 1,
    waiting: 2,
    maxWaitMs: 40,
    pinned: 1,
    serversActive: 2,
    serversIdle: 0,
    queriesPerSecond: 7,
    bytesInPerSecond: 0,
    bytesOutPerSecond: 0,
    success: 1,
    recoverable: 0,
    fatal: 0,
    refused: 0,
    resurrections: 0,
    pauseP50Ms: 8,
    pauseMaxMs: 9,
    eventLoopP99Ms: 1,
    pools: { p: [2, 0, 2] },
  };

  /** As the host would tell it. */
  function told(pool: string | null): History {
    const host = new HostHistory({ log: () => [], operations: () => [] }, () => now + 500);
    host.note({ ...sample, at: now - 5_000, waiting: 0, pauseMaxMs: null });
    host.note(sample);
    for (const pauseMs of [3, 9]) host.settled({ outcome: 'success', pauseMs, settledAt: now });
    return host.of(60, 60, pool);
  }

  it('are the buckets in which something was measured, and no others', () => {
    const rows = historyRows(told('p'));
    expect(rows).toHaveLength(2);
    expect(rows[1]).toMatchObject({ from: now, to: now + 1_000, samples: 1, waitingMin: 2, waitingMax: 2, success: 1, pauseMaxMs: 9 });
    expect(rows[1]).toMatchObject({ pool: 'p', poolActiveMax: 2, poolIdleMax: 0, poolWaitingMax: 2 });
    expect(rows[0]).toMatchObject({ waitingMax: 0, pauseMaxMs: null });
    expect(Object.keys(historyRows(told(null))[0] ?? {}).filter((name) => name.startsWith('pool'))).toEqual([]);
  });

  it('of the pauses add up to what was moved, and a percentile stands in its bin', () => {
    const { pauses } = told(null);
    expect(pauseRows(pauses).reduce((sum, { count }) => sum + count, 0)).toBe(2);
    expect(pauseRows(pauses).at(-1)).toEqual({ over: 5_000, upTo: null, count: 0 });
    expect(placeOf([10, 20], 5)).toBeCloseTo(1 / 6);
    expect(placeOf([10, 20], 20)).toBeCloseTo(2 / 3);
    expect(placeOf([10, 20], 1e6)).toBeCloseTo(5 / 6);
  });
});
