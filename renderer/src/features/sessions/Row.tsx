import { Flag, PinIcon, StickyNote } from 'lucide-react';
import { memo, useRef } from 'react';
import type { ReactNode } from 'react';
import type { SessionRow } from '../../../../core/contract/index.ts';
import { cx } from '../../lib/cx.ts';
import { useMarks } from '../../store/marks.ts';
import type { ServerState } from '../../store/server.ts';
import { useShown, useView } from '../../store/view.ts';
import { useDragSessions } from '../drag/use-drag.ts';
import type { Column } from './columns.tsx';
import styles from './Grid.module.css';
import { useTint } from './tint.ts';

interface RowProps {
  id: number;
  /** Place in the order, from 0. */
  index: number;
  /** Distance from the first row, in pixels. */
  top: number;
  /** Whether Tab leads here. */
  tabStop: boolean;
  columns: readonly Column[];
  /** Whether a cell that changes is tinted for a moment. */
  tints: boolean;
}

function rowOf(state: ServerState, id: number): SessionRow | undefined {
  return state.sessions.get(id) ?? state.closed.get(id)?.row;
}

/** One line of the table. It selects its own record, so that a delta wakes only the rows that changed. */
export const Row = memo(function Row({ id, index, top, tabStop, columns, tints }: RowProps): ReactNode {
  const row = useShown((state) => rowOf(state, id));
  const closed = useShown((state) => !state.sessions.has(id));
  const selected = useView((state) => state.selected.has(id));
  const shown = useView((state) => state.detail === id);
  const element = useRef<HTMLDivElement>(null);
  useTint(element, row, columns, tints);
  useDragSessions(element, [id]);
  if (!row) return null;
  const label = `session ${id}${row.application === '' ? '' : `, ${row.application}`}`;
  return (
    <div
      ref={element}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={selected}
      data-id={id}
      data-session={id}
      tabIndex={tabStop ? 0 : -1}
      className={cx(styles.row, closed && styles.closed, shown && styles.shown)}
      style={{ transform: `translateY(${top}px)` }}
    >
      <div role="gridcell" className={styles.cell}>
        <label className={styles.tick}>
          <input type="checkbox" tabIndex={-1} readOnly checked={selected} disabled={closed} aria-label={`Select ${label}`} />
        </label>
      </div>
      <div role="gridcell" data-column="id" className={cx(styles.cell, styles.idCell)}>
        <button type="button" tabIndex={-1} className={styles.id} data-open aria-label={`Open details of ${label}`}>
          {id}
        </button>
        <MarksOf id={id} />
      </div>
      {columns.map((column) => (
        <div
          key={column.key}
          role="gridcell"
          data-column={column.key}
          className={cx(styles.cell, column.numeric && styles.numeric)}
          title={closed ? `closed; ${column.title(row)}` : column.title(row)}
        >
          {column.cell(row)}
        </div>
      ))}
    </div>
  );
});

/** What the operator has marked the session with. */
function MarksOf({ id }: { id: number }): ReactNode {
  const top = useMarks((state) => state.top.has(id));
  const flagged = useMarks((state) => state.flagged.has(id));
  const note = useMarks((state) => state.notes.get(id));
  if (!top && !flagged && note === undefined) return null;
  return (
    <span className={styles.marks}>
      {top && <PinIcon size={11} role="img" aria-hidden={false} aria-label="kept on top" />}
      {flagged && <Flag size={11} role="img" aria-hidden={false} aria-label="flagged" />}
      {note !== undefined && (
        <span title={note}>
          <StickyNote size={11} role="img" aria-hidden={false} aria-label={`note: ${note}`} />
        </span>
      )}
    </span>
  );
}
