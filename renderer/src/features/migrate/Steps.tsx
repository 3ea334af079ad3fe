import type { ReactNode } from 'react';
import type { TransferRow } from '../../../../core/contract/index.ts';
import { cx } from '../../lib/cx.ts';
import { formatMs, plural } from '../../lib/format.ts';
import { OutcomeLabel } from './Outcome.tsx';
import styles from './Panels.module.css';
import { stages, stageOf } from './progress.ts';
import { ScrollRegion } from '../../ui/ScrollRegion.tsx';

const SHOWN = 60;

/** How far each session of an operation is, or how its move ended. */
export function Steps({ steps }: { steps: readonly TransferRow[] }): ReactNode {
  return (
    <ScrollRegion className={styles.steps} label="Steps per session" hidden={steps.length === 0}>
      <ul>
        {steps.slice(0, SHOWN).map((step) => (
          <li key={step.id} className={styles.step}>
            <div className={styles.line}>
              <span className={styles.who} title={step.application}>
                Session {step.sessionId}
                {step.application !== '' && `, ${step.application}`}
              </span>
              {step.outcome === null && <Track step={step} />}
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
    </ScrollRegion>
  );
}

/** The stages of a move as a row of lamps; the phase stands beside it in words. */
function Track({ step }: { step: TransferRow }): ReactNode {
  const at = stageOf(step.phase);
  return (
    <span className={styles.track} title={stages.join(' → ')} aria-hidden="true">
      {stages.map((stage, i) => (
        <i key={stage} className={cx(styles.stage, i < at && styles.passed, i === at && styles.now)} />
      ))}
    </span>
  );
}
