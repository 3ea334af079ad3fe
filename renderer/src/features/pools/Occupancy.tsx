import { useCallback, useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import { hashOf } from '../../app/routes.ts';
import { TimeChart } from '../../charts/TimeChart.tsx';
import type { Series } from '../../charts/TimeChart.tsx';
import { formatShort } from '../../lib/format.ts';
import { useServer } from '../../store/server.ts';
import { Empty } from '../../ui/Empty.tsx';
import { ExportMenu } from '../../ui/ExportMenu.tsx';
import { EndpointControls } from './EndpointControls.tsx';
import { Legend, PoolTable } from './PoolTable.tsx';
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

/** The server connections of each pool, now and over time, and how endpoints are pooled. */
export function Occupancy(): ReactNode {
  const pools = useServer((state) => state.pools);
  const [chosen, setChosen] = useState(ALL);
  const key = pools.some((pool) => pool.key === chosen) ? chosen : ALL;
  const choose = useCallback((next: string) => setChosen((before) => (before === next ? ALL : next)), []);
  const series = useMemo(() => occupancyOf(key), [key]);
  return (
    <>
      <div className={styles.charts}>
        <TimeChart
          title={key === ALL ? 'Server connections, all pools' : `Server connections, ${key}`}
          series={series}
          format={formatShort}
          slot={0}
        />
        <TimeChart title="Queries per second" series={queries} format={formatShort} slot={1} />
      </div>
      {pools.length > 0 && (
        <div className={styles.tools}>
          <Legend />
          <ExportMenu what="pools" shown={() => pools} />
        </div>
      )}
      <div className={styles.frame}>
        {pools.length === 0 ? (
          <Empty title="No pools yet" actions={<a href={hashOf('sessions')}>Connect the first client</a>}>
            A pool appears with the first session of a backend, database and role. It keeps server connections for the next one.
          </Empty>
        ) : (
          <PoolTable pools={pools} chosen={key} onChoose={choose} />
        )}
      </div>
      <EndpointControls />
    </>
  );
}
