/** What keeps a session from a safe point, in words for whoever waits for it. */
import { Status } from '../wire/codes.ts';
import type { Link } from './link.ts';

const IN_DOUBT = 'it is not certain yet that a failed COPY is over';

/** Null when nothing does. `isWhole`: no message is partly through, in either direction. */
export function busyReason(link: Link, isWhole: boolean): string | null {
  const { expected } = link;
  // A COPY that failed is over with its ReadyForQuery: data that still come are read and ignored by any server.
  if (expected.copyIn) return `COPY in progress since ${since(link.busySince)}`;
  if (expected.outstanding > 0) {
    if (link.status !== Status.Idle) return `busy in transaction since ${since(link.transactionSince)}`;
    if (expected.inDoubt) return IN_DOUBT;
    return `busy with a query since ${since(link.busySince)}`;
  }
  if (link.status !== Status.Idle) return `busy in transaction since ${since(link.transactionSince)}`;
  if (expected.inDoubt) return IN_DOUBT;
  if (expected.cycleOpen) return 'in the middle of a pipeline (no Sync yet)';
  return isWhole ? null : 'a message is only partly through';
}

/** `14:03:12 (38 s)`, for people who look at a clock. */
function since(at: number): string {
  return `${new Date(at).toTimeString().slice(0, 8)} (${Math.round((Date.now() - at) / 1000)} s)`;
}
