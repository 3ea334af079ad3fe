import type { CSSProperties, ReactNode } from 'react';
import { cx } from '../../lib/cx.ts';
import { useServer } from '../../store/server.ts';
import styles from './BackendMark.module.css';

const LETTERS = 'ABCDEFGH';

/** How a backend colour is called: the letter that stands in its mark. */
export function letterOf(color: number): string {
  return LETTERS[color] ?? '?';
}

/** The colour of a backend as a CSS value, for lines and dots that have no room for the mark itself. */
export function backendFill(color: number | undefined): string {
  return color === undefined ? 'var(--ink-faint)' : `var(--backend-${color})`;
}

/**
 * The small plate by which a backend is known again: its colour, and a letter that says the same. Decoration: the backend's name stands
 * beside it. `off`: drawn as an outline, for a server that is only spoken of.
 */
export function BackendMark({ backend, off = false }: { backend: string; off?: boolean }): ReactNode {
  const color = useServer((state) => state.colors.get(backend));
  return <ColorMark color={color} off={off} />;
}

/** The same for a colour that no backend need have; undefined: not known in this window. */
export function ColorMark({ color, off = false }: { color: number | undefined; off?: boolean }): ReactNode {
  return (
    <span
      className={cx(styles.mark, off && styles.off)}
      style={{ '--fill': backendFill(color) } as CSSProperties}
      data-letter={color === undefined ? '–' : letterOf(color)}
      aria-hidden="true"
    />
  );
}
