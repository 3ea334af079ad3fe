import type { ReactNode } from 'react';
import type { OperationRow } from '../../../../core/contract/index.ts';
import { hashOf } from '../../app/routes.ts';
import { useHost } from '../../bridge/client.ts';
import { useAction } from '../../lib/use-action.ts';
import { closePanel, openMigrate, openPanel } from '../../store/view.ts';
import { Button } from '../../ui/Button.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import styles from './Panels.module.css';
import type { Progress } from './progress.ts';

interface ActionsProps {
  operation: OperationRow;
  progress: Progress;
  children: ReactNode;
}

/** What can be done about an operation: stopped while it can be, and once it is settled read, and undone. */
export function Actions({ operation, progress, children }: ActionsProps): ReactNode {
  const call = useHost();
  const { busy, failure, run } = useAction();
  const settled = operation.settledAt !== null;
  const stayed = operation.refused + operation.recoverable + operation.fatal;
  // From one endpoint there is one way back, and it can be looked at first; from several the host finds each its own.
  const back = settled && operation.kind === 'migrate' ? progress.undo : null;
  const undoByHost = settled && back === null && operation.undoable && operation.kind !== 'undo';
  return (
    <>
      <FailureNotice failure={failure} />
      <div className={styles.actions}>
        {!settled && (
          <Button
            small
            disabled={!progress.canCancel || busy}
            onClick={() => run(() => call('operation.cancel', { operationId: operation.id }))}
          >
            {operation.cancelled ? 'Cancelling' : 'Cancel those that wait'}
          </Button>
        )}
        {settled && stayed > 0 && (
          <Button
            small
            onClick={() => (window.location.hash = hashOf('migrations', { operation: String(operation.id), outcome: 'unmoved' }))}
          >
            {operation.refused === stayed ? 'Show refused' : 'Show those that stayed'}
          </Button>
        )}
        {back && (
          <Button
            small
            title={`Migrate back to ${back.to}, after a preflight of its own`}
            onClick={() => {
              openMigrate(back.sessionIds, back.to);
              closePanel(operation.id);
            }}
          >
            Undo…
          </Button>
        )}
        {undoByHost && (
          <Button
            small
            disabled={busy}
            title="Moves back what moved, after a preflight of its own, and takes back what else was changed"
            onClick={() =>
              run(async () => {
                const undo = await call('operation.undo', { operationId: operation.id });
                openPanel(undo.operationId);
                closePanel(operation.id);
              })
            }
          >
            Undo
          </Button>
        )}
        {children}
      </div>
    </>
  );
}
