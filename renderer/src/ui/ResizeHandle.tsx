import { useRef } from 'react';
import type { KeyboardEvent, PointerEvent, ReactNode } from 'react';
import styles from './ResizeHandle.module.css';

interface ResizeHandleProps {
  /** What becomes wider or narrower. */
  label: string;
  /** Width of the panel to its right, in pixels, and its limits. */
  width: number;
  least: number;
  most: number;
  onChange: (width: number) => void;
}

/** How far an arrow key moves it, in pixels. */
const STEP = 16;

/** The left edge of a panel, to be dragged; arrow keys, Home and End do the same. */
export function ResizeHandle({ label, width, least, most, onChange }: ResizeHandleProps): ReactNode {
  const start = useRef<{ x: number; width: number } | null>(null);
  const set = (next: number): void => onChange(Math.round(Math.min(most, Math.max(least, next))));

  function onKeyDown(event: KeyboardEvent): void {
    const to: Record<string, number> = { ArrowLeft: width + STEP, ArrowRight: width - STEP, Home: least, End: most };
    const next = to[event.key];
    if (next === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    set(next);
  }
  function onPointerDown(event: PointerEvent): void {
    if (event.button !== 0) return;
    event.preventDefault();
    event.currentTarget.setPointerCapture(event.pointerId);
    start.current = { x: event.clientX, width };
  }
  const end = (): void => {
    start.current = null;
  };
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- a separator that can be moved takes focus and keys (WAI-ARIA)
    <div
      role="separator"
      aria-orientation="vertical"
      aria-label={label}
      aria-valuenow={width}
      aria-valuemin={least}
      aria-valuemax={most}
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- see above
      tabIndex={0}
      className={styles.handle}
      onKeyDown={onKeyDown}
      onPointerDown={onPointerDown}
      onPointerMove={(event) => {
        if (start.current !== null) set(start.current.width + start.current.x - event.clientX);
      }}
      onPointerUp={end}
      onPointerCancel={end}
    />
  );
}
