import type { ReactNode } from 'react';
import styles from './Settings.module.css';
import { sectionTitle } from './sections.ts';
import type { SectionId } from './sections.ts';

interface CardProps {
  id: SectionId;
  /** From when on, or for whom, it holds what is chosen here. */
  when: string;
  children: ReactNode;
}

/** One group of settings: its heading, to which the index leads, and when it takes effect. */
export function Card({ id, when, children }: CardProps): ReactNode {
  return (
    <section className={styles.card} aria-labelledby={`${id}-title`}>
      <header className={styles.cardHead}>
        <h2 id={`${id}-title`} tabIndex={-1}>
          {sectionTitle(id)}
        </h2>
        <span className={styles.when}>{when}</span>
      </header>
      {children}
    </section>
  );
}
