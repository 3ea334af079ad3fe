import type { SessionState } from '../../../../core/contract/index.ts';
import type { LampShape, Tone } from '../../ui/Lamp.tsx';

/** How each state looks and is called where space is short; the contract's word stands in the tooltip. */
export const states: Record<SessionState, { tone: Tone; shape: LampShape; words: string }> = {
  connecting: { tone: 'info', shape: 'half', words: 'connecting' },
  waiting: { tone: 'warn', shape: 'triangle', words: 'waiting' },
  active: { tone: 'good', shape: 'full', words: 'active' },
  idle: { tone: 'idle', shape: 'ring', words: 'idle' },
  'idle in transaction': { tone: 'warn', shape: 'half', words: 'idle in transaction' },
  'idle in transaction (aborted)': { tone: 'bad', shape: 'cross', words: 'aborted tx' },
  migrating: { tone: 'info', shape: 'points', words: 'migrating' },
  closing: { tone: 'idle', shape: 'cross', words: 'closing' },
};

/** What the letters of ReadyForQuery mean. */
export const transactionWords = {
  I: 'I: not in a transaction',
  T: 'T: in a transaction',
  E: 'E: in a failed transaction',
} as const;
