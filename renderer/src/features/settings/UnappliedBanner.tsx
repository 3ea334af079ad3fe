import { useEffect } from 'react';
import type { ReactNode } from 'react';
import { hashOf } from '../../app/routes.ts';
import { Button } from '../../ui/Button.tsx';
import { Notice } from '../../ui/Notice.tsx';
import styles from './Settings.module.css';
import { draftOf, editedGroups } from './draft.ts';
import { discard, useStaged } from './staged.ts';

/** In every other view: that settings were edited and not applied. Edits are kept; in a browser, closing the page asks before it loses them. */
export function UnappliedBanner({ elsewhere }: { elsewhere: boolean }): ReactNode {
  const view = useStaged((state) => state.view);
  const draft = useStaged((state) => state.draft);
  const edited = view === null || draft === null ? [] : editedGroups(draft, draftOf(view.settings));
  const unapplied = edited.length > 0;
  useEffect(() => {
    // In Electron this would keep the window from closing without a word.
    if (!unapplied || window.switchyard !== undefined) return undefined;
    const ask = (event: BeforeUnloadEvent): void => event.preventDefault();
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [unapplied]);

  if (!unapplied || !elsewhere) return null;
  return (
    <div className={styles.unapplied} data-testid="unapplied-banner">
      <Notice
        tone="info"
        actions={
          <>
            <a href={hashOf('settings')}>Back to them</a>
            <Button small onClick={discard}>
              Discard
            </Button>
          </>
        }
        live
      >
        Settings were edited and not applied: {edited.join(', ')}.
      </Notice>
    </div>
  );
}
