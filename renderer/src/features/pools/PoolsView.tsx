import type { ReactNode } from 'react';
import type { PoolRow } from '../../../../core/contract/index.ts';
import { hashOf } from '../../app/routes.ts';
import { formatCount, formatRatio, plural } from '../../lib/format.ts';
import { useServer } from '../../store/server.ts';
import { Observations } from '../observations/Observations.tsx';
import { PinsList } from '../pins/PinsList.tsx';
import { Waits } from '../waits/Waits.tsx';
import { Occupancy } from './Occupancy.tsx';
import styles from './Pools.module.css';

const tabs = ['occupancy', 'waits', 'pins', 'observations'] as const;
type Tab = (typeof tabs)[number];

const contents: Record<Tab, (props: { params: URLSearchParams }) => ReactNode> = {
  occupancy: Occupancy,
  waits: Waits,
  pins: PinsList,
  observations: Observations,
};

/** The pools: their server connections, who waits for them, what keeps them, and what would break without that. */
export function PoolsView({ params }: { params: URLSearchParams }): ReactNode {
  const known = useServer((state) => state.host !== null);
  const tab = tabs.find((each) => each === params.get('show')) ?? 'occupancy';
  if (!known) return null;
  const Content = contents[tab];
  return (
    <div className={styles.view}>
      <div className={styles.top}>
        <h1>Pools</h1>
        <Totals />
      </div>
      <Tabs current={tab} />
      <Content params={params} />
    </div>
  );
}

function Tabs({ current }: { current: Tab }): ReactNode {
  const waiting = useServer((state) => state.pools.reduce((sum, pool) => sum + pool.waiting, 0));
  const pinned = useServer((state) => {
    let count = 0;
    for (const row of state.sessions.values()) if (row.pins.length > 0) count += 1;
    return count;
  });
  const observed = useServer((state) => state.observations.length);
  const labels: Record<Tab, { words: string; count: number }> = {
    occupancy: { words: 'Occupancy', count: 0 },
    waits: { words: 'Waits', count: waiting },
    pins: { words: 'Pins', count: pinned },
    observations: { words: 'Observations', count: observed },
  };
  return (
    <nav aria-label="Parts of Pools">
      <ul className={styles.tabs}>
        {tabs.map((tab) => (
          <li key={tab}>
            <a
              className={styles.tab}
              href={hashOf('pools', tab === 'occupancy' ? {} : { show: tab })}
              aria-current={tab === current ? 'page' : undefined}
            >
              {labels[tab].words}
              {labels[tab].count > 0 && <span className={styles.tabCount}>{formatCount(labels[tab].count)}</span>}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function sum(pools: readonly PoolRow[], of: (pool: PoolRow) => number): number {
  return pools.reduce((total, pool) => total + of(pool), 0);
}

function Totals(): ReactNode {
  const pools = useServer((state) => state.pools);
  const reuse = formatRatio(
    sum(pools, (pool) => pool.assignments),
    sum(pools, (pool) => pool.opened),
  );
  return (
    <p className={styles.soft}>
      {plural(pools.length, 'pool')}, {formatCount(sum(pools, (pool) => pool.waiting))} waiting; each server connection was given out{' '}
      {reuse} times
    </p>
  );
}
