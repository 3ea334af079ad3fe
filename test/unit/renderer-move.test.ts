import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { TransferRow, Verdict } from '../../core/contract/index.ts';
import { Summaries, summaryOf } from '../../renderer/src/features/migrate/announce.ts';
import { groupVerdicts } from '../../renderer/src/features/migrate/group-verdicts.ts';
import { isHeld, progressOf, stageOf, stages } from '../../renderer/src/features/migrate/progress.ts';
import { commit, edited, joined, removed } from '../../renderer/src/features/sessions/filter-draft.ts';
import { transferPhase } from '../../core/contract/index.ts';
import { operationRowOf } from '../support/operation-row.ts';

function transfer(id: number, change: Partial<TransferRow> = {}): TransferRow {
  return {
    id,
    operationId: 1,
    sessionId: id,
    application: '',
    fromEndpoint: 'ep-a',
    toEndpoint: 'ep-b',
    fromBackend: 'a:1',
    toBackend: 'b:2',
    phase: 'armed',
    outcome: null,
    reason: null,
    requestedAt: 0,
    settledAt: null,
    mode: 'two-phase',
    dialect: 'postgres',
    phases: [],
    holdsMs: [],
    heldBytes: 0,
    attempts: 0,
    pauseMs: null,
    stateBytes: null,
    findings: [],
    ...change,
  };
}

describe('groups of verdicts', () => {
  const judged = (
    sessionId: number,
    verdict: Verdict['verdict'],
    reason: string | null,
    hint: string | null = null,
    code = 'temp_object',
  ) => ({
    session: undefined,
    verdict: {
      sessionId,
      verdict,
      reason,
      findings: verdict === 'refused' ? [{ level: 'block' as const, code, message: reason ?? '', hint }] : [],
    },
  });

  it('puts what needs attention first and leaves out what differs', () => {
    const groups = groupVerdicts([
      judged(1, 'ready', null),
      judged(2, 'ready', null),
      judged(3, 'waits', 'in transaction since 3.2 s'),
      judged(4, 'waits', 'in transaction since 12 s'),
      judged(5, 'refused', 'It owns the temporary table "basket".', 'DROP TABLE basket'),
      judged(6, 'refused', 'It owns the temporary table "cart".', 'DROP TABLE cart'),
      judged(7, 'refused', 'It holds an advisory lock.', 'Unlock it.', 'advisory_lock'),
    ]);
    expect(groups.map(({ verdict, reason, sessions }) => [verdict, reason, sessions.map((each) => each.verdict.sessionId)])).toEqual([
      ['refused', 'It owns the temporary table "…".', [5, 6]],
      ['refused', 'It holds an advisory lock.', [7]],
      ['waits', 'in transaction since … s', [3, 4]],
      ['ready', null, [1, 2]],
    ]);
    expect(groups[1]?.hint).toBe('Unlock it.');
  });

  it('loses nobody and counts nobody twice', () => {
    const all = Array.from({ length: 300 }, (_, id) =>
      judged(
        id,
        (['ready', 'waits', 'refused'] as const)[id % 3] ?? 'ready',
        id % 3 === 0 ? null : `reason ${id % 7} of "${id}"`,
        null,
        `code_${id % 5}`,
      ),
    );
    const ids = groupVerdicts(all).flatMap(({ sessions }) => sessions.map((each) => each.verdict.sessionId));
    expect(ids.toSorted((a, b) => a - b)).toEqual(all.map((each) => each.verdict.sessionId));
  });
});

describe('progress', () => {
  it('counts who is held, and knows that an optimistic move does not hold while it restores', () => {
    const steps = [
      transfer(1, { phase: 'restore' }),
      transfer(2, { phase: 'restore', mode: 'optimistic' }),
      transfer(3, { phase: 'armed', holdsMs: [4, 9] }),
      transfer(4, { phase: 'settled', outcome: 'success', holdsMs: [12.5] }),
    ];
    const progress = progressOf(operationRowOf({ total: 4, success: 1 }), steps);
    expect(progress.held).toBe(1);
    expect(progress.longestHold).toBe(12.5);
    expect(isHeld('capture', 'detached')).toBe(false);
  });

  it('has a stage for every phase', () => {
    for (const phase of transferPhase.options) expect(stageOf(phase), phase).toBeLessThanOrEqual(stages.length);
    expect(stageOf('settled')).toBe(stages.length);
  });
});

describe('what a screen reader hears', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('is one sentence, whether one operation goes on or many', () => {
    expect(summaryOf([])).toBe('');
    expect(summaryOf([operationRowOf({ success: 1, refused: 1 })])).toBe('Migrate 3 sessions to ep-b: 2 of 3 settled.');
    expect(summaryOf([operationRowOf({ success: 2, refused: 1, settledAt: 1 })])).toBe(
      'Migrate 3 sessions to ep-b: 2 of 3 moved, 1 stayed.',
    );
    expect(summaryOf([operationRowOf({ success: 3, settledAt: 1 }), operationRowOf({ id: 2, success: 1 })])).toBe(
      '2 operations, 1 settled: 4 of 6 sessions moved.',
    );
  });

  it('is at most one summary in five seconds, the newest, and the last is never lost', () => {
    const said: [number, string][] = [];
    const from = Date.now();
    const summaries = new Summaries((words) => said.push([Date.now() - from, words]), 5_000);
    for (let i = 0; i <= 48; i += 1) {
      summaries.offer(`${i} settled`);
      vi.advanceTimersByTime(250);
    }
    vi.advanceTimersByTime(60_000);
    expect(said.map(([, words]) => words)).toEqual(['0 settled', '19 settled', '39 settled', '48 settled']);
    for (const [i, [at]] of said.entries()) expect(at - (said[i - 1]?.[0] ?? -5_000)).toBeGreaterThanOrEqual(5_000);
  });

  it('is not the same twice, and nothing after the end', () => {
    const said: string[] = [];
    const summaries = new Summaries((words) => said.push(words), 5_000);
    summaries.offer('a');
    summaries.offer('a');
    vi.advanceTimersByTime(5_000);
    summaries.offer('a');
    summaries.offer('b');
    summaries.offer('c');
    summaries.end();
    vi.advanceTimersByTime(60_000);
    expect(said).toEqual(['a', 'b']);
  });
});

describe('a filter while it is written', () => {
  it('makes a chip of a term that has a value', () => {
    expect(commit({ committed: 'user:bob', draft: 'state:"idle' })).toEqual({ committed: 'user:bob state:idle', draft: '' });
    expect(commit({ committed: 'user:bob', draft: 'state:' })).toEqual({ committed: 'user:bob', draft: 'state:' });
  });

  it('takes a chip back, keeping what was being written, and removes one', () => {
    expect(edited({ committed: 'user:bob "two words"', draft: 'x' }, 1)).toEqual({ committed: 'user:bob x', draft: '"two words"' });
    expect(removed({ committed: 'user:bob x', draft: 'y' }, 0)).toEqual({ committed: 'x', draft: 'y' });
    expect(joined({ committed: 'x', draft: 'y' })).toBe('x y');
    expect(joined({ committed: '', draft: 'y' })).toBe('y');
  });
});
