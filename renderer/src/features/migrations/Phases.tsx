import type { ReactNode } from 'react';
import type { TransferPhase, TransferRow } from '../../../../core/contract/index.ts';
import { formatMs } from '../../lib/format.ts';
import { StackBar } from '../../ui/StackBar.tsx';
import styles from './Migrations.module.css';

/** The phases that make up the pause, with the colours of their parts. */
const pausePhases: Partial<Record<TransferPhase, string>> = {
  suspend: 'var(--brass)',
  capture: 'var(--accent)',
  restore: 'var(--good)',
  verify: 'var(--phase-verify)',
  swap: 'var(--warn)',
  resume: 'var(--idle-fill)',
};

/** Shorter phases are left to the tooltip. */
const FELT_MS = 0.05;

/** How long each phase of a transfer took: the pause as a bar, all of them in numbers. */
export function Phases({ phases }: { phases: TransferRow['phases'] }): ReactNode {
  if (phases.length === 0) return <span className={styles.soft}>–</span>;
  const words = phases.map((phase) => `${phase.name} ${formatMs(phase.ms)}`).join(', ');
  const felt = phases.filter((phase) => phase.ms >= FELT_MS);
  const parts = phases.flatMap(({ name, ms }) => {
    const color = pausePhases[name];
    return color === undefined ? [] : [{ name, value: ms, color }];
  });
  return (
    <div className={styles.phases}>
      {parts.length > 0 && <StackBar parts={parts} whole={0} label={`Pause: ${words}`} />}
      <span className={styles.soft} title={words}>
        {(felt.length > 0 ? felt : phases).map(({ name, ms }) => (
          <span key={name} className={styles.phase}>
            {pausePhases[name] !== undefined && <span className={styles.swatch} style={{ background: pausePhases[name] }} />}
            {name} {formatMs(ms)}
          </span>
        ))}
      </span>
    </div>
  );
}
