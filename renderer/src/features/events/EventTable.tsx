import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useRef } from 'react';
import type { ReactNode, RefObject } from 'react';
import type { LogEntry } from '../../../../core/contract/index.ts';
import { hashOf } from '../../app/routes.ts';
import { formatClock, formatCount, formatMoment } from '../../lib/format.ts';
import { Lamp } from '../../ui/Lamp.tsx';
import type { LampShape, Tone } from '../../ui/Lamp.tsx';
import styles from './Events.module.css';
import type { EventLine } from './group.ts';

const levels: Record<LogEntry['level'], { words: string; tone: Tone; shape: LampShape }> = {
  info: { words: 'Info', tone: 'idle', shape: 'ring' },
  warn: { words: 'Warning', tone: 'warn', shape: 'triangle' },
  error: { words: 'Error', tone: 'bad', shape: 'cross' },
};

/** Nearer to the top than this, in pixels, is at the top. */
const AT_TOP = 4;
const ROW_PX = 33;

interface EventTableProps {
  lines: readonly EventLine[];
  frame: RefObject<HTMLDivElement | null>;
  /** Somebody scrolled away from the newest line, or back to it. */
  onTop: (isAtTop: boolean) => void;
  /** Narrows the list to a code, or to a session. */
  onOnly: (field: 'code' | 'session', value: string) => void;
}

/** The lines, newest first; only those in sight are in the document. */
export function EventTable({ lines, frame, onTop, onOnly }: EventTableProps): ReactNode {
  const isAtTop = useRef(true);
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => frame.current,
    estimateSize: () => ROW_PX,
    overscan: 8,
    getItemKey: (index) => lines[index]?.entry.id ?? index,
  });
  const onScroll = (): void => {
    const now = (frame.current?.scrollTop ?? 0) <= AT_TOP;
    if (now !== isAtTop.current) onTop(now);
    isAtTop.current = now;
  };
  return (
    <div role="table" aria-label="Events" aria-rowcount={lines.length + 1} className={styles.table}>
      <div role="rowgroup" className={styles.head}>
        <div role="row" aria-rowindex={1} className={styles.row}>
          <span role="columnheader">Time</span>
          <span role="columnheader">Level</span>
          <span role="columnheader">Event</span>
          <span role="columnheader">Session</span>
        </div>
      </div>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls; the keyboard must be able to scroll it, too */}
      <div role="rowgroup" ref={frame} className={styles.scroll} tabIndex={0} aria-label="Lines" onScroll={onScroll}>
        <div role="presentation" className={styles.body} style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((place) => {
            const line = lines[place.index];
            return (
              line && (
                <div
                  key={place.key}
                  ref={virtual.measureElement}
                  role="row"
                  aria-rowindex={place.index + 2}
                  data-index={place.index}
                  className={styles.row}
                  data-placed
                  style={{ transform: `translateY(${place.start}px)` }}
                >
                  <Cells entry={line.entry} times={line.times} onOnly={onOnly} />
                </div>
              )
            );
          })}
        </div>
      </div>
    </div>
  );
}

interface CellsProps extends Pick<EventTableProps, 'onOnly'> {
  entry: LogEntry;
  times: number;
}

const Cells = memo(function Cells({ entry, times, onOnly }: CellsProps): ReactNode {
  const level = levels[entry.level];
  const { sessionId } = entry;
  return (
    <>
      <span role="cell" title={formatMoment(entry.at)}>
        {formatClock(entry.at)}
      </span>
      <span role="cell">
        <span className={styles.level}>
          <Lamp tone={level.tone} shape={level.shape} />
          {level.words}
        </span>
      </span>
      <span role="cell" className={styles.message}>
        {entry.message}{' '}
        {times > 1 && (
          <span className={styles.times} title={`Said ${formatCount(times)} times; this is the last time`}>
            {formatCount(times)} times
          </span>
        )}{' '}
        <button type="button" className={styles.code} title={`Show only ${entry.code}`} onClick={() => onOnly('code', entry.code)}>
          {entry.code}
        </button>
      </span>
      <span role="cell">
        {sessionId !== null && (
          <span className={styles.session}>
            <a href={hashOf('sessions', { session: String(sessionId) })} title={`Details of session ${sessionId}`}>
              {sessionId}
            </a>
            <button
              type="button"
              className={styles.only}
              aria-label={`Show only events of session ${sessionId}`}
              title={`Show only events of session ${sessionId}`}
              onClick={() => onOnly('session', String(sessionId))}
            >
              only
            </button>
          </span>
        )}
      </span>
    </>
  );
});
