import type { ReactNode } from 'react';
import { cx } from '../../lib/cx.ts';
import styles from './Nodes.module.css';

/** Names that are no longer than this are not cut. */
const LONG = 18;
const TAIL = 6;

/** A name in one line: cut in its middle if it is long, for long names are told apart by their ends. */
export function Name({ children, soft = false }: { children: string; soft?: boolean }): ReactNode {
  const cut = children.length > LONG ? children.length - TAIL : children.length;
  return (
    <span className={cx(styles.name, soft && styles.unnamed)}>
      <span className={styles.clip}>{children.slice(0, cut)}</span>
      <span>{children.slice(cut)}</span>
    </span>
  );
}
