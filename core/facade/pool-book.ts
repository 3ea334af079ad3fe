/** What pools have counted since the start, those that are gone and made anew included: totals that never fall. */
import type { PoolRow } from '../contract/index.ts';

/** The counters of a pool. */
export interface PoolTotals {
  readonly opened: number;
  readonly reused: number;
  readonly assignments: number;
}

/** A pool, whether it is there or not. */
export interface BookedPool extends PoolTotals {
  readonly key: string;
  readonly backend: string;
  readonly database: string;
  readonly role: string;
}

interface Line {
  readonly pool: Pick<PoolRow, 'key' | 'backend' | 'database' | 'role'>;
  /** Of pools of this key that are gone. */
  past: PoolTotals;
  now: PoolTotals;
}

const NOTHING: PoolTotals = { opened: 0, reused: 0, assignments: 0 };

/** See the head of this file. */
export class PoolBook {
  readonly #lines = new Map<string, Line>();

  /** The pools as they are now; to be told often, since what a pool counted after the last time is lost with it. */
  note(pools: readonly PoolRow[]): void {
    const gone = new Set(this.#lines.keys());
    for (const pool of pools) {
      gone.delete(pool.key);
      const line = this.#lines.get(pool.key);
      // Clients choose the names of databases and roles: one that no server let in is not remembered.
      if (line === undefined && pool.opened === 0) continue;
      const now = { opened: pool.opened, reused: pool.reused, assignments: pool.assignments };
      const { key, backend, database, role } = pool;
      if (line === undefined) this.#lines.set(key, { pool: { key, backend, database, role }, past: NOTHING, now });
      else {
        if (now.opened < line.now.opened || now.assignments < line.now.assignments) line.past = sum(line.past, line.now);
        line.now = now;
      }
    }
    for (const key of gone) {
      const line = this.#lines.get(key);
      if (line === undefined) continue;
      line.past = sum(line.past, line.now);
      line.now = NOTHING;
    }
  }

  rows(): BookedPool[] {
    return [...this.#lines.values()].map(({ pool, past, now }) => ({ ...pool, ...sum(past, now) }));
  }
}

function sum(a: PoolTotals, b: PoolTotals): PoolTotals {
  return { opened: a.opened + b.opened, reused: a.reused + b.reused, assignments: a.assignments + b.assignments };
}
