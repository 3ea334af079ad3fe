/** The calls about pools and about what holds them up. */
import { CallError, type Handlers } from '../contract/index.ts';
import type { Session } from '../session/session.ts';
import type { Observations } from './observations.ts';

/** What the calls work on. */
export interface PoolCallsContext {
  readonly sessions: ReadonlyMap<number, Session>;
  readonly observations: Observations;
}

type PoolCalls = Pick<
  Handlers,
  'session.cancel' | 'session.rollback' | 'pool.pause' | 'pool.resume' | 'pool.reconnect' | 'pool.kill' | 'observations.clear'
>;

/** Handlers that throw `CallError` as the contract says. */
export function poolCalls({ sessions, observations }: PoolCallsContext): PoolCalls {
  const missing = (): never => {
    throw new CallError('unavailable', 'This version cannot do that yet.');
  };
  return {
    'session.cancel': ({ sessionId }) => {
      const session = sessions.get(sessionId);
      if (session === undefined) throw new CallError('unknown_session', `There is no session ${sessionId} any more.`);
      session.forwarder.cancel();
      return {};
    },
    'session.rollback': async ({ sessionId }) => {
      const session = sessions.get(sessionId);
      if (session === undefined) throw new CallError('unknown_session', `There is no session ${sessionId} any more.`);
      const refusal = session.lease.rollbackRefusal();
      if (refusal !== null) throw new CallError(refusal.code, refusal.message);
      await session.lease.rollBack();
      return {};
    },
    'pool.pause': missing,
    'pool.resume': missing,
    'pool.reconnect': missing,
    'pool.kill': missing,
    'observations.clear': () => {
      observations.clear();
      return {};
    },
  };
}
