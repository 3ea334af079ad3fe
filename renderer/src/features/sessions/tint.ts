import { useEffect, useRef } from 'react';
import type { RefObject } from 'react';
import type { SessionRow } from '../../../../core/contract/index.ts';
import type { Column } from './columns.tsx';

const TINT_MS = 900;

/** Tints the cells of a row whose value has just changed, where that is wanted; a cell that is tinted already is left alone. */
export function useTint(
  element: RefObject<HTMLElement | null>,
  row: SessionRow | undefined,
  columns: readonly Column[],
  wanted: boolean,
): void {
  const before = useRef(row);
  useEffect(() => {
    const old = before.current;
    before.current = row;
    if (!wanted || !row || !old || old === row || !element.current) return;
    for (const { key, sign } of columns) {
      if (!sign || sign(old) === sign(row)) continue;
      const cell = element.current.querySelector(`[data-column="${key}"]`);
      if (cell && cell.getAnimations().length === 0) {
        cell.animate([{ backgroundColor: 'var(--tint)', offset: 0 }], { duration: TINT_MS, easing: 'ease-out' });
      }
    }
  }, [element, row, columns, wanted]);
}
