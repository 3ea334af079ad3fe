import { useEffect, useState } from 'react';
import type { ReactNode } from 'react';
import { useHost } from '../../bridge/client.ts';
import { hashOf } from '../../app/routes.ts';
import { cx } from '../../lib/cx.ts';
import { useAction } from '../../lib/use-action.ts';
import { useServer } from '../../store/server.ts';
import { Button } from '../../ui/Button.tsx';
import { Lamp } from '../../ui/Lamp.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { BackendMark } from '../endpoints/BackendMark.tsx';
import { ConnectLines } from '../endpoints/ConnectLines.tsx';
import { EndpointDialog } from '../endpoints/EndpointDialog.tsx';
import { ImportDialog } from '../endpoints/ImportDialog.tsx';
import styles from './FirstSteps.module.css';
import { showFound, waitForFirst } from './progress.ts';

/** What a new user sees as long as there are no sessions: two servers, a client, a move, each with what does it. */
export function FirstSteps(): ReactNode {
  const call = useHost();
  const host = useServer((state) => state.host);
  const endpoints = useServer((state) => state.endpoints);
  const [adding, setAdding] = useState<'form' | 'import' | null>(null);
  const { busy, failure, run } = useAction();
  useEffect(waitForFirst, []);
  if (!host) return null;
  const { demo } = host;
  const backends = new Set(endpoints.map(({ backend }) => backend)).size;
  const starting = busy || demo.state === 'starting';
  const reason = failure?.message ?? (demo.state === 'failed' ? demo.reason : null);
  const canStartDemo = demo.available && demo.state !== 'running' && demo.state !== 'stopping';
  return (
    <div className={styles.steps}>
      <div className={styles.head}>
        <h2>{endpoints.length === 0 ? 'No endpoints yet' : 'No sessions yet'}</h2>
        <p className={styles.soft}>
          {endpoints.length === 0
            ? 'An endpoint is a name that points at one of your servers. Clients connect to Switchyard and ask for it.'
            : 'Point a client at the proxy instead of at its database. It appears here as soon as it connects.'}
        </p>
      </div>
      <ol>
        <Step number={1} title="Two servers" done={backends >= 2}>
          {endpoints.length > 0 && (
            <ul className={styles.map} aria-label="Endpoints so far">
              {endpoints.slice(0, 6).map(({ id, backend, status }) => (
                <li key={id}>
                  <BackendMark backend={backend} /> <b>{id}</b> <span className={styles.soft}>{backend}</span>
                  {status === 'down' && <span className={styles.bad}>down</span>}
                </li>
              ))}
              {endpoints.length > 6 && (
                <li>
                  <a href={hashOf('endpoints')}>and {endpoints.length - 6} more</a>
                </li>
              )}
            </ul>
          )}
          <div className={styles.actions}>
            {canStartDemo && (
              <Button
                look={endpoints.length === 0 ? 'primary' : 'plain'}
                disabled={starting}
                onClick={() => run(() => call('demo.start', {}))}
              >
                {starting ? 'Starting the demo…' : 'Start the demo'}
              </Button>
            )}
            <Button onClick={() => showFound(true)}>Find my servers</Button>
            <Button onClick={() => setAdding('form')}>Add an endpoint</Button>
            <Button onClick={() => setAdding('import')}>Import</Button>
          </div>
          {endpoints.length === 0 && demo.available && (
            <p className={styles.soft}>The demo starts two real PostgreSQL servers with something to look at.</p>
          )}
          {reason !== null && (
            <Notice tone="bad" hint={failure?.hint ?? 'Start it again, or add servers of your own.'} live>
              {reason}
            </Notice>
          )}
        </Step>
        <Step number={2} title="A client" done={false} later={endpoints.length === 0}>
          {endpoints.length > 0 && (
            <>
              <ConnectLines />
              <p className={styles.waiting} role="status">
                <Lamp tone="info" shape="half" />
                Waiting for the first session…
              </p>
              {demo.state === 'running' && !demo.workload && (
                <div className={styles.actions}>
                  <Button look="primary" disabled={busy} onClick={() => run(() => call('demo.workload', { on: true }))}>
                    Switch on the demo workload
                  </Button>
                </div>
              )}
            </>
          )}
        </Step>
        <Step number={3} title="Move it to the other server" done={false} later>
          <p className={styles.soft}>Once it is here, one click moves it while it runs.</p>
        </Step>
      </ol>
      {adding === 'form' && <EndpointDialog endpoint={null} onClose={() => setAdding(null)} />}
      {adding === 'import' && (
        <ImportDialog
          onClose={() => {
            setAdding(null);
            // What was staged is looked at and applied there.
            window.location.hash = hashOf('endpoints');
          }}
        />
      )}
    </div>
  );
}

interface StepProps {
  number: number;
  title: string;
  done: boolean;
  /** Its turn has not come. */
  later?: boolean;
  children: ReactNode;
}

function Step({ number, title, done, later = false, children }: StepProps): ReactNode {
  return (
    <li className={cx(styles.step, later && styles.later)}>
      <span className={cx(styles.number, done && styles.done)} aria-hidden="true">
        {done ? '✓' : number}
      </span>
      <div className={styles.body}>
        <h3>
          {title}
          {done && <span className={styles.soft}> – done</span>}
        </h3>
        {children}
      </div>
    </li>
  );
}
