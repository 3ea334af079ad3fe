import type { PoolRow } from '../../../../core/contract/index.ts';
import type { BarPart } from '../../ui/StackBar.tsx';

/** What the server connections of a pool can be doing, and who waits for one; in the order of the bar. */
export const parts = [
  { of: 'active', name: 'active', color: 'var(--good)', means: 'serves a session' },
  { of: 'idle', name: 'idle', color: 'var(--accent)', means: 'serves the next that asks' },
  { of: 'resetting', name: 'being reset', color: 'var(--brass)', means: 'is cleaned for the next session' },
  { of: 'checking', name: 'checking', color: 'var(--accent)', striped: true, means: 'is asked whether it still answers' },
  { of: 'connecting', name: 'connecting', color: 'var(--idle-fill)', means: 'is being opened' },
  { of: 'cancelling', name: 'cancelling', color: 'var(--bad)', means: 'waits for a cancel request on its way' },
  { of: 'waiting', name: 'waiting', color: 'var(--warn)', striped: true, means: 'a session that has no server connection yet' },
] as const satisfies readonly (Omit<BarPart, 'value'> & { of: keyof PoolRow; means: string })[];

/** Server connections that a pool holds or is about to hold. */
export function openOf(pool: PoolRow): number {
  return pool.active + pool.idle + pool.resetting + pool.checking + pool.connecting + pool.cancelling;
}

/** A pool's bar: its parts, the length it needs and what it says in words. */
export function barOf(pool: PoolRow): { parts: BarPart[]; whole: number; label: string } {
  const shown = parts.map((part) => ({ ...part, value: pool[part.of] }));
  const counted = shown.filter(({ of, value }) => of === 'active' || of === 'idle' || value > 0);
  const servers = counted.filter(({ of }) => of !== 'waiting').map(({ name, value }) => `${value} ${name}`);
  return {
    parts: shown,
    whole: Math.max(pool.size, openOf(pool) + pool.waiting),
    label: `${servers.join(', ')} of at most ${pool.size}; ${pool.waiting} waiting`,
  };
}
