import type { ReactNode } from 'react';
import { TimeChart } from '../../charts/TimeChart.tsx';
import type { Series } from '../../charts/TimeChart.tsx';
import { formatMs, formatShort } from '../../lib/format.ts';
import styles from './History.module.css';

const sessions: readonly Series[] = [
  { label: 'Sessions', color: 'var(--accent)', look: 'line', of: (sample) => sample.sessions },
  { label: 'Active', color: 'var(--good)', look: 'area', of: (sample) => sample.sessionsActive },
];
const waits: readonly Series[] = [{ label: 'Waiting', color: 'var(--warn)', look: 'area', of: (sample) => sample.waiting }];
const delay: readonly Series[] = [{ label: 'p99', color: 'var(--brass)', look: 'line', of: (sample) => sample.eventLoopP99Ms }];

/** What the host did of late. */
export function HistoryView(): ReactNode {
  return (
    <div className={styles.view}>
      <h1>History</h1>
      <TimeChart title="Sessions" series={sessions} format={formatShort} slot={0} />
      <TimeChart title="Waiting sessions" series={waits} format={formatShort} slot={1} />
      <TimeChart title="Event-loop delay of the host" series={delay} format={formatMs} slot={2} />
    </div>
  );
}
