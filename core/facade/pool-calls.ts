/** The calls about pools and about what holds them up. */
import { CallError, type Handlers } from '../contract/index.ts';
import type { EventLog } from '../metrics/log.ts';
import { PauseEnded, PauseTimeout } from '../pool/gate.ts';
import type { Pools } from '../pool/pools.ts';
import type { Session } from '../session/session.ts';
import type { Observations } from './observations.ts';

/** What the calls work on. */
export interface PoolCallsContext {
  readonly sessions: ReadonlyMap<number, Session>;
  readonly observations: Observations;
  readonly pools: Pools;
  readonly log: EventLog;
  /** Throws `CallError` (`unknown_endpoint`). */
  readonly requireEndpoint: (id: string) => unknown;
}

type PoolCalls = Pick<
  Handlers,
  'session.cancel' | 'session.rollback' | 'pool.pause' | 'pool.resume' | 'pool.reconnect' | 'pool.kill' | 'observations.clear'
>;

/** Most sessions that an error names. */
const NAMED = 5;

/** Handlers that throw `CallError` as the contract says. */
export function poolCalls({ sessions, observations, pools, log, requireEndpoint }: PoolCallsContext): PoolCalls {
  const of = (endpoint: string): Session[] => [...sessions.values()].filter(({ place }) => place.endpoint === endpoint);
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
    'pool.pause': async ({ endpoint, withinMs }) => {
      requireEndpoint(endpoint);
      log.add('info', 'endpoint_pausing', `Endpoint ${endpoint} is being paused: no session is given a server connection any more.`);
      try {
        await pools.gate.pause(endpoint, withinMs);
      } catch (error) {
        if (error instanceof PauseEnded) throw new CallError('resumed', `${sentence(error.message)}.`);
        if (!(error instanceof PauseTimeout)) throw error;
        const message = `${sentence(error.message)}: ${holdersIn(of(endpoint))}.`;
        log.add('warn', 'pause_timeout', `${message} It goes on.`);
        throw new CallError('pause_timeout', message, 'It was resumed. Give it more time, end those sessions, or pool by transaction.');
      }
      log.add('info', 'endpoint_paused', `Endpoint ${endpoint} is paused.`);
      return {};
    },
    'pool.resume': ({ endpoint }) => {
      requireEndpoint(endpoint);
      if (pools.gate.resume(endpoint)) log.add('info', 'endpoint_resumed', `Endpoint ${endpoint} goes on.`);
      return {};
    },
    'pool.reconnect': ({ endpoint }) => {
      requireEndpoint(endpoint);
      pools.reconnect(endpoint);
      log.add('info', 'endpoint_reconnect', `Server connections of endpoint ${endpoint} are replaced as they are given back.`);
      return {};
    },
    'pool.kill': ({ endpoint }) => {
      requireEndpoint(endpoint);
      const ended = of(endpoint);
      pools.kill(endpoint, () => {
        for (const session of ended) {
          session.end(
            '57P01',
            'terminating connection due to administrator command',
            `The operator of Switchyard killed endpoint ${endpoint}.`,
          );
        }
      });
      log.add(
        'warn',
        'endpoint_killed',
        `Endpoint ${endpoint} was killed, ${ended.length} of its sessions ended; it is paused until it is resumed.`,
      );
      return {};
    },
    'observations.clear': () => {
      observations.clear();
      return {};
    },
  };
}

function holdersIn(sessions: readonly Session[]): string {
  const holders = sessions.filter(({ server }) => server !== null);
  const named = holders.slice(0, NAMED).map((session) => `session ${session.id} (${session.application || 'unnamed'}, ${session.state})`);
  const more = holders.length > NAMED ? `, and ${holders.length - NAMED} more` : '';
  return named.length === 0 ? 'a server connection of its sessions was given back too late' : `${named.join(', ')}${more}`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
