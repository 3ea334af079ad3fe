import { X } from 'lucide-react';
import { useMemo } from 'react';
import type { ReactNode } from 'react';
import type { OperationRow } from '../../../../core/contract/index.ts';
import { useHost } from '../../bridge/client.ts';
import { useHostNow } from '../../lib/clock.ts';
import { formatMs, formatSpan, plural } from '../../lib/format.ts';
import { useAction } from '../../lib/use-action.ts';
import { useServer } from '../../store/server.ts';
import { closePanel, openMigrate, openPanel, useView } from '../../store/view.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { StackBar } from '../../ui/StackBar.tsx';
import { Blockers } from './Blockers.tsx';
import { OutcomeLabel } from './Outcome.tsx';
import styles from './Panels.module.css';
import { progressOf } from './progress.ts';
import type { Progress } from './progress.ts';

const SHOWN = 60;

/** The operations started in this window: under way and, until dismissed, settled. Nothing waits for them to be read. */
export function OperationPanels(): ReactNode {
  const panels = useView((state) => state.panels);
  const operations = useServer((state) => state.operations);
  const shown = panels.flatMap((id) => operations.get(id) ?? []);
  if (shown.length === 0) return null;
  return (
    <section className={styles.stack} aria-label="Migrations under way">
      {shown.map((operation) => (
        <Panel key={operation.id} operation={operation} />
      ))}
    </section>
  );
}

function Panel({ operation }: { operation: OperationRow }): ReactNode {
  const call = useHost();
  const transfers = useServer((state) => state.transfers);
  const progress = useMemo(() => progressOf(operation, transfers.values()), [operation, transfers]);
  const { busy, failure, run } = useAction();
  const settled = operation.settledAt !== null;
  const refused = operation.refused + operation.recoverable + operation.fatal;
  // Whom it waits for stands in a list of its own.
  const steps = settled || operation.kind === 'migrate' ? progress.steps : progress.steps.filter((step) => step.outcome === 'success');
  return (
    <article className={styles.panel} aria-label={operation.label} data-testid={`operation-${operation.id}`}>
      <div className={styles.head}>
        <h2>{operation.label}</h2>
        <IconButton label="Dismiss" onClick={() => closePanel(operation.id)}>
          <X size={15} aria-hidden="true" />
        </IconButton>
      </div>
      <div className={styles.body}>
        {settled ? <Result operation={operation} progress={progress} /> : <Remaining operation={operation} done={progress.done} />}
        <StackBar
          whole={operation.total}
          label={`${progress.done} of ${operation.total} settled`}
          parts={[
            { name: 'success', value: operation.success, color: 'var(--good)' },
            { name: 'recoverable', value: operation.recoverable, color: 'var(--warn)' },
            { name: 'fatal', value: operation.fatal, color: 'var(--bad)' },
            { name: 'refused', value: operation.refused, color: 'var(--idle-fill)' },
          ]}
        />
        <p className={styles.counts}>
          <span>{operation.success} success</span>
          <span>{operation.recoverable} recoverable</span>
          <span>{operation.fatal} fatal</span>
          <span>{operation.refused} refused</span>
          {operation.forced > 0 && <span>{operation.forced} ended by force</span>}
        </p>
        {!settled && operation.kind !== 'migrate' && <Blockers operation={operation} />}
        {/* The list scrolls, so the keyboard must be able to reach it. */}
        {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
        <div className={styles.steps} tabIndex={0} role="region" aria-label="Steps per session" hidden={steps.length === 0}>
          <ul>
            {steps.slice(0, SHOWN).map((step) => (
              <li key={step.id} className={styles.step}>
                <div className={styles.line}>
                  <span className={styles.who} title={step.application}>
                    Session {step.sessionId}
                    {step.application !== '' && `, ${step.application}`}
                  </span>
                  <span className={styles.how}>
                    <OutcomeLabel outcome={step.outcome} phase={step.phase} />
                    {step.outcome === 'success' && step.pauseMs !== null && ` ${formatMs(step.pauseMs)}`}
                  </span>
                </div>
                {step.reason !== null && <div className={styles.reason}>{step.reason}</div>}
              </li>
            ))}
            {steps.length > SHOWN && <li className={styles.step}>and {plural(steps.length - SHOWN, 'more session')}</li>}
          </ul>
        </div>
        {failure && (
          <Notice tone="bad" hint={failure.hint} live>
            {failure.message}
          </Notice>
        )}
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
          {settled && refused > 0 && (
            <Button small onClick={() => (window.location.hash = `#/migrations?operation=${operation.id}&outcome=unmoved`)}>
              {operation.refused > 0 && refused === operation.refused ? 'Show refused' : 'Show those that stayed'}
            </Button>
          )}
          {settled && operation.kind === 'migrate' && progress.undo && <UndoButton operation={operation.id} undo={progress.undo} />}
          {settled && operation.undoable && operation.kind !== 'migrate' && operation.kind !== 'undo' && (
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
        </div>
      </div>
    </article>
  );
}

function UndoButton({ operation, undo }: { operation: number; undo: NonNullable<Progress['undo']> }): ReactNode {
  return (
    <Button
      small
      title={`Migrate back to ${undo.to}, after a preflight of its own`}
      onClick={() => {
        openMigrate(undo.sessionIds, undo.to);
        closePanel(operation);
      }}
    >
      Undo…
    </Button>
  );
}

function Remaining({ operation, done }: { operation: OperationRow; done: number }): ReactNode {
  const now = useHostNow();
  return (
    <p>
      {done} of {operation.total} settled; waiting ends in {formatSpan(operation.deadlineAt - now)}
      {operation.forceAt !== null && `, who has not moved in ${formatSpan(operation.forceAt - now)} is ended`}
    </p>
  );
}

function Result({ operation, progress }: { operation: OperationRow; progress: Progress }): ReactNode {
  return (
    <p className={styles.result} role="status">
      <span>
        {operation.success} of {operation.total} moved to {operation.to}
      </span>
      {progress.pause && (
        <span>
          Pause <strong data-testid="operation-pause">{formatMs(progress.pause.median)}</strong>
          {operation.success > 1 && ` median, ${formatMs(progress.pause.longest)} longest`}
        </span>
      )}
    </p>
  );
}
