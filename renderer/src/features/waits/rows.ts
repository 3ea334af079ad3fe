import type { EndpointRow, PoolRow, SessionRow } from '../../../../core/contract/index.ts';
import type { Queue } from './arrange.ts';
import { whyWaiting } from './why.ts';

/** One session of a queue as a row of a file. */
export interface WaitRow {
  pool: string;
  role: 'waits' | 'holds';
  /** Place in the queue; of those that hold, the likeliest culprit first. */
  place: number;
  session: number;
  application: string;
  user: string;
  endpoint: string;
  state: string;
  stateSince: number;
  serverPid: number | null;
  pins: string[];
  why: string | null;
}

/** What is known beside the queues. */
interface Known {
  sessions: ReadonlyMap<number, SessionRow>;
  pools: readonly PoolRow[];
  endpoints: readonly EndpointRow[];
}

/** Who waits and who holds, queue by queue. `now`: the host's clock. */
export function waitRows(queues: readonly Queue[], { sessions, pools, endpoints }: Known, now: number): WaitRow[] {
  return queues.flatMap((queue) => {
    const of = (ids: readonly number[]): SessionRow[] => ids.flatMap((id) => sessions.get(id) ?? []);
    const holders = of(queue.holders);
    const pool = pools.find(({ key }) => key === queue.pool);
    const row = (session: SessionRow, role: WaitRow['role'], index: number): WaitRow => ({
      pool: queue.pool,
      role,
      place: index + 1,
      session: session.id,
      application: session.application,
      user: session.user,
      endpoint: session.endpoint,
      state: session.state,
      stateSince: session.stateSince,
      serverPid: session.serverPid,
      pins: session.pins.map(({ reason }) => reason),
      why:
        role === 'holds'
          ? null
          : whyWaiting({ waiter: session, pool, endpoint: endpoints.find(({ id }) => id === session.endpoint), holders, now }),
    });
    return [
      ...of(queue.waiters).map((session, index) => row(session, 'waits', index)),
      ...holders.map((session, index) => row(session, 'holds', index)),
    ];
  });
}
