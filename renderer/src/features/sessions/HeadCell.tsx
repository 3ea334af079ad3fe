import { ArrowDown, ArrowUp } from 'lucide-react';
import { useRef } from 'react';
import type { ReactNode } from 'react';
import { cx } from '../../lib/cx.ts';
import { useView } from '../../store/view.ts';
import { setColumnWidth } from './column-choice.ts';
import styles from './Grid.module.css';
import type { SortColumn } from './sort.ts';

interface HeadCellProps {
  column: SortColumn;
  label: string;
  name?: string | undefined;
  numeric?: boolean | undefined;
  /** Its width is fixed. */
  rigid?: boolean;
}

function sortBy(column: SortColumn): void {
  const { sort } = useView.getState();
  useView.setState({ sort: { column, descending: sort.column === column && !sort.descending } });
}

/** The head of a column: sorts, and by its right edge the pointer changes the width (the column chooser does so without one). */
export function HeadCell({ column, label, name, numeric = false, rigid = false }: HeadCellProps): ReactNode {
  const sort = useView((state) => state.sort);
  const cell = useRef<HTMLDivElement>(null);
  const sorted = sort.column === column;
  const Arrow = sort.descending ? ArrowDown : ArrowUp;
  return (
    <div
      ref={cell}
      role="columnheader"
      className={cx(styles.head, numeric && styles.numeric)}
      aria-sort={sorted ? (sort.descending ? 'descending' : 'ascending') : 'none'}
    >
      <button
        type="button"
        className={cx(styles.sort, sorted && styles.sorted)}
        title={name ?? label}
        aria-label={name}
        onClick={() => sortBy(column)}
      >
        {label}
        {sorted && <Arrow size={13} aria-hidden="true" />}
      </button>
      {!rigid && (
        <span
          className={styles.edge}
          aria-hidden="true"
          onDoubleClick={() => setColumnWidth(column, null)}
          onPointerDown={(event) => {
            event.preventDefault();
            event.currentTarget.setPointerCapture(event.pointerId);
          }}
          onPointerMove={(event) => {
            if (!event.currentTarget.hasPointerCapture(event.pointerId) || !cell.current) return;
            setColumnWidth(column, event.clientX - cell.current.getBoundingClientRect().left);
          }}
        />
      )}
    </div>
  );
}
