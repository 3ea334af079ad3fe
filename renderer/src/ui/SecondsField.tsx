import type { ReactNode } from 'react';
import styles from './SecondsField.module.css';

interface SecondsFieldProps {
  /** What is said before the number: `Wait at most`. */
  words: string;
  value: string;
  /** The value can be used. */
  fits: boolean;
  onChange: (value: string) => void;
}

/** A time in the foot of a dialog, in seconds, an hour at most. */
export function SecondsField({ words, value, fits, onChange }: SecondsFieldProps): ReactNode {
  return (
    <label className={styles.field}>
      {words}
      <input
        type="number"
        min={0}
        max={3600}
        step="any"
        value={value}
        aria-invalid={!fits}
        onChange={(event) => onChange(event.target.value)}
      />
      seconds
    </label>
  );
}
