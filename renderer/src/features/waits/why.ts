import type { EndpointRow, PoolRow, SessionRow } from '../../../../core/contract/index.ts';
import { formatSpan, plural } from '../../lib/format.ts';
import { openOf } from '../pools/parts.ts';
import { isIdleInTransaction } from './arrange.ts';

/** What is known where a session waits. */
export interface WaitScene {
  waiter: SessionRow;
  /** Undefined: the pool is not known (any more). */
  pool: PoolRow | undefined;
  endpoint: EndpointRow | undefined;
  /** Who holds the pool's server connections, the likeliest culprit first. */
  holders: readonly SessionRow[];
  /** The host's clock. */
  now: number;
}

/** Why a client waits for a server connection, as one sentence. */
export function whyWaiting({ waiter, pool, endpoint, holders, now }: WaitScene): string {
  if (endpoint?.paused) return `${waiter.endpoint} is paused: nobody is given a server connection until it is resumed.`;
  if (!pool) return 'Its pool is not known any more.';
  if (pool.failure !== null) return `Logins to the server fail: ${pool.failure}`;
  if (pool.connecting > 0)
    return `${plural(pool.connecting, 'server connection')} for it ${pool.connecting === 1 ? 'is' : 'are'} being opened.`;
  if (openOf(pool) < pool.size) return 'The pool may open more, but the limit of its backend is reached (Settings, Pools).';
  const taken = pool.size === 1 ? 'The only server connection is taken' : `All ${plural(pool.size, 'server connection')} are taken`;
  const [culprit] = holders;
  return culprit ? `${taken}; ${who(culprit)} ${doing(culprit, now)}.` : `${taken}.`;
}

function who({ id, application }: SessionRow): string {
  return `session ${id}${application === '' ? '' : `, ${application},`}`;
}

function doing(row: SessionRow, now: number): string {
  const since = formatSpan(now - row.stateSince);
  if (isIdleInTransaction(row)) return `has held one idle in a transaction for ${since}`;
  const [pin] = row.pins;
  if (pin) return `keeps one because it is pinned: ${pin.reason}`;
  if (row.state === 'idle') return row.poolMode === 'session' ? 'keeps one until it leaves, in session mode' : 'is about to give one back';
  return `has held one for ${since}, ${row.state}`;
}
