import { useState } from 'react';
import type { ReactNode } from 'react';
import { hashOf } from '../../app/routes.ts';
import { useHost } from '../../bridge/client.ts';
import { useHeld } from '../../lib/use-held.ts';
import { useServer } from '../../store/server.ts';
import { Button } from '../../ui/Button.tsx';
import { Confirm } from '../../ui/Dialog.tsx';
import { Empty } from '../../ui/Empty.tsx';
import { ExportMenu } from '../../ui/ExportMenu.tsx';
import { act, useActions } from './actions.ts';
import { queues, queuesKey } from './arrange.ts';
import type { Queue } from './arrange.ts';
import { QueuePanel } from './QueuePanel.tsx';
import { waitRows } from './rows.ts';
import styles from './Waits.module.css';

/** Who waits for a server connection, who holds them, and what can be done about it. `params`: `pool`, to show only one. */
export function Waits({ params }: { params: URLSearchParams }): ReactNode {
  const call = useHost();
  const sessions = useServer((state) => state.sessions);
  const all = queues(sessions.values());
  const only = params.get('pool');
  const held = useHeld(only === null ? all : all.filter(({ pool }) => pool === only), queuesKey);
  const exported = (which: readonly Queue[]): object[] =>
    waitRows(which, useServer.getState(), Date.now() - useServer.getState().clockSkew);
  const [closing, setClosing] = useState<number | null>(null);
  const waiting = held.shown.reduce((sum, queue) => sum + queue.waiters.length, 0);
  return (
    <>
      <section className={styles.waits} aria-label="Waits" {...held.frame}>
        <div className={styles.top}>
          <LastOutcome />
          {held.behind && (
            <Button small onClick={held.catchUp}>
              Show what has changed
            </Button>
          )}
          {only !== null && (
            <a href={hashOf('pools', { show: 'waits' })} title={`Only ${only} is shown`}>
              Show all pools
            </a>
          )}
          <ExportMenu what="waits" shown={() => exported(held.shown)} all={() => exported(all)} />
        </div>
        {waiting === 0 ? (
          <div className={styles.frameBox}>
            <Empty title="Nobody waits" actions={<a href={hashOf('pools')}>See how full the pools are</a>}>
              When all server connections of a pool are taken, the sessions that wait for one are listed here, with those that hold them.
              Rolling back a forgotten transaction frees the queue with one click.
            </Empty>
          </div>
        ) : (
          held.shown.map((queue) => <QueuePanel key={queue.pool} queue={queue} onClose={setClosing} />)
        )}
      </section>
      {closing !== null && (
        <Confirm
          title={`End session ${closing}?`}
          consequence="Its client gets the error 57P01 and loses its connection; a transaction that is open is rolled back."
          action="End session"
          onConfirm={() => {
            setClosing(null);
            void act(call, closing, 'close');
          }}
          onCancel={() => setClosing(null)}
        />
      )}
    </>
  );
}

/** How the last action ended. It has its line even when there is nothing to say, so that nothing moves when there is. */
function LastOutcome(): ReactNode {
  const last = useActions((state) => state.last);
  return (
    <p role="status" className={last?.outcome.state === 'refused' ? styles.refused : styles.soft}>
      {last && `Session ${last.sessionId}: ${last.outcome.words}`}
    </p>
  );
}
