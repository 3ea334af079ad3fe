import { memo, useMemo, useRef } from 'react';
import type { ReactNode } from 'react';
import type { HistoryMark, LogEntry, MarkKind } from '../../../../core/contract/index.ts';
import { hashOf } from '../../app/routes.ts';
import { bucketOf, pointAt, useCursor } from '../../charts/cursor.ts';
import type { TimeAxis } from '../../charts/cursor.ts';
import { useWidth } from '../../charts/size.ts';
import { formatClock, plural } from '../../lib/format.ts';
import { Lamp } from '../../ui/Lamp.tsx';
import type { LampShape, Tone } from '../../ui/Lamp.tsx';
import { groupMarks } from './group.ts';
import type { MarkGroup } from './group.ts';
import styles from './History.module.css';

/** What stands close together is one sign, in pixels. */
const ROOM = 28;

const shapes: Record<MarkKind, LampShape> = { move: 'points', server: 'triangle', work: 'half', change: 'ring' };
const tones: Record<LogEntry['level'], Tone> = { info: 'info', warn: 'warn', error: 'bad' };
const ranks: Record<LogEntry['level'], number> = { info: 0, warn: 1, error: 2 };

/** What each sign means. */
export const markWords: Record<MarkKind, string> = {
  move: 'migration',
  server: 'server lost or back',
  work: 'drain, restart, pause',
  change: 'settings or endpoints changed',
};

/** What happened, along the same time as the charts; each sign leads to its events. */
export const Marks = memo(function Marks({ marks, axis }: { marks: readonly HistoryMark[]; axis: TimeAxis }): ReactNode {
  const lane = useRef<HTMLDivElement>(null);
  const width = useWidth(lane);
  const groups = useMemo(() => (width === 0 ? [] : groupMarks(marks, axis, ROOM / width)), [marks, axis, width]);
  return (
    <section className={styles.lane} aria-label="What happened">
      <div ref={lane} className={styles.signs}>
        {groups.map((group) => (
          <Sign key={group.marks[0]?.at} group={group} />
        ))}
        {groups.length === 0 && <span className={styles.soft}>Nothing of note happened in this time.</span>}
      </div>
      <Readout marks={marks} axis={axis} />
    </section>
  );
});

function Sign({ group: { place, marks } }: { group: MarkGroup }): ReactNode {
  const worst = marks.reduce((most, mark) => (ranks[mark.level] > ranks[most.level] ? mark : most));
  const [first, last] = [marks[0] ?? worst, marks.at(-1) ?? worst];
  const words = marks.map((mark) => `${formatClock(mark.at)} ${mark.message}`);
  // A second before and one after: an operation's lines follow its beginning.
  const q = `from:${formatClock(first.at - 1_000)} to:${formatClock(last.at + 1_000)}`;
  return (
    <a
      className={styles.sign}
      style={{ left: `${100 * place}%` }}
      href={hashOf('events', { q })}
      title={words.join('\n')}
      aria-label={`${words.slice(0, 3).join(' ')}${words.length > 3 ? ` And ${plural(words.length - 3, 'more', 'more')}.` : ''}`}
      onPointerEnter={() => pointAt(worst.at)}
      onPointerLeave={() => pointAt(null)}
      onFocus={() => pointAt(worst.at)}
      onBlur={() => pointAt(null)}
    >
      <Lamp tone={tones[worst.level]} shape={shapes[worst.kind]} />
      {marks.length > 1 && <span className={styles.many}>{marks.length}</span>}
    </a>
  );
}

/** The moment under the cross-hair and what happened then. It has its line always, so that nothing moves. */
function Readout({ marks, axis }: { marks: readonly HistoryMark[]; axis: TimeAxis }): ReactNode {
  const at = useCursor((state) => state.at);
  const bucket = bucketOf(axis, at);
  if (bucket === null)
    return (
      <p className={styles.readout}>Point at a chart, or move through it with the arrow keys, to compare one moment in all of them.</p>
    );
  const from = axis.from + bucket * axis.bucketMs;
  const there = marks.filter((mark) => mark.at >= from && mark.at < from + axis.bucketMs);
  const words = there.map(({ message }) => message).join(' ');
  return (
    <p className={styles.readout} title={words} data-testid="history-moment">
      <b>
        {formatClock(from)} to {formatClock(from + axis.bucketMs)}
      </b>{' '}
      {words}
    </p>
  );
}
