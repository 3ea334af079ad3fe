/** The facade as the console sees it. */
import type { ConsoleHost, ConsoleServer } from '../console/host.ts';
import type { EndpointRow, HostInfo } from '../contract/index.ts';
import type { Planner } from '../migration/planner.ts';
import type { Pools } from '../pool/pools.ts';
import type { Session } from '../session/session.ts';
import type { StatsBook } from './stats-book.ts';

/** What the console's answers are made of. */
export interface ConsoleHostParts {
  readonly sessions: ReadonlyMap<number, Session>;
  readonly pools: Pools;
  readonly planner: Planner;
  readonly stats: StatsBook;
  readonly endpoints: () => EndpointRow[];
  readonly hostInfo: () => HostInfo;
}

/** See the head of this file. */
export function makeConsoleHost({ sessions, pools, planner, stats, endpoints, hostInfo }: ConsoleHostParts): ConsoleHost {
  return {
    endpoints,
    hostInfo,
    sessions: () => [...sessions.values()].map((session) => session.row()),
    pools: () => pools.rows(),
    servers: () => serverRows(sessions.values(), pools),
    transfers: () => planner.transfers(),
    counters: () => planner.counters(),
    stats: () => {
      stats.bookAll(sessions.values());
      return stats.rows();
    },
    migrate: async (sessionIds, to, withinMs, signal) => {
      const operation = planner.migrate(sessionIds, to, withinMs);
      const onAbort = (): void => planner.cancel(operation.id);
      signal.addEventListener('abort', onAbort);
      try {
        return await operation.settled;
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    },
  };
}

function serverRows(sessions: Iterable<Session>, pools: Pools): ConsoleServer[] {
  const attached = new Map<number, Session>();
  for (const session of sessions) if (session.server !== null) attached.set(session.server.id, session);
  return [...pools.all()].flatMap((pool) =>
    [...pool.connections()].map(({ connection, state }) => ({
      id: connection.id,
      backend: pool.backend,
      database: pool.database,
      role: pool.role,
      state,
      address: connection.remote.address,
      port: connection.remote.port,
      localAddress: connection.local.address,
      localPort: connection.local.port,
      connectedAt: connection.openedAt,
      requestedAt: connection.assignedAt,
      pid: connection.pid,
      tls: connection.tls === null ? null : `${connection.tls.protocol}/${connection.tls.cipher}`,
      sessionId: attached.get(connection.id)?.id ?? null,
      applicationName: connection.parameters.get('application_name') ?? '',
    })),
  );
}
