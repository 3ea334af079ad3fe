import type { ReactNode } from 'react';
import styles from './Keys.module.css';

/** A combination of keys, one cap each. */
export function Keys({ words }: { words: readonly string[] }): ReactNode {
  return (
    <span className={styles.keys}>
      {words.map((word) => (
        <kbd key={word} className={styles.key}>
          {word}
        </kbd>
      ))}
    </span>
  );
}
