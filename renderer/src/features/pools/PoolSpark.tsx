import type { ReactNode } from 'react';
import { useServer } from '../../store/server.ts';
import { Sparkline } from '../../ui/Sparkline.tsx';

const SECONDS = 60;

/** The shape of the last minute of one pool: how many server connections were taken, and how many sessions waited for one. */
export function PoolSpark({ pool }: { pool: string }): ReactNode {
  const samples = useServer((state) => state.samples);
  const values = samples.slice(-SECONDS).map((sample) => {
    const [active = 0, , waiting = 0] = sample.pools[pool] ?? [];
    return active + waiting;
  });
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const words =
    values.length === 0
      ? 'Nothing measured yet'
      : `Wanted in the last minute: ${least === most ? most : `${least} to ${most}`} server connections`;
  return (
    <span role="img" aria-label={words} title={words}>
      <Sparkline values={values} slots={SECONDS} width={96} height={24} />
    </span>
  );
}
