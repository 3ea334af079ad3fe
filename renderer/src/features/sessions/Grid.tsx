import { useVirtualizer, defaultRangeExtractor } from '@tanstack/react-virtual';
import type { Range } from '@tanstack/react-virtual';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { CSSProperties, KeyboardEvent, MouseEvent, ReactNode, RefObject } from 'react';
import { useMotion, useRowPx } from '../../store/preferences.ts';
import { useServer } from '../../store/server.ts';
import { select, useView } from '../../store/view.ts';
import { filterChoice } from './apply-filter.ts';
import { shownColumns, tracksOf, useColumnChoice } from './column-choice.ts';
import styles from './Grid.module.css';
import { HeadCell } from './HeadCell.tsx';
import { Row } from './Row.tsx';
import { clickSelection } from './selection.ts';
import { isSortColumn } from './sort.ts';

/** Cells are tinted only in a list with fewer rows than this. */
const TINTED_ROWS = 30;

/** Applies the filter that a cell stands for: shows only its like, or leaves them out. */
function filterBy(id: number, target: Element, exclude: boolean): void {
  const row = useServer.getState().sessions.get(id);
  const column = target.closest<HTMLElement>('[data-column]')?.dataset['column'] ?? '';
  if (row && isSortColumn(column)) filterChoice(row, column)?.apply(exclude);
}

interface GridProps {
  order: readonly number[];
  /** Set while the pointer is over the grid or a row is focused: rows must then keep their places. */
  held: RefObject<boolean>;
}

function openDetail(id: number): void {
  useView.setState({ detail: id });
}

/**
 * The live table: a `grid` with one tab stop in its rows.
 * Its own keys: arrows, Page Up/Down, Home, End move; with Shift they extend the selection; Space ticks the row. All others are commands
 * (core/contract/commands.ts). Alt and a click on a cell filter by what it says; with Shift they leave it out.
 */
