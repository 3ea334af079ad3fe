import { describe, expect, it } from 'vitest';
import type { SessionRow } from '../../core/contract/index.ts';
import { CLOSED_SHOWN_MS, freshOrder, heldOrder } from '../../renderer/src/features/sessions/order.ts';
import type { OrderInput } from '../../renderer/src/features/sessions/order.ts';
import { clickSelection } from '../../renderer/src/features/sessions/selection.ts';
import { sortSessions } from '../../renderer/src/features/sessions/sort.ts';
import { sessionRowOf as session } from '../support/session-row.ts';

describe('sortSessions', () => {
  it('sorts names as people do and equal rows by id', () => {
    const rows = [session(3, { application: 'web10' }), session(2, { application: 'Web2' }), session(1, { application: 'web10' })];
    expect(sortSessions(rows, 'application', false)).toEqual([2, 1, 3]);
    expect(sortSessions(rows, 'application', true)).toEqual([1, 3, 2]);
  });

  it('puts the longest in its state on top when descending by since', () => {
    const rows = [session(1, { stateSince: 500 }), session(2, { stateSince: 100 }), session(3, { stateSince: 900 })];
    expect(sortSessions(rows, 'since', true)).toEqual([2, 1, 3]);
  });

  it('adds both directions for bytes', () => {
    const rows = [session(1, { bytesIn: 5, bytesOut: 5 }), session(2, { bytesIn: 9, bytesOut: 0 })];
    expect(sortSessions(rows, 'bytes', false)).toEqual([2, 1]);
  });
});

describe('clickSelection', () => {
  const order = [5, 3, 9, 1, 7];
  const none = { selected: new Set<number>(), anchor: null };
  const plain = { shift: false, toggle: false };

  it('takes one, then a range in the order shown, then another range from the same anchor', () => {
    const one = clickSelection(none, order, 3, plain);
    const range = clickSelection(one, order, 1, { shift: true, toggle: false });
    expect([...range.selected]).toEqual([3, 9, 1]);
    const back = clickSelection(range, order, 5, { shift: true, toggle: false });
    expect([...back.selected]).toEqual([5, 3]);
  });

  it('toggles one without touching those that the filter hides', () => {
    const before = { selected: new Set([42, 3]), anchor: 3 };
    expect([...clickSelection(before, order, 9, { shift: false, toggle: true }).selected]).toEqual([42, 3, 9]);
    expect([...clickSelection(before, order, 3, { shift: false, toggle: true }).selected]).toEqual([42]);
  });

  it('adds a range with both keys', () => {
    const before = { selected: new Set([7]), anchor: 5 };
    expect([...clickSelection(before, order, 9, { shift: true, toggle: true }).selected]).toEqual([7, 5, 3, 9]);
  });

  it('starts afresh when the anchor is gone', () => {
    const before = { selected: new Set([99]), anchor: 99 };
    expect([...clickSelection(before, order, 9, { shift: true, toggle: false }).selected]).toEqual([9]);
  });
});

describe('the order of rows', () => {
  const input = (rows: SessionRow[], change: Partial<OrderInput> = {}): OrderInput => ({
    sessions: new Map(rows.map((row) => [row.id, row])),
    closed: new Map(),
    matches: () => true,
    column: 'queries',
    descending: false,
    top: new Set<number>(),
    now: 10_000,
    ...change,
  });
  const three = [session(1, { queries: 30 }), session(2, { queries: 20 }), session(3, { queries: 10 })];

  it('is the sorted one when fresh, and the same list when nothing moved', () => {
    const order = freshOrder([], input(three));
    expect(order).toEqual([3, 2, 1]);
    expect(freshOrder(order, input(three))).toBe(order);
  });

  it('moves no row while held: new ones come last, closed ones stay', () => {
    const rows = [session(1, { queries: 0 }), session(3, { queries: 99 }), session(4)];
    const closed = new Map([[2, { row: session(2), closedAt: 0 }]]);
    expect(heldOrder([3, 2, 1], input(rows, { closed }))).toEqual([3, 2, 1, 4]);
    const same = heldOrder([3, 2, 1], input([session(1), session(3)], { closed }));
    expect(same).toEqual([3, 2, 1]);
  });

  it('keeps a row that no longer matches while held, and drops it when fresh', () => {
    const matches = (row: SessionRow): boolean => row.id !== 2;
    expect(heldOrder([3, 2, 1], input(three, { matches }))).toEqual([3, 2, 1]);
    expect(freshOrder([3, 2, 1], input(three, { matches }))).toEqual([3, 1]);
  });

  it('shows a closed row for its time, if it was shown before', () => {
    const closed = new Map([[2, { row: session(2, { queries: 20 }), closedAt: 10_000 - CLOSED_SHOWN_MS + 1 }]]);
    const rows = [session(1, { queries: 30 }), session(3, { queries: 10 })];
    expect(freshOrder([3, 2, 1], input(rows, { closed }))).toEqual([3, 2, 1]);
    expect(freshOrder([3, 1], input(rows, { closed }))).toEqual([3, 1]);
    expect(freshOrder([3, 2, 1], input(rows, { closed, now: 10_001 }))).toEqual([3, 1]);
  });
});
