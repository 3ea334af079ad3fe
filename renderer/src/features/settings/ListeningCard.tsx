import type { ReactNode } from 'react';
import { useHost } from '../../bridge/client.ts';
import { useAction } from '../../lib/use-action.ts';
import { useServer } from '../../store/server.ts';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { Switch } from '../../ui/Switch.tsx';
import { Card } from './Card.tsx';
import styles from './Settings.module.css';

/** Where the proxy listens, which only a start decides, and whether new clients are let in, which is decided at once. */
export function ListeningCard(): ReactNode {
  const call = useHost();
  const host = useServer((state) => state.host);
  const { busy, failure, run } = useAction();
  if (host === null) return null;
  const { proxy, wantedPort, admitting } = host;
  return (
    <Card id="listening" when="address: at the next start; letting in: at once">
      <dl className={styles.facts}>
        <dt>Address</dt>
        <dd>
          <code>
            {proxy.host}:{proxy.port}
          </code>
          {wantedPort !== null && `; port ${wantedPort} was taken by another program`}
        </dd>
        <dt>To change it</dt>
        <dd>
          start Switchyard with <code>--listen 127.0.0.1:6432</code>. Beyond this machine it listens only with an authentication other than
          trust.
        </dd>
      </dl>
      <Switch
        label="Let new clients in"
        checked={admitting}
        disabled={busy}
        onChange={(admit) => run(() => call('clients.admit', { admit }))}
      />
      <p className={styles.soft}>Off: new clients are refused and told to try again later; those that are connected go on.</p>
      <FailureNotice failure={failure} />
    </Card>
  );
}
