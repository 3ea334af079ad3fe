/** Which sessions have been idle for longer than they may be. */
import type { Settings } from '../contract/index.ts';
import { Status } from '../wire/codes.ts';
import type { Session } from './session.ts';

/** The end of a session that takes too long, in PostgreSQL's own words and codes. */
export interface SessionEnd {
  readonly sqlState: '57P05' | '25P03' | '25P04';
  readonly message: string;
  readonly hint: string;
}

/**
 * Looks at one session; null while it may stay. Measured from its last ReadyForQuery, so that a statement's own time is never held
 * against it. 0 in `times` means: for ever.
 */
export function idleEnd(
  session: Session,
  times: Pick<Settings['times'], 'idleClient' | 'idleInTransaction'>,
  now: number,
): SessionEnd | null {
  const { forwarder } = session;
  const { link } = forwarder;
  const isIdle = forwarder.isDetached ? !forwarder.hasInput : forwarder.server !== null && !link.suspended;
  if (!isIdle || forwarder.isEnded || forwarder.isDeparting) return null;
  // Between a request and its answer, or in an open pipeline, the server has work.
  if (link.expected.outstanding > 0 || link.expected.cycleOpen) return null;
  const seconds = (now - link.busySince) / 1000;
  if (link.status !== Status.Idle) {
    const limit = times.idleInTransaction;
    if (limit === 0 || seconds < limit) return null;
    return {
      sqlState: '25P03',
      message: 'terminating connection due to idle-in-transaction timeout',
      hint: `Switchyard allows ${limit} s between two statements of a transaction (times.idleInTransaction).`,
    };
  }
  const limit = times.idleClient;
  if (limit === 0 || seconds < limit) return null;
  return {
    sqlState: '57P05',
    message: 'terminating connection due to idle-session timeout',
    hint: `Switchyard allows a session to be idle for ${limit} s (times.idleClient).`,
  };
}
