import type { ReactNode } from 'react';
import { hashOf } from '../../app/routes.ts';
import { cx } from '../../lib/cx.ts';
import styles from './Settings.module.css';
import type { DraftErrors } from './draft.ts';
import { sections, wrongIn } from './sections.ts';

/** The way to each group of settings, and which of them were edited or do not fit. */
export function Index({ edited, errors }: { edited: readonly string[]; errors: DraftErrors }): ReactNode {
  return (
    <nav className={styles.index} aria-label="Groups of settings">
      <ul>
        {sections.map(({ id, title, part }) => {
          const wrong = wrongIn(part, errors);
          const isEdited = part !== null && edited.includes(part);
          return (
            <li key={id}>
              <a
                href={hashOf('settings', { at: id })}
                onClick={(event) => {
                  // The same address twice is no change of it, and still somebody wants to go there.
                  if (window.location.hash === hashOf('settings', { at: id })) goToSection(id);
                  else return;
                  event.preventDefault();
                }}
              >
                {title}
                {wrong > 0 ? (
                  <span className={cx(styles.mark, styles.wrong)}>{wrong} wrong</span>
                ) : (
                  isEdited && <span className={styles.mark}>edited</span>
                )}
              </a>
            </li>
          );
        })}
      </ul>
    </nav>
  );
}

/** Brings a group in sight and moves the focus to its heading. */
export function goToSection(id: string): void {
  const heading = document.getElementById(`${id}-title`);
  heading?.scrollIntoView({ block: 'start' });
  heading?.focus({ preventScroll: true });
}
