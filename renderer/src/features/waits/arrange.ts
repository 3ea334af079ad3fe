import type { SessionRow } from '../../../../core/contract/index.ts';

/** A pool that somebody waits for, with the ids of who waits (first come first) and of who holds its server connections. */
export interface Queue {
  /** `PoolRow.key`. */
  pool: string;
  waiters: readonly number[];
  /** The likeliest culprit first. */
  holders: readonly number[];
}

/** Whether it is in a transaction and runs nothing. */
export function isIdleInTransaction(row: SessionRow): boolean {
  return row.state === 'idle in transaction' || row.state === 'idle in transaction (aborted)';
}

/** A session that keeps a server connection and does nothing with it is the likelier culprit, in a transaction above all. */
function suspicion(row: SessionRow): number {
  if (isIdleInTransaction(row)) return 0;
  return row.state === 'idle' ? 1 : 2;
}

/** The pools that sessions wait for, the longest wait first. Who holds longest stands first among equals. */
export function queues(sessions: Iterable<SessionRow>): Queue[] {
  const waiting = new Map<string, SessionRow[]>();
  const rows = [...sessions];
  for (const row of rows) if (isWaiting(row)) waiting.set(row.pool, [...(waiting.get(row.pool) ?? []), row]);
  if (waiting.size === 0) return [];
  const holding = new Map<string, SessionRow[]>();
  for (const row of rows) {
    if (row.serverPid === null || !waiting.has(row.pool)) continue;
    const holders = holding.get(row.pool);
    if (holders) holders.push(row);
    else holding.set(row.pool, [row]);
  }
  return [...waiting]
    .map(([pool, waiters]) => ({
      pool,
      waiters: [...waiters].sort(bySince),
      holders: (holding.get(pool) ?? []).sort((a, b) => suspicion(a) - suspicion(b) || bySince(a, b)),
    }))
    .sort((a, b) => (a.waiters[0]?.stateSince ?? 0) - (b.waiters[0]?.stateSince ?? 0))
    .map(({ pool, waiters, holders }) => ({ pool, waiters: waiters.map(({ id }) => id), holders: holders.map(({ id }) => id) }));
}

/** Whether a session waits for a server connection. */
export function isWaiting(row: SessionRow): boolean {
  return row.state === 'waiting' && row.serverPid === null;
}

function bySince(a: SessionRow, b: SessionRow): number {
  return a.stateSince - b.stateSince || a.id - b.id;
}

/** Tells arrangements apart. */
export function queuesKey(all: readonly Queue[]): string {
  return JSON.stringify(all);
}
