import type { ReactNode } from 'react';
import styles from './Nodes.module.css';
import { useStage } from './stage-context.ts';

interface HitProps {
  /** The key of the node. */
  of: string;
  /** The node in words: everything that is drawn, and what the drawing says without words. */
  label: string;
  level?: 1 | 2;
  /** Whether its sessions are listed; left out: it has none to list. */
  expanded?: boolean;
  /** Whether all its sessions are selected; left out: it cannot be. */
  selected?: boolean;
}

/**
 * A node as the keyboard and a screen reader have it: a frame over what is drawn, with a name of its own. The drawing below is hidden
 * from them, as its numbers and signs would be read without their meaning.
 */
export function Hit({ of, label, level = 1, expanded, selected }: HitProps): ReactNode {
  const { tabStops, picked } = useStage();
  return (
    <div
      role="treeitem"
      aria-level={level}
      aria-label={label}
      title={label}
      aria-current={picked === of ? 'true' : undefined}
      aria-expanded={expanded}
      aria-selected={selected ?? false}
      data-node={of}
      tabIndex={tabStops.has(of) ? 0 : -1}
      className={styles.hit}
    />
  );
}
