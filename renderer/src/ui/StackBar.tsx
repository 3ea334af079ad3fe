import type { CSSProperties, ReactNode } from 'react';
import { cx } from '../lib/cx.ts';
import styles from './StackBar.module.css';

/** One part of a bar; `color` is a CSS colour, usually a token. A striped part is told from a full one of the same colour. */
export interface BarPart {
  name: string;
  value: number;
  color: string;
  striped?: boolean;
}

interface StackBarProps {
  parts: readonly BarPart[];
  /** What the parts are of; the rest of the bar stays empty. */
  whole: number;
  /** A line across the bar at this value, for example a limit that parts may exceed. */
  mark?: number;
  /** In words what the bar shows. */
  label: string;
}

/** Parts of a whole side by side. */
export function StackBar({ parts, whole, mark, label }: StackBarProps): ReactNode {
  const sum = Math.max(
    whole,
    parts.reduce((total, part) => total + part.value, 0),
  );
  return (
    <div className={styles.bar} role="img" aria-label={label} title={label}>
      {parts.map(
        (part) =>
          part.value > 0 && (
            <span
              key={part.name}
              className={cx(styles.part, part.striped && styles.striped)}
              style={{ '--part': part.color, width: `${(100 * part.value) / sum}%` } as CSSProperties}
            />
          ),
      )}
      {mark !== undefined && mark < sum && <span className={styles.mark} style={{ left: `${(100 * mark) / sum}%` }} />}
    </div>
  );
}

/** The sign of a part in a legend. */
export function BarSwatch({ color, striped = false }: Pick<BarPart, 'color' | 'striped'>): ReactNode {
  return <span className={cx(styles.swatch, striped && styles.striped)} style={{ '--part': color } as CSSProperties} aria-hidden="true" />;
}
