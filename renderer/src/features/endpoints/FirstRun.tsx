import { useState } from 'react';
import type { ReactNode } from 'react';
import { useHost } from '../../bridge/client.ts';
import { useAction } from '../../lib/use-action.ts';
import { useServer } from '../../store/server.ts';
import { Button } from '../../ui/Button.tsx';
import { Empty } from '../../ui/Empty.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { EndpointDialog } from './EndpointDialog.tsx';

/** What a new user sees: no endpoints yet, and the two ways to have some. */
export function FirstRun(): ReactNode {
  const call = useHost();
  const demo = useServer((state) => state.host?.demo);
  const [adding, setAdding] = useState(false);
  const { busy, failure, run } = useAction();
  const starting = busy || demo?.state === 'starting';
  const reason = failure?.message ?? (demo?.state === 'failed' ? demo.reason : null);
  return (
    <>
      <Empty
        title="No endpoints yet"
        actions={
          <>
            {demo?.available === true && (
              <Button look="primary" disabled={starting} onClick={() => run(() => call('demo.start', {}))}>
                {starting ? 'Starting the demo…' : 'Start the demo'}
              </Button>
            )}
            <Button look={demo?.available === true ? 'plain' : 'primary'} onClick={() => setAdding(true)}>
              Add an endpoint
            </Button>
          </>
        }
        wide={
          reason !== null && (
            <Notice tone="bad" hint={failure?.hint ?? null} live>
              {reason}
            </Notice>
          )
        }
      >
        An endpoint is a name that points at one of your servers. The demo starts two real PostgreSQL servers with something to look at.
      </Empty>
      {adding && <EndpointDialog endpoint={null} onClose={() => setAdding(false)} />}
    </>
  );
}
