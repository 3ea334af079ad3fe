import type { ReactNode } from 'react';
import type { Distribution, TransferOutcome } from '../../../../core/contract/index.ts';
import { cx } from '../../lib/cx.ts';
import { formatCount, formatMs } from '../../lib/format.ts';
import { useServer } from '../../store/server.ts';
import { Lamp } from '../../ui/Lamp.tsx';
import { outcomes } from '../migrate/Outcome.tsx';
import styles from './Migrations.module.css';

/** What stands between a count and the one before it; drawn by the style, as a list of terms must hold nothing else. */
const between = { '=': styles.equals, '+': styles.plus, '|': styles.apart };

function Count({ outcome, value, before }: { outcome: TransferOutcome; value: number; before: keyof typeof between }): ReactNode {
  const { words, tone, shape } = outcomes[outcome];
  return (
    <div className={cx(styles.term, between[before])}>
      <dt>
        <Lamp tone={tone} shape={shape} />
        {words}
      </dt>
      <dd data-testid={`counter-${outcome}`}>{formatCount(value)}</dd>
    </div>
  );
}

/** Attempted = success + recoverable + fatal, as one line that can be checked; and how long moves take. */
export function Counters(): ReactNode {
  const counters = useServer((state) => state.counters);
  if (!counters) return null;
  return (
    <div className={styles.counters}>
      <dl className={styles.sum}>
        <div className={styles.term}>
          <dt>Attempted</dt>
          <dd data-testid="counter-attempted">{formatCount(counters.attempted)}</dd>
        </div>
        <Count outcome="success" before="=" value={counters.success} />
        <Count outcome="error_recoverable" before="+" value={counters.error_recoverable} />
        <Count outcome="error_fatal" before="+" value={counters.error_fatal} />
        <Count outcome="refused" before="|" value={counters.refused} />
        <div className={styles.term}>
          <dt>
            <Lamp tone="info" shape="points" />
            In flight
          </dt>
          <dd>{formatCount(counters.inFlight)}</dd>
        </div>
      </dl>
      <table className={styles.times}>
        <thead>
          <tr>
            <th scope="col">Times</th>
            <th scope="col">p50</th>
            <th scope="col">p95</th>
            <th scope="col">p99</th>
            <th scope="col">Longest</th>
          </tr>
        </thead>
        <tbody>
          <Times label="Pause" times={counters.pause} />
          <Times label="Attempted latency" times={counters.attemptedLatency} />
        </tbody>
      </table>
    </div>
  );
}

function Times({ label, times }: { label: string; times: Distribution }): ReactNode {
  const show = (ms: number): string => (times.count === 0 ? '–' : formatMs(ms));
  return (
    <tr>
      <th scope="row">{label}</th>
      <td>{show(times.p50)}</td>
      <td>{show(times.p95)}</td>
      <td>{show(times.p99)}</td>
      <td>{show(times.max)}</td>
    </tr>
  );
}
