/** What goes wrong in a case of the matrix, and where. */
import type { TransferPhase } from '../../../core/contract/index.ts';

/** The columns of the matrix. The first six befall one answer; the last three somebody as a whole, while it is awaited. */
export const faults = [
  'delay beyond deadline',
  'silence',
  'close',
  'reset',
  'error',
  'wrong answer',
  'client gone',
  'old server gone',
  'new server gone',
] as const;
export type Fault = (typeof faults)[number];

/** Of the two servers, the one that the session leaves, and the one it goes to. */
export type Side = 'old' | 'new';

/**
 * A row of the matrix: the answer to the `nth` exchange with a server in a phase. `behind`: not the answer, but the moment right behind it.
 * Phase `resume` is the first exchange of the client on the new server.
 */
export interface Point {
  readonly phase: TransferPhase;
  readonly side: Side;
  readonly nth: number;
  readonly behind: boolean;
}

/** For tables: `capture, old`. */
export function pointName({ phase, side, nth, behind }: Point): string {
  return behind ? `${phase}, ${side} (behind the last answer)` : `${phase}, ${side}${nth === 1 ? '' : ` ${nth}`}`;
}
