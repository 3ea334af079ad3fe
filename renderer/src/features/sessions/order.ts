import type { SessionRow } from '../../../../core/contract/index.ts';
import type { ClosedSession } from '../../store/server.ts';
import { sortSessions } from './sort.ts';
import type { SortColumn } from './sort.ts';

/** How long a closed session keeps its place in the table, in milliseconds. */
export const CLOSED_SHOWN_MS = 2_000;

/** What an order is made of. */
export interface OrderInput {
  sessions: ReadonlyMap<number, SessionRow>;
  closed: ReadonlyMap<number, ClosedSession>;
  matches: (row: SessionRow) => boolean;
  column: SortColumn;
  descending: boolean;
  /** Sessions that stand above the others, in the same order among themselves. */
  top: ReadonlySet<number>;
  now: number;
}

/** Filters and sorts afresh; sessions that closed less than `CLOSED_SHOWN_MS` ago and were shown before keep their place. */
export function freshOrder(previous: readonly number[], input: OrderInput): readonly number[] {
  const shown = new Set(previous);
  const rows = [...input.sessions.values()].filter(input.matches);
  for (const [id, { row, closedAt }] of input.closed) {
    if (shown.has(id) && input.now - closedAt < CLOSED_SHOWN_MS) rows.push(row);
  }
  const sorted = sortSessions(rows, input.column, input.descending);
  const { top } = input;
  if (top.size === 0) return sameOr(previous, sorted);
  return sameOr(previous, [...sorted.filter((id) => top.has(id)), ...sorted.filter((id) => !top.has(id))]);
}

/**
 * Changes the membership without moving a row: what is gone for good leaves, what is new and matches comes last. Closed rows
 * stay as long as they are remembered, and rows that no longer match stay too, until the next fresh order.
 */
export function heldOrder(previous: readonly number[], input: OrderInput): readonly number[] {
  const kept = previous.filter((id) => input.sessions.has(id) || input.closed.has(id));
  const shown = new Set(kept);
  const added: number[] = [];
  for (const row of input.sessions.values()) {
    if (!shown.has(row.id) && input.matches(row)) added.push(row.id);
  }
  return sameOr(previous, added.length === 0 ? kept : [...kept, ...added]);
}

function sameOr(previous: readonly number[], next: readonly number[]): readonly number[] {
  return previous.length === next.length && previous.every((id, i) => id === next[i]) ? previous : next;
}
