import type { ReactNode } from 'react';
import type { History } from '../../../../core/contract/index.ts';
import { formatClock, formatCount, formatMoment, formatMs, formatShort } from '../../lib/format.ts';
import { Empty } from '../../ui/Empty.tsx';
import { ScrollRegion } from '../../ui/ScrollRegion.tsx';
import styles from './History.module.css';
import { historyRows, pauseRows } from './rows.ts';
import type { HistoryRow } from './rows.ts';

interface Column {
  title: string;
  of: (row: HistoryRow) => string;
}

function figure(row: HistoryRow, name: string, format: (value: number) => string): string {
  const value = row[name];
  return typeof value === 'number' ? format(value) : '–';
}

const largest = (title: string, name: string, format: (value: number) => string = formatShort): Column => ({
  title,
  of: (row) => figure(row, `${name}Max`, format),
});
const counted = (title: string, name: string): Column => ({ title, of: (row) => figure(row, name, formatCount) });

const columns: readonly Column[] = [
  largest('Sessions', 'sessions'),
  largest('Active', 'sessionsActive'),
  largest('Queries/s', 'queriesPerSecond'),
  largest('Waiting', 'waiting'),
  largest('Longest wait', 'maxWaitMs', formatMs),
  largest('Pinned', 'pinned'),
  counted('Moved', 'success'),
  counted('Recoverable', 'recoverable'),
  counted('Fatal', 'fatal'),
  counted('Refused', 'refused'),
  counted('Outlived', 'resurrections'),
  { title: 'Longest pause', of: (row) => figure(row, 'pauseMaxMs', formatMs) },
  largest('Loop delay', 'eventLoopP99Ms', formatMs),
];
const ofPool: readonly Column[] = [
  largest('Pool active', 'poolActive'),
  largest('Pool idle', 'poolIdle'),
  largest('Pool waiting', 'poolWaiting'),
];
const ofAllPools: readonly Column[] = [largest('Servers active', 'serversActive'), largest('Servers idle', 'serversIdle')];

/** The same as the charts, to be read: one line per stretch of time, the newest first; of what is measured, the largest value. */
export function Tables({ history }: { history: History }): ReactNode {
  const rows = historyRows(history).reverse();
  const all = [...columns, ...(history.pool ? ofPool : ofAllPools)];
  if (rows.length === 0) return <Empty title="Nothing is measured yet">The first second is under way.</Empty>;
  return (
    <>
      <ScrollRegion className={styles.tableFrame} label="Figures over time">
        <table className={styles.table}>
          <caption className={styles.soft}>
            Largest value in each {formatMs(history.bucketMs)}; migrations are counted.
            {history.pool && ` Pool ${history.pool.key}.`}
          </caption>
          <thead>
            <tr>
              <th scope="col">Time</th>
              {all.map(({ title }) => (
                <th key={title} scope="col">
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row['from']}>
                <th scope="row" title={formatMoment(Number(row['from']))}>
                  {formatClock(Number(row['from']))}
                </th>
                {all.map(({ title, of }) => (
                  <td key={title}>{of(row)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollRegion>
      <div className={styles.pair}>
        <table className={styles.table}>
          <caption className={styles.soft}>
            Pauses of moved sessions: p50 {formatMs(history.pauses.p50)}, p95 {formatMs(history.pauses.p95)}, p99{' '}
            {formatMs(history.pauses.p99)}
          </caption>
          <thead>
            <tr>
              <th scope="col">Pause</th>
              <th scope="col">Sessions</th>
            </tr>
          </thead>
          <tbody>
            {pauseRows(history.pauses).map(({ over, upTo, count }) => (
              <tr key={over}>
                <th scope="row">{upTo === null ? `over ${formatMs(over)}` : `up to ${formatMs(upTo)}`}</th>
                <td>{formatCount(count)}</td>
              </tr>
            ))}
          </tbody>
        </table>
        <table className={styles.table}>
          <caption className={styles.soft}>What happened, newest first</caption>
          <thead>
            <tr>
              <th scope="col">Time</th>
              <th scope="col">What</th>
            </tr>
          </thead>
          <tbody>
            {history.marks.toReversed().map((mark, index) => (
              // oxlint-disable-next-line react/no-array-index-key -- two may have the same time and words
              <tr key={`${mark.at} ${mark.code} ${index}`}>
                <th scope="row">{formatClock(mark.at)}</th>
                <td className={styles.words}>{mark.message}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
