import { useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import type { PoolRow } from '../../../../core/contract/index.ts';
import { TimeChart } from '../../charts/TimeChart.tsx';
import type { Series } from '../../charts/TimeChart.tsx';
import { formatCount, formatMs, formatShare, formatShort, plural } from '../../lib/format.ts';
import { useServer } from '../../store/server.ts';
import { Empty } from '../../ui/Empty.tsx';
import { Lamp } from '../../ui/Lamp.tsx';
import { StackBar } from '../../ui/StackBar.tsx';
import styles from './Pools.module.css';

const ALL = '';

/** The figures of one pool, or of all (`ALL`), as series. */
function occupancyOf(key: string): readonly Series[] {
  const pool = (slot: 0 | 1 | 2, whole: 'serversActive' | 'serversIdle' | 'waiting'): Series['of'] =>
    key === ALL ? (sample) => sample[whole] : (sample) => sample.pools[key]?.[slot] ?? 0;
  return [
    { label: 'Active', color: 'var(--good)', look: 'area', of: pool(0, 'serversActive') },
    { label: 'Idle', color: 'var(--accent)', look: 'area', of: pool(1, 'serversIdle') },
    { label: 'Waiting', color: 'var(--warn)', look: 'line', of: pool(2, 'waiting') },
  ];
}

const queries: readonly Series[] = [{ label: 'Queries', color: 'var(--accent)', look: 'line', of: (sample) => sample.queriesPerSecond }];

/** The server connections of each pool, now and over time. */
export function PoolsView(): ReactNode {
  const pools = useServer((state) => state.pools);
  const known = useServer((state) => state.host !== null);
  const [chosen, setChosen] = useState(ALL);
  const key = pools.some((pool) => pool.key === chosen) ? chosen : ALL;
  const series = useMemo(() => occupancyOf(key), [key]);
  if (!known) return null;
  return (
    <div className={styles.view}>
      <div className={styles.top}>
        <h1>Pools</h1>
        <Totals pools={pools} />
      </div>
      <div className={styles.charts}>
        <TimeChart
          title={key === ALL ? 'Server connections, all pools' : `Server connections, ${key}`}
          series={series}
          format={formatShort}
          slot={0}
        />
        <TimeChart title="Queries per second" series={queries} format={formatShort} slot={1} />
      </div>
      <div className={styles.frame}>
        {pools.length === 0 ? (
          <Empty title="No pools yet">
            A pool appears with the first session of a backend, database and role. It keeps server connections for the next one.
          </Empty>
        ) : (
          <table className={styles.table}>
            <thead>
              <tr>
                <th scope="col">Pool</th>
                <th scope="col" className={styles.occupancy}>
                  Occupancy
                </th>
                <th scope="col" className={styles.numeric}>
                  Active
                </th>
                <th scope="col" className={styles.numeric}>
                  Idle
                </th>
                <th scope="col" className={styles.numeric}>
                  Waiting
                </th>
                <th scope="col" className={styles.numeric}>
                  Resetting
                </th>
                <th scope="col" className={styles.numeric}>
                  Connecting
                </th>
                <th scope="col" className={styles.numeric}>
                  Opened
                </th>
                <th scope="col" className={styles.numeric}>
                  Reused
                </th>
              </tr>
            </thead>
            <tbody>
              {pools.map((pool) => (
                <Line key={pool.key} pool={pool} chosen={pool.key === key} onChoose={() => setChosen(pool.key === key ? ALL : pool.key)} />
              ))}
            </tbody>
          </table>
        )}
      </div>
    </div>
  );
}

function Totals({ pools }: { pools: readonly PoolRow[] }): ReactNode {
  const waiting = pools.reduce((sum, pool) => sum + pool.waiting, 0);
  const opened = pools.reduce((sum, pool) => sum + pool.opened, 0);
  const reused = pools.reduce((sum, pool) => sum + pool.reused, 0);
  return (
    <p className={styles.soft}>
      {plural(pools.length, 'pool')}, {formatCount(waiting)} waiting, {formatShare(reused, reused + opened)} of attachments reused a
      connection
    </p>
  );
}

function Line({ pool, chosen, onChoose }: { pool: PoolRow; chosen: boolean; onChoose: () => void }): ReactNode {
  const open = pool.active + pool.idle + pool.resetting + pool.connecting;
  return (
    <tr data-chosen={chosen}>
      <th scope="row">
        <button type="button" className={styles.name} aria-pressed={chosen} title={`Chart ${pool.key}`} onClick={onChoose}>
          {pool.backend}
        </button>
        <span className={styles.clip} title={`Database ${pool.database}, role ${pool.role}`}>
          {pool.database}, {pool.role}, {pool.mode} mode
        </span>
      </th>
      <td className={styles.occupancy}>
        <StackBar
          whole={Math.max(pool.size, open)}
          label={`${pool.active} active, ${pool.idle} idle, ${pool.resetting} resetting, ${pool.connecting} connecting of at most ${pool.size}; ${pool.waiting} waiting`}
          parts={[
            { name: 'active', value: pool.active, color: 'var(--good)' },
            { name: 'idle', value: pool.idle, color: 'var(--accent)' },
            { name: 'resetting', value: pool.resetting, color: 'var(--brass)' },
            { name: 'connecting', value: pool.connecting, color: 'var(--idle-fill)' },
          ]}
        />
        <span className={styles.open}>
          {open} of {pool.size} open
        </span>
      </td>
      <td className={styles.numeric}>{formatCount(pool.active)}</td>
      <td className={styles.numeric}>{formatCount(pool.idle)}</td>
      <td className={styles.numeric}>
        {pool.waiting > 0 ? (
          <span className={styles.waiting} title={`The oldest waits for ${formatMs(pool.maxWaitMs)}`}>
            <Lamp tone="warn" shape="triangle" />
            {formatCount(pool.waiting)}
          </span>
        ) : (
          0
        )}
      </td>
      <td className={styles.numeric}>{formatCount(pool.resetting)}</td>
      <td className={styles.numeric}>{formatCount(pool.connecting)}</td>
      <td className={styles.numeric}>{formatCount(pool.opened)}</td>
      <td className={styles.numeric}>
        {formatCount(pool.reused)} <span className={styles.share}>{formatShare(pool.reused, pool.reused + pool.opened)}</span>
      </td>
    </tr>
  );
}
