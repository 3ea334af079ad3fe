import type { ReactNode } from 'react';
import type { Draft } from './draft.ts';
import styles from './Settings.module.css';
import { edit } from './staged.ts';
import { standard } from './standard.ts';

/** The fields whose value is text, typed or chosen. */
type TextField = { [K in keyof Draft]: Draft[K] extends string ? K : never }[keyof Draft];

interface RestoreProps {
  field: TextField;
  draft: Draft;
  /** The default in words, where its value alone would not say it. */
  words?: string | undefined;
}

/** What a field is by default; once it is something else, a button that puts it back. */
export function Restore({ field, draft, words = standard[field] }: RestoreProps): ReactNode {
  if (draft[field] === standard[field]) return <span className={styles.default}>default</span>;
  return (
    <button type="button" className={styles.restore} onClick={() => edit({ [field]: standard[field] })}>
      Restore {words}
    </button>
  );
}
