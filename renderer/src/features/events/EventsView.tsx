import { useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import type { LogEntry } from '../../../../core/contract/index.ts';
import { formatClock, formatCount, formatMoment, plural } from '../../lib/format.ts';
import { useServer } from '../../store/server.ts';
import { useView } from '../../store/view.ts';
import { Empty } from '../../ui/Empty.tsx';
import { Lamp } from '../../ui/Lamp.tsx';
import type { LampShape, Tone } from '../../ui/Lamp.tsx';
import { Segmented } from '../../ui/Segmented.tsx';
import styles from './Events.module.css';
import { groupEvents, isRefusal } from './group.ts';
import type { EventLine } from './group.ts';

type Level = LogEntry['level'];
type Filter = 'all' | 'warn' | 'error' | 'refused';

const levels: Record<Level, { words: string; tone: Tone; shape: LampShape; rank: number }> = {
  info: { words: 'Info', tone: 'idle', shape: 'ring', rank: 0 },
  warn: { words: 'Warning', tone: 'warn', shape: 'triangle', rank: 1 },
  error: { words: 'Error', tone: 'bad', shape: 'cross', rank: 2 },
};

/** What happened, newest first, in the host's words. */
export function EventsView(): ReactNode {
  const log = useServer((state) => state.log);
  const [filter, setFilter] = useState<Filter>('all');
  const shown = useMemo(() => {
    if (filter === 'refused') return groupEvents(log.filter(isRefusal));
    const least = filter === 'all' ? 0 : levels[filter].rank;
    return groupEvents(log.filter((entry) => levels[entry.level].rank >= least));
  }, [log, filter]);
  return (
    <div className={styles.view}>
      <div className={styles.top}>
        <h1>Events</h1>
        <span className={styles.soft}>{plural(shown.length, 'event')}</span>
        <Segmented
          label="Events to show"
          value={filter}
          onChange={setFilter}
          choices={[
            { value: 'all', label: 'All' },
            { value: 'warn', label: 'Warnings and errors' },
            { value: 'error', label: 'Errors' },
            { value: 'refused', label: 'Refused clients' },
          ]}
        />
      </div>
      <div className={styles.frame}>
        {shown.length === 0 ? (
          <Empty title={log.length === 0 ? 'Nothing has happened yet' : 'No events of this kind'}>
            Lost backends, refused clients, changes of the map and moves are noted here.
          </Empty>
        ) : (
          <table className={styles.table}>
            <thead>
              <tr>
                <th scope="col">Time</th>
                <th scope="col">Level</th>
                <th scope="col">Event</th>
                <th scope="col">Session</th>
              </tr>
            </thead>
            <tbody>
              {shown.map((line) => (
                <Line key={line.entry.id} line={line} />
              ))}
            </tbody>
          </table>
        )}
      </div>
    </div>
  );
}

function Line({ line: { entry, times } }: { line: EventLine }): ReactNode {
  const level = levels[entry.level];
  return (
    <tr>
      <td title={formatMoment(entry.at)}>{formatClock(entry.at)}</td>
      <td>
        <span className={styles.level}>
          <Lamp tone={level.tone} shape={level.shape} />
          {level.words}
        </span>
      </td>
      <td className={styles.message}>
        {entry.message}{' '}
        {times > 1 && (
          <span className={styles.times} title={`Said ${formatCount(times)} times; this is the last time`}>
            {formatCount(times)} times
          </span>
        )}{' '}
        <code className={styles.code}>{entry.code}</code>
      </td>
      <td>
        {entry.sessionId !== null && (
          <a href="#/sessions" onClick={() => useView.setState({ detail: entry.sessionId })}>
            {entry.sessionId}
          </a>
        )}
      </td>
    </tr>
  );
}
