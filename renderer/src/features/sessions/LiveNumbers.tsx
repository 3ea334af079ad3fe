import type { ReactNode } from 'react';
import type { Sample } from '../../../../core/contract/index.ts';
import { formatBytes, formatShort } from '../../lib/format.ts';
import { useServer } from '../../store/server.ts';
import { Sparkline } from '../../ui/Sparkline.tsx';
import styles from './Sessions.module.css';

interface Figure {
  label: string;
  of: (sample: Sample) => number;
  format: (value: number) => string;
}

const figures: readonly Figure[] = [
  { label: 'Active', of: (sample) => sample.sessionsActive, format: formatShort },
  { label: 'Waiting', of: (sample) => sample.waiting, format: formatShort },
  { label: 'Queries per second', of: (sample) => sample.queriesPerSecond, format: formatShort },
  {
    label: 'Traffic per second',
    of: (sample) => sample.bytesInPerSecond + sample.bytesOutPerSecond,
    format: formatBytes,
  },
];

/** What the proxy does right now, once a second, with the shape of the last half minute. */
export function LiveNumbers(): ReactNode {
  const samples = useServer((state) => state.samples);
  const last = samples.at(-1);
  const recent = samples.slice(-30);
  return (
    <dl className={styles.figures}>
      {figures.map(({ label, of, format }) => (
        <div key={label} className={styles.figure}>
          <dt>{label}</dt>
          <dd>
            <span className={styles.number}>{last ? format(of(last)) : '–'}</span>
            <Sparkline values={recent.map(of)} />
          </dd>
        </div>
      ))}
    </dl>
  );
}
