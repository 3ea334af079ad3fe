import { Fragment, memo } from 'react';
import type { ReactNode } from 'react';
import type { PoolRow } from '../../../../core/contract/index.ts';
import { hashOf } from '../../app/routes.ts';
import { formatCount, formatMs, formatRatio } from '../../lib/format.ts';
import { Lamp } from '../../ui/Lamp.tsx';
import { BarSwatch, StackBar } from '../../ui/StackBar.tsx';
import { Tip } from '../../ui/Tip.tsx';
import { BackendMark } from '../endpoints/BackendMark.tsx';
import { barOf, openOf, parts } from './parts.ts';
import { PoolSpark } from './PoolSpark.tsx';
import styles from './Pools.module.css';

interface PoolTableProps {
  pools: readonly PoolRow[];
  /** Key of the pool that is charted. */
  chosen: string;
  onChoose: (key: string) => void;
}

/** What each colour of the bars means. */
export function Legend(): ReactNode {
  return (
    <ul className={styles.legend} aria-label="What the bars show">
      {parts.map((part) => (
        <li key={part.of} title={part.means}>
          <BarSwatch color={part.color} striped={'striped' in part} />
          {part.name}
        </li>
      ))}
    </ul>
  );
}

/** The pools, one line each: what their server connections do, who waits and for how long, and how often each was used. */
export function PoolTable({ pools, chosen, onChoose }: PoolTableProps): ReactNode {
  return (
    <table className={styles.table}>
      <thead>
        <tr>
          <th scope="col">Pool</th>
          <th scope="col" className={styles.occupancy}>
            Occupancy
          </th>
          <th scope="col">Last minute</th>
          <th scope="col" className={styles.numeric}>
            Waiting
          </th>
          <th scope="col">Waited</th>
          <th scope="col" className={styles.numeric}>
            Reuse
            <Tip what="reuse">
              Times a server connection was given to a session, for each one that was opened. In transaction mode that is about one per
              transaction; in session mode one per client.
            </Tip>
          </th>
        </tr>
      </thead>
      <tbody>
        {pools.map((pool) => (
          <Line key={pool.key} pool={pool} chosen={pool.key === chosen} onChoose={onChoose} />
        ))}
      </tbody>
    </table>
  );
}

interface LineProps {
  pool: PoolRow;
  chosen: boolean;
  onChoose: (key: string) => void;
}

/** Every delta brings all pools anew, and most of them say what they said before. */
function sameLine(before: LineProps, now: LineProps): boolean {
  return before.chosen === now.chosen && before.onChoose === now.onChoose && JSON.stringify(before.pool) === JSON.stringify(now.pool);
}

const Line = memo(function Line({ pool, chosen, onChoose }: LineProps): ReactNode {
  const bar = barOf(pool);
  const reuse = `${formatCount(pool.assignments)} assignments over ${formatCount(pool.opened)} server connections opened`;
  return (
    <Fragment>
      <tr data-chosen={chosen} data-pool={pool.key} data-failing={pool.failure !== null}>
        <th scope="row">
          <button
            type="button"
            className={styles.name}
            aria-pressed={chosen}
            title={`Chart ${pool.key}`}
            onClick={() => onChoose(pool.key)}
          >
            <BackendMark backend={pool.backend} /> {pool.backend}
          </button>
          <span className={styles.clip} title={`Database ${pool.database}, role ${pool.role}`}>
            {pool.database} as {pool.role}
          </span>
          <span className={styles.mode}>{pool.mode} mode</span>
        </th>
        <td className={styles.occupancy}>
          <StackBar parts={bar.parts} whole={bar.whole} mark={pool.size} label={bar.label} />
          <Caption pool={pool} />
        </td>
        <td>
          <PoolSpark pool={pool.key} />
        </td>
        <td className={styles.numeric}>
          <Waiting pool={pool} />
        </td>
        <td>
          <dl
            className={styles.waits}
            title={`How long ${formatCount(pool.wait.count)} sessions waited for a server connection; at once counts as 0`}
          >
            {(['p50', 'p95', 'p99', 'max'] as const).map((figure) => (
              <div key={figure}>
                <dt>{figure}</dt>
                <dd>{formatMs(pool.wait[figure])}</dd>
              </div>
            ))}
          </dl>
        </td>
        <td className={styles.numeric} title={reuse}>
          <span className={styles.figure}>{formatRatio(pool.assignments, pool.opened)}</span>
          <span className={styles.small}>{formatCount(pool.opened)} opened</span>
        </td>
      </tr>
      {pool.failure !== null && (
        <tr className={styles.failure}>
          <td colSpan={6}>
            <span className={styles.failed}>
              <Lamp tone="bad" shape="cross" />
              <span>Logins fail, and who asks is told at once: {pool.failure}</span>
            </span>
          </td>
        </tr>
      )}
    </Fragment>
  );
}, sameLine);

function Caption({ pool }: { pool: PoolRow }): ReactNode {
  const shown = parts.filter(({ of }) => of !== 'waiting' && (of === 'active' || of === 'idle' || pool[of] > 0));
  return (
    <span className={styles.open}>
      {shown.map((part) => (
        <span key={part.of}>
          {pool[part.of]} {part.name},{' '}
        </span>
      ))}
      {openOf(pool)} of {pool.size} open
    </span>
  );
}

function Waiting({ pool }: { pool: PoolRow }): ReactNode {
  if (pool.waiting === 0) return <span className={styles.figure}>0</span>;
  return (
    <>
      <a
        className={styles.waiting}
        href={hashOf('pools', { show: 'waits', pool: pool.key })}
        aria-label={`${pool.waiting} waiting, see for whom`}
      >
        <Lamp tone="warn" shape="triangle" />
        {formatCount(pool.waiting)}
      </a>
      <span className={styles.small}>for {formatMs(pool.maxWaitMs)}</span>
    </>
  );
}
