import type { ReactNode } from 'react';
import { useHost } from '../../bridge/client.ts';
import { useAction } from '../../lib/use-action.ts';
import { useServer } from '../../store/server.ts';
import { Button } from '../../ui/Button.tsx';
import { CopyLine } from '../../ui/CopyLine.tsx';
import { Empty } from '../../ui/Empty.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { FirstRun } from '../endpoints/FirstRun.tsx';

/** The table without sessions: how the first one comes to be. */
export function NoSessions(): ReactNode {
  const call = useHost();
  const host = useServer((state) => state.host);
  const endpoints = useServer((state) => state.endpoints.length);
  const { busy, failure, run } = useAction();
  if (!host) return null;
  if (endpoints === 0) return <FirstRun />;
  const canRunWorkload = host.demo.state === 'running' && !host.demo.workload;
  return (
    <Empty
      title="No sessions yet"
      actions={
        canRunWorkload && (
          <Button look="primary" disabled={busy} onClick={() => run(() => call('demo.workload', { on: true }))}>
            Switch on the demo workload
          </Button>
        )
      }
      wide={
        <>
          {failure && (
            <Notice tone="bad" hint={failure.hint} live>
              {failure.message}
            </Notice>
          )}
          {host.connectLines.slice(0, 2).map((line) => (
            <div key={line.label}>
              <h3>{line.label}</h3>
              <CopyLine text={line.text} what={line.label} />
            </div>
          ))}
        </>
      }
    >
      Point a client at the proxy instead of at its database. It appears here as soon as it connects.
    </Empty>
  );
}
