import { useEffect, useState } from 'react';
import type { ReactNode } from 'react';
import type { BlockerRow, OperationRow } from '../../../../core/contract/index.ts';
import { useHost } from '../../bridge/client.ts';
import { useHostNow } from '../../lib/clock.ts';
import { formatMoment, formatSpan, plural } from '../../lib/format.ts';
import { useServer } from '../../store/server.ts';
import { Button } from '../../ui/Button.tsx';
import { showSession } from '../sessions/address.ts';
import styles from './Panels.module.css';

const SHOWN = 8;

/** Whom an operation waits for, what for and since when; asked anew when its numbers or its transfers change. */
export function Blockers({ operation }: { operation: OperationRow }): ReactNode {
  const call = useHost();
  const now = useHostNow();
  const transfers = useServer((state) => state.transfers);
  const [blockers, setBlockers] = useState<readonly BlockerRow[]>([]);
  const { id, blockers: count } = operation;
  useEffect(() => {
    let isStale = false;
    if (count === 0) setBlockers([]);
    else {
      call('operation.blockers', { operationId: id }).then(
        (reply) => {
          if (!isStale) setBlockers(reply.blockers);
        },
        // The numbers above still stand; the next change asks again.
        () => {},
      );
    }
    return () => {
      isStale = true;
    };
  }, [call, id, count, transfers]);
  if (blockers.length === 0) return null;
  return (
    <div>
      <h3 className={styles.waits}>Waits for</h3>
      <ul className={styles.blockers} aria-label="Sessions it waits for">
        {blockers.slice(0, SHOWN).map((blocker) => (
          <li key={blocker.sessionId} className={styles.step}>
            <div className={styles.line}>
              <span className={styles.who} title={blocker.application}>
                Session {blocker.sessionId}
                {blocker.application !== '' && `, ${blocker.application}`}
              </span>
              <span className={styles.how} title={formatMoment(blocker.since)}>
                {formatSpan(now - blocker.since)}
              </span>
            </div>
            <div className={styles.reason}>
              {blocker.reason}
              {blocker.statementKind !== null && `, last ${blocker.statementKind}`}{' '}
              <Button small look="quiet" onClick={() => showSession(blocker.sessionId)}>
                Show
              </Button>
            </div>
          </li>
        ))}
        {blockers.length > SHOWN && <li className={styles.step}>and {plural(blockers.length - SHOWN, 'more session')}</li>}
      </ul>
    </div>
  );
}
