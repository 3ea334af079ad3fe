import { useId } from 'react';
import type { ReactNode } from 'react';
import type { PoolRow } from '../../../../core/contract/index.ts';
import { useHost } from '../../bridge/client.ts';
import { formatCount, plural } from '../../lib/format.ts';
import { useServer } from '../../store/server.ts';
import { Button } from '../../ui/Button.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { VirtualList } from '../../ui/VirtualList.tsx';
import { resume } from '../pooling/controls.ts';
import { openOf } from '../pools/parts.ts';
import type { Queue } from './arrange.ts';
import { HolderRow, WaiterRow } from './Rows.tsx';
import styles from './Waits.module.css';

/** One pool that is waited for. */
export function QueuePanel({ queue, onClose }: { queue: Queue; onClose: (sessionId: number) => void }): ReactNode {
  const title = useId();
  const pool = useServer((state) => state.pools.find((each) => each.key === queue.pool));
  return (
    <article className={styles.panel} aria-labelledby={title}>
      <header className={styles.head}>
        <h2 id={title} title={queue.pool}>
          {pool ? `${pool.database} as ${pool.role} on ${pool.backend}` : queue.pool}
        </h2>
        <p className={styles.soft}>
          {plural(queue.waiters.length, 'session waits', 'sessions wait')}
          {pool && `; ${formatCount(pool.active)} of ${plural(pool.size, 'server connection')} taken`}
        </p>
      </header>
      <Paused queue={queue} />
      {pool && <Reason pool={pool} />}
      <div className={styles.sides}>
        <section className={styles.side} aria-label="Who holds">
          <h3>Who holds the server connections</h3>
          {queue.holders.length === 0 ? (
            <p className={styles.nobody}>Nobody.</p>
          ) : (
            <VirtualList
              label="Sessions that hold a server connection"
              items={queue.holders}
              keyOf={(id) => id}
              rowPx={58}
              className={styles.list}
            >
              {(id) => <HolderRow id={id} onClose={onClose} />}
            </VirtualList>
          )}
        </section>
        <section className={styles.side} aria-label="Who waits">
          <h3>Who waits, first come first</h3>
          <VirtualList label="Sessions that wait" items={queue.waiters} keyOf={(id) => id} rowPx={58} className={styles.list}>
            {(id, index) => <WaiterRow id={id} place={index + 1} queue={queue} />}
          </VirtualList>
        </section>
      </div>
    </article>
  );
}

/** Sessions of a paused endpoint wait for the operator, not for each other. */
function Paused({ queue }: { queue: Queue }): ReactNode {
  const call = useHost();
  const endpoints = useServer((state) => state.endpoints);
  const sessions = useServer((state) => state.sessions);
  const asked = new Set(queue.waiters.map((id) => sessions.get(id)?.endpoint));
  const paused = endpoints.filter((endpoint) => endpoint.paused && asked.has(endpoint.id));
  return paused.map(({ id }) => (
    <Notice
      key={id}
      tone="warn"
      actions={
        <Button small look="primary" onClick={() => resume(call, id)}>
          Resume {id}
        </Button>
      }
    >
      {id} is paused: its sessions are given no server connection until it is resumed.
    </Notice>
  ));
}

/** Why there is none to be had, where it is not that all are taken. */
function Reason({ pool }: { pool: PoolRow }): ReactNode {
  if (pool.failure !== null) return <Notice tone="bad">Logins fail: {pool.failure}</Notice>;
  if (pool.connecting > 0) return <p className={styles.note}>{plural(pool.connecting, 'server connection')} being opened.</p>;
  if (pool.waiting === 0 || openOf(pool) >= pool.size) return null;
  return <p className={styles.note}>The pool may open more: if it does not, the limit of its backend is reached (Settings, Pools).</p>;
}
