import { defaultRangeExtractor, useVirtualizer } from '@tanstack/react-virtual';
import type { Range } from '@tanstack/react-virtual';
import { useCallback, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import { cx } from '../lib/cx.ts';
import styles from './VirtualList.module.css';

interface VirtualListProps<T> {
  /** Name of the list. */
  label: string;
  items: readonly T[];
  keyOf: (item: T) => string | number;
  children: (item: T, index: number) => ReactNode;
  /** Expected height of a row in pixels; each is measured once it is there. */
  rowPx: number;
  className?: string | undefined;
  /** Whether the frame itself can have the focus: needed where the rows hold nothing that can. */
  focusable?: boolean;
}

/** A list that scrolls in its own frame and keeps only the rows in sight in the document, and the one that has the focus. */
export function VirtualList<T>({ label, items, keyOf, children, rowPx, className, focusable = false }: VirtualListProps<T>): ReactNode {
  const scroll = useRef<HTMLDivElement>(null);
  const [focused, setFocused] = useState<string | number | null>(null);
  const kept = focused === null ? -1 : items.findIndex((item) => keyOf(item) === focused);
  const virtual = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => rowPx,
    overscan: 6,
    getItemKey: (index) => {
      const item = items[index];
      return item === undefined ? index : keyOf(item);
    },
    rangeExtractor: useCallback(
      (range: Range) => {
        const shown = defaultRangeExtractor(range);
        if (kept >= 0 && kept < range.count && !shown.includes(kept)) shown.push(kept);
        return shown.sort((a, b) => a - b);
      },
      [kept],
    ),
  });
  return (
    <div ref={scroll} className={cx(styles.scroll, className)} {...(focusable ? { tabIndex: 0, role: 'group', 'aria-label': label } : {})}>
      <div role="list" aria-label={label} className={styles.body} style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((place) => {
          const item = items[place.index];
          if (item === undefined) return null;
          return (
            // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- learns which of its controls has the focus
            <div
              key={place.key}
              ref={virtual.measureElement}
              role="listitem"
              aria-setsize={items.length}
              aria-posinset={place.index + 1}
              data-index={place.index}
              className={styles.row}
              style={{ transform: `translateY(${place.start}px)` }}
              onFocus={() => setFocused(keyOf(item))}
              onBlur={() => setFocused(null)}
            >
              {children(item, place.index)}
            </div>
          );
        })}
      </div>
    </div>
  );
}
