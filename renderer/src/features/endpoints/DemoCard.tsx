import type { ReactNode } from 'react';
import { useHost } from '../../bridge/client.ts';
import { useAction } from '../../lib/use-action.ts';
import { useServer } from '../../store/server.ts';
import { Button } from '../../ui/Button.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { Switch } from '../../ui/Switch.tsx';
import styles from './Endpoints.module.css';

/** The built-in demo: two real servers and a workload to move about. */
export function DemoCard(): ReactNode {
  const call = useHost();
  const demo = useServer((state) => state.host?.demo);
  const { busy, failure, run } = useAction();
  if (!demo) return null;
  const running = demo.state === 'running';
  return (
    <section className={styles.card} aria-labelledby="demo-title">
      <h2 id="demo-title">Demo</h2>
      <p className={styles.soft}>
        {demo.available
          ? 'Two PostgreSQL servers on this machine, as ep-a and ep-b. Their data is removed when they stop.'
          : 'There is no built-in server for this platform.'}
      </p>
      <div className={styles.controls}>
        {demo.state === 'off' || demo.state === 'failed' ? (
          <Button look="primary" disabled={busy || !demo.available} onClick={() => run(() => call('demo.start', {}))}>
            {demo.state === 'failed' ? 'Start the demo again' : 'Start the demo'}
          </Button>
        ) : (
          <Button disabled={busy || !running} onClick={() => run(() => call('demo.stop', {}))}>
            {demo.state === 'starting' ? 'Starting…' : demo.state === 'stopping' ? 'Stopping…' : 'Stop the demo'}
          </Button>
        )}
        <Switch
          label="Workload of a dozen clients"
          checked={demo.workload}
          disabled={busy || !running}
          onChange={(on) => run(() => call('demo.workload', { on }))}
        />
      </div>
      {demo.reason !== null && demo.state === 'failed' && <Notice tone="bad">{demo.reason}</Notice>}
      <FailureNotice failure={failure} />
    </section>
  );
}