export function Grid({ order, held }: GridProps): ReactNode {
  const scroll = useRef<HTMLDivElement>(null);
  const rowPx = useRowPx();
  const [active, setActive] = useState<number | null>(null);
  const lastIndex = useRef(0);
  const wantsFocus = useRef(false);
  const pointerInside = useRef(false);
  const focusInside = useRef(false);
  const choice = useColumnChoice();
  const columns = useMemo(() => shownColumns(choice), [choice]);
  const { tracks, least } = useMemo(() => tracksOf(choice), [choice]);
  const motion = useMotion();

  const found = active === null ? -1 : order.indexOf(active);
  // When the row with the tab stop has gone, its neighbour at the same place inherits it.
  const activeIndex = found >= 0 ? found : Math.min(lastIndex.current, order.length - 1);
  useEffect(() => {
    if (activeIndex >= 0) lastIndex.current = activeIndex;
    if (found < 0 && focusInside.current && activeIndex >= 0) {
      wantsFocus.current = true;
      setActive(order[activeIndex] ?? null);
    }
  }, [activeIndex, found, order]);

  const virtual = useVirtualizer({
    count: order.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => rowPx,
    overscan: 8,
    scrollPaddingStart: rowPx,
    getItemKey: (index) => order[index] ?? index,
    // The row with the tab stop stays in the document, so that focus survives scrolling.
    rangeExtractor: useCallback(
      (range: Range) => {
        const shown = defaultRangeExtractor(range);
        if (activeIndex >= 0 && activeIndex < range.count && !shown.includes(activeIndex)) shown.push(activeIndex);
        return shown.sort((a, b) => a - b);
      },
      [activeIndex],
    ),
  });

  // With more rows, or for a reader who wants none of it, tints would only be noise, and a page that is painted all the time.
  const tints = motion && order.length < TINTED_ROWS;

  useEffect(() => virtual.measure(), [virtual, rowPx]);

  useEffect(() => {
    if (!wantsFocus.current) return;
    const row = scroll.current?.querySelector<HTMLElement>(`[data-id="${active}"]`);
    if (!row) return;
    wantsFocus.current = false;
    row.focus({ preventScroll: true });
  });

  function hold(): void {
    held.current = pointerInside.current || focusInside.current;
  }

  function moveTo(index: number, extend: boolean): void {
    const next = order[Math.max(0, Math.min(order.length - 1, index))];
    if (next === undefined) return;
    const before = useView.getState();
    if (extend) {
      const start = before.anchor ?? order[activeIndex] ?? next;
      useView.setState(clickSelection({ ...before, anchor: start }, order, next, { shift: true, toggle: false }));
    }
    if (before.detail !== null) openDetail(next);
    wantsFocus.current = true;
    setActive(next);
    virtual.scrollToIndex(order.indexOf(next));
  }

  function onKeyDown(event: KeyboardEvent): void {
    const page = Math.max(1, Math.floor((scroll.current?.clientHeight ?? 0) / rowPx) - 2);
    const moves: Record<string, number> = {
      ArrowDown: activeIndex + 1,
      ArrowUp: activeIndex - 1,
      PageDown: activeIndex + page,
      PageUp: activeIndex - page,
      Home: 0,
      End: order.length - 1,
    };
    const id = order[activeIndex];
    const to = moves[event.key];
    if (to !== undefined) moveTo(to, event.shiftKey);
    else if (id === undefined) return;
    else if (event.key === ' ') {
      useView.setState((state) => clickSelection(state, order, id, { shift: false, toggle: true }));
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function onClick(event: MouseEvent): void {
    if (!(event.target instanceof Element)) return;
    const row = event.target.closest<HTMLElement>('[data-id]');
    const id = Number(row?.dataset.id);
    if (!row || !Number.isInteger(id)) return;
    setActive(id);
    if (event.altKey) return filterBy(id, event.target, event.shiftKey);
    if (event.target.closest('[data-open]')) return openDetail(id);
    if (!useServer.getState().sessions.has(id)) return;
    const tick = event.target.closest('input, label') !== null;
    // A click on the label is followed by one on its tick box; only the second counts.
    if (tick && !(event.target instanceof HTMLInputElement)) return;
    const modifiers = { shift: event.shiftKey, toggle: tick || event.ctrlKey || event.metaKey };
    useView.setState((state) => clickSelection(state, order, id, modifiers));
    if (useView.getState().detail !== null && !modifiers.shift && !modifiers.toggle) openDetail(id);
  }

  return (
    <div
      ref={scroll}
      className={styles.scroll}
      onPointerEnter={() => {
        pointerInside.current = true;
        hold();
      }}
      onPointerLeave={() => {
        pointerInside.current = false;
        hold();
      }}
    >
      <div
        role="grid"
        aria-label="Sessions"
        aria-rowcount={order.length + 1}
        aria-multiselectable="true"
        className={styles.grid}
        style={{ '--columns': tracks, minWidth: least } as CSSProperties}
      >
        <div role="rowgroup" className={styles.headRow} style={{ display: 'contents' }}>
          <div role="row" aria-rowindex={1} className={styles.headRow}>
            <div role="columnheader" className={styles.head}>
              <SelectAll order={order} />
            </div>
            <HeadCell column="id" label="Id" rigid />
            {columns.map((column) => (
              <HeadCell key={column.key} column={column.key} label={column.label} name={column.name} numeric={column.numeric} />
            ))}
          </div>
        </div>
        {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- listens for its rows, which have the tab stop */}
        <div
          role="rowgroup"
          className={styles.body}
          style={{ height: virtual.getTotalSize() }}
          onKeyDown={onKeyDown}
          onClick={onClick}
          onDoubleClick={(event) => {
            const row = event.target instanceof Element ? event.target.closest<HTMLElement>('[data-id]') : null;
            if (row) openDetail(Number(row.dataset.id));
          }}
          onFocus={(event) => {
            focusInside.current = true;
            const id = Number(event.target.closest<HTMLElement>('[data-id]')?.dataset.id);
            if (Number.isInteger(id)) setActive(id);
            hold();
          }}
          onBlur={() => {
            focusInside.current = false;
            hold();
          }}
        >
          {virtual.getVirtualItems().map((item) => {
            const id = order[item.index];
            return (
              id !== undefined && (
                <Row
                  key={id}
                  id={id}
                  index={item.index}
                  top={item.start}
                  tabStop={item.index === activeIndex}
                  columns={columns}
                  tints={tints}
                />
              )
            );
          })}
        </div>
      </div>
    </div>
  );
}

function SelectAll({ order }: { order: readonly number[] }): ReactNode {
  const count = useView((state) => order.reduce((sum, id) => sum + (state.selected.has(id) ? 1 : 0), 0));
  const total = useServer((state) => order.reduce((sum, id) => sum + (state.sessions.has(id) ? 1 : 0), 0));
  const all = total > 0 && count === total;
  return (
    <label className={styles.tick}>
      <input
        type="checkbox"
        aria-label={`Select all ${total} matching sessions`}
        checked={all}
        disabled={total === 0}
        ref={(box) => {
          if (box) box.indeterminate = count > 0 && !all;
        }}
        onChange={() => {
          const { sessions } = useServer.getState();
          select(all ? [] : order.filter((id) => sessions.has(id)), null);
        }}
      />
    </label>
  );
}
