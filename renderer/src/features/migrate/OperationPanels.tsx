import { ChevronDown, ChevronRight, X } from 'lucide-react';
import { useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import type { OperationRow } from '../../../../core/contract/index.ts';
import { useHostNow } from '../../lib/clock.ts';
import { formatMs, formatSpan, plural } from '../../lib/format.ts';
import { useServer } from '../../store/server.ts';
import { closePanel, useView } from '../../store/view.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { StackBar } from '../../ui/StackBar.tsx';
import { Actions } from './Actions.tsx';
import { Announcer } from './Announcer.tsx';
import { Blockers } from './Blockers.tsx';
import styles from './Panels.module.css';
import { progressOf } from './progress.ts';
import type { Progress } from './progress.ts';
import { Steps } from './Steps.tsx';

/** A settled operation shows its steps by itself when they are no more than this. */
const FEW = 5;

/**
 * The operations started in this window: under way and, until dismissed, settled. Nothing waits for them to be read, and nothing is modal.
 * The newest is open; of the others there is a line each, which opens.
 */
export function OperationPanels(): ReactNode {
  const panels = useView((state) => state.panels);
  const operations = useServer((state) => state.operations);
  const [turned, setTurned] = useState<ReadonlySet<number>>(new Set());
  const shown = panels.flatMap((id) => operations.get(id) ?? []);
  const newest = shown.at(-1)?.id;
  return (
    <>
      <Announcer operations={shown} />
      {shown.length > 0 && (
        <section className={styles.stack} aria-label="Migrations under way">
          {shown.map((operation) => {
            const isOpen = (operation.id === newest) !== turned.has(operation.id);
            return (
              <Panel
                key={operation.id}
                operation={operation}
                isOpen={isOpen}
                onTurn={
                  shown.length === 1
                    ? null
                    : () =>
                        setTurned(
                          (before) =>
                            new Set(before.has(operation.id) ? [...before].filter((id) => id !== operation.id) : [...before, operation.id]),
                        )
                }
              />
            );
          })}
        </section>
      )}
    </>
  );
}

interface PanelProps {
  operation: OperationRow;
  isOpen: boolean;
  /** Opens or closes it; null: it is the only one, and open. */
  onTurn: (() => void) | null;
}

function Panel({ operation, isOpen, onTurn }: PanelProps): ReactNode {
  const transfers = useServer((state) => state.transfers);
  const progress = useMemo(() => progressOf(operation, transfers.values()), [operation, transfers]);
  const [wantsSteps, setWantsSteps] = useState<boolean | null>(null);
  const settled = operation.settledAt !== null;
  // Whom it waits for stands in a list of its own.
  const steps = settled || operation.kind === 'migrate' ? progress.steps : progress.steps.filter((step) => step.outcome === 'success');
  const showsSteps = wantsSteps ?? (!settled || steps.length <= FEW);
  const Arrow = isOpen ? ChevronDown : ChevronRight;
  return (
    <article className={styles.panel} aria-label={operation.label} data-testid={`operation-${operation.id}`}>
      <div className={styles.head}>
        {onTurn && (
          <IconButton label={isOpen ? 'Show less' : 'Show more'} aria-expanded={isOpen} onClick={onTurn}>
            <Arrow size={15} aria-hidden="true" />
          </IconButton>
        )}
        <h2>{operation.label}</h2>
        <IconButton label="Dismiss" onClick={() => closePanel(operation.id)}>
          <X size={15} aria-hidden="true" />
        </IconButton>
      </div>
      <div className={styles.body}>
        {settled ? <Result operation={operation} progress={progress} /> : <Remaining operation={operation} progress={progress} />}
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
        {isOpen && (
          <>
            <p className={styles.counts}>
              <span>{operation.success} success</span>
              <span>{operation.recoverable} recoverable</span>
              <span>{operation.fatal} fatal</span>
              <span>{operation.refused} refused</span>
              {operation.forced > 0 && <span>{operation.forced} ended by force</span>}
            </p>
            {!settled && operation.kind !== 'migrate' && <Blockers operation={operation} />}
            {showsSteps && <Steps steps={steps} />}
          </>
        )}
        <Actions operation={operation} progress={progress}>
          {isOpen && settled && steps.length > FEW && (
            <Button small look="quiet" aria-expanded={showsSteps} onClick={() => setWantsSteps(!showsSteps)}>
              {showsSteps ? 'Hide steps' : 'Show steps'}
            </Button>
          )}
        </Actions>
      </div>
    </article>
  );
}

function Remaining({ operation, progress }: { operation: OperationRow; progress: Progress }): ReactNode {
  const now = useHostNow();
  const waiting = progress.steps.filter((step) => step.outcome === null && step.phase === 'armed').length;
  return (
    <div>
      <p>
        {progress.done} of {operation.total} settled in {formatSpan(now - operation.startedAt)}; waiting ends in{' '}
        {formatSpan(operation.deadlineAt - now)}
        {operation.forceAt !== null && `, who has not moved in ${formatSpan(operation.forceAt - now)} is ended`}
      </p>
      <p className={styles.counts}>
        <span>{waiting === 1 ? '1 waits' : `${waiting} wait`} for a safe point</span>
        <span>{plural(progress.held, 'client')} held</span>
        {progress.longestHold > 0 && <span>longest hold {formatMs(progress.longestHold)}</span>}
      </p>
    </div>
  );
}

function Result({ operation, progress }: { operation: OperationRow; progress: Progress }): ReactNode {
  return (
    // Said by the announcer, with whatever else has happened; not by each panel.
    <p className={styles.result} role="status" aria-live="off">
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
