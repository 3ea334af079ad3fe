import { useEffect } from 'react';
import type { ReactNode } from 'react';
import { hashOf } from '../../app/routes.ts';
import { useHost } from '../../bridge/client.ts';
import { useAction } from '../../lib/use-action.ts';
import { useServer } from '../../store/server.ts';
import { Button } from '../../ui/Button.tsx';
import { CopyLine } from '../../ui/CopyLine.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { waitForFirst } from '../onboarding/progress.ts';
import styles from './Yard.module.css';

/** The left column without sessions: how the first one comes to be. */
export function NoClients(): ReactNode {
  const call = useHost();
  const host = useServer((state) => state.host);
  const { busy, failure, run } = useAction();
  useEffect(waitForFirst, []);
  if (!host) return null;
  const line = host.connectLines.find((each) => each.endpoint === host.defaultEndpoint) ?? host.connectLines[0];
  return (
    <>
      <h2>No clients yet</h2>
      <p className={styles.soft}>Point a client at the proxy instead of at its database. It appears here as soon as it connects.</p>
      {line && (
        <>
          <h3>{line.label}</h3>
          <CopyLine text={line.text} what={line.label} />
        </>
      )}
      <p role="status">Waiting for the first session…</p>
      <a href={hashOf('sessions')}>First steps: more servers, other kinds of clients</a>
      {host.demo.state === 'running' && !host.demo.workload && (
        <Button look="primary" disabled={busy} onClick={() => run(() => call('demo.workload', { on: true }))}>
          Switch on the demo workload
        </Button>
      )}
      <FailureNotice failure={failure} />
    </>
  );
}
