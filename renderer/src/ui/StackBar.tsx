import type { ReactNode } from 'react';
import styles from './StackBar.module.css';

/** One part of a bar; `color` is a CSS colour, usually a token. */
export interface BarPart {
  name: string;
  value: number;
  color: string;
}

/** Parts of a whole side by side. `label` says in words what it shows; `whole` leaves the rest of the bar empty. */
export function StackBar({ parts, whole, label }: { parts: readonly BarPart[]; whole: number; label: string }): ReactNode {
  const sum = Math.max(
    whole,
    parts.reduce((total, part) => total + part.value, 0),
  );
  return (
    <div className={styles.bar} role="img" aria-label={label} title={label}>
      {parts.map(
        (part) =>
          part.value > 0 && (
            <span key={part.name} className={styles.part} style={{ width: `${(100 * part.value) / sum}%`, background: part.color }} />
          ),
      )}
    </div>
  );
}
