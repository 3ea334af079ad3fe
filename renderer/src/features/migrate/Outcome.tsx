import type { ReactNode } from 'react';
import type { TransferOutcome, TransferPhase } from '../../../../core/contract/index.ts';
import { Lamp } from '../../ui/Lamp.tsx';
import type { LampShape, Tone } from '../../ui/Lamp.tsx';
import styles from './Outcome.module.css';

/** How each outcome looks and is called: the seed's names, as words. */
export const outcomes: Record<TransferOutcome, { words: string; tone: Tone; shape: LampShape }> = {
  success: { words: 'Success', tone: 'good', shape: 'full' },
  error_recoverable: { words: 'Recoverable', tone: 'warn', shape: 'triangle' },
  error_fatal: { words: 'Fatal', tone: 'bad', shape: 'cross' },
  refused: { words: 'Refused', tone: 'idle', shape: 'ring' },
};

/** What a transfer is doing in each phase. */
export const phaseWords: Record<TransferPhase, string> = {
  preflight: 'Preflight',
  dial: 'Dialling',
  armed: 'Waiting for a safe point',
  suspend: 'Suspending',
  capture: 'Capturing',
  login: 'Logging in',
  restore: 'Restoring',
  verify: 'Verifying',
  check: 'Checking again',
  swap: 'Swapping',
  resume: 'Resuming',
  settled: 'Settled',
};

/** The outcome of a transfer, or its phase while it is under way. */
export function OutcomeLabel({ outcome, phase }: { outcome: TransferOutcome | null; phase: TransferPhase }): ReactNode {
  const { words, tone, shape } = outcome
    ? outcomes[outcome]
    : { words: phaseWords[phase], tone: 'info' as const, shape: phase === 'armed' ? ('half' as const) : ('points' as const) };
  return (
    <span className={styles.outcome}>
      <Lamp tone={tone} shape={shape} />
      {words}
    </span>
  );
}
