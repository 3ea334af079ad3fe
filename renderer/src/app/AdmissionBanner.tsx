import type { ReactNode } from 'react';
import { useHost } from '../bridge/client.ts';
import { useAction } from '../lib/use-action.ts';
import { useServer } from '../store/server.ts';
import { Button } from '../ui/Button.tsx';
import { Notice } from '../ui/Notice.tsx';
import styles from './App.module.css';

/** Says, wherever one looks, that new clients are refused, and lets them in again; nothing while they are let in. */
export function AdmissionBanner(): ReactNode {
  const refused = useServer((state) => state.host?.admitting === false);
  const call = useHost();
  const { busy, failure, run } = useAction();
  if (!refused) return null;
  return (
    <div className={styles.banner} data-testid="admission-banner">
      <Notice
        tone="warn"
        hint={failure?.message ?? 'Clients that are connected go on; others are told to try again later.'}
        actions={
          <Button small disabled={busy} onClick={() => run(() => call('clients.admit', { admit: true }))}>
            Let new clients in
          </Button>
        }
        live
      >
        New clients are refused.
      </Notice>
    </div>
  );
}
