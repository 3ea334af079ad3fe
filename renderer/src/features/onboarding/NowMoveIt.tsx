import type { ReactNode } from 'react';
import { useServer } from '../../store/server.ts';
import { openMigrate } from '../../store/view.ts';
import { Button } from '../../ui/Button.tsx';
import { Notice } from '../../ui/Notice.tsx';
import styles from './FirstSteps.module.css';
import { elsewhere, endFirstSteps, showFound, useProgress } from './progress.ts';

/** After the wait for the first session: that it is here, where it is, and the way to move it; then that it has moved. */
export function NowMoveIt(): ReactNode {
  const { waited, done } = useProgress();
  // Whoever has moved has learnt it; else the one that came first.
  const session = useServer((state) =>
    waited && !done
      ? ([...state.sessions.values()].find(({ migrations }) => migrations > 0) ?? state.sessions.values().next().value)
      : undefined,
  );
  const endpoints = useServer((state) => state.endpoints);
  if (session === undefined) return null;
  const moved = session.migrations > 0;
  const target = elsewhere(session, endpoints);
  const name = session.application === '' ? `Session ${session.id}` : `${session.application} (session ${session.id})`;
  return (
    <div className={styles.strip}>
      <Notice
        tone={moved ? 'good' : 'info'}
        live
        hint={
          moved
            ? 'Its client kept its connection and noticed nothing. Undo stands in the panel of the move.'
            : target === null
              ? 'To move it there has to be a second server.'
              : 'It keeps its connection, its settings and its prepared statements. First you see whether it can be moved.'
        }
        actions={
          <>
            {moved ? null : target === null ? (
              <Button small look="primary" onClick={() => showFound(true)}>
                Find a second server
              </Button>
            ) : (
              <Button small look="primary" onClick={() => openMigrate([session.id], target.id)}>
                Now move it to {target.id}
              </Button>
            )}
            <Button small onClick={endFirstSteps}>
              {moved ? 'Done' : 'Not now'}
            </Button>
          </>
        }
      >
        {moved ? `${name} moved to ${session.backend}.` : `${name} has come in: it is on ${session.endpoint}, ${session.backend}.`}
      </Notice>
    </div>
  );
}
