/** The facade as the console sees it. */
import type { ConsoleCalls, ConsoleHost, ConsolePrepared, ConsoleServer, ConsoleStateLine } from '../console/host.ts';
import type { EndpointRow, HostInfo, ObservationRow, Settings } from '../contract/index.ts';
import type { EventLog } from '../metrics/log.ts';
import type { Planner } from '../migration/planner/planner.ts';
import type { Pools } from '../pool/pools.ts';
import type { ServerStates } from '../session/server-states.ts';
import type { Session } from '../session/session.ts';
import type { SharedStatements } from '../session/statements/shared.ts';
import { digest } from '../sql/digest.ts';
import type { CarriedState } from '../state/carried.ts';
import type { ClosedDoors } from './closed-doors.ts';
import type { Departure } from './departure.ts';
import type { Restarts } from './restarts.ts';
import type { StatsBook } from './stats-book.ts';

/** What the console's answers are made of. */
export interface ConsoleHostParts {
  readonly sessions: ReadonlyMap<number, Session>;
  readonly pools: Pools;
  readonly states: ServerStates;
  readonly statements: SharedStatements;
  readonly planner: Planner;
  readonly restarts: Restarts;
  readonly stats: StatsBook;
  readonly log: EventLog;
  readonly doors: ClosedDoors;
  readonly departure: Departure;
  readonly calls: ConsoleCalls;
  readonly endpoints: () => EndpointRow[];
  readonly observations: () => readonly ObservationRow[];
  readonly hostInfo: () => HostInfo;
  readonly settings: () => Settings;
  /** Reads the settings file again. */
  readonly reload: () => Promise<void>;
}

/** See the head of this file. */
export function makeConsoleHost(parts: ConsoleHostParts): ConsoleHost {
  const { sessions, pools, states, statements, planner, restarts, stats, log, doors, departure } = parts;
  return {
    endpoints: parts.endpoints,
    hostInfo: parts.hostInfo,
    observations: parts.observations,
    settings: parts.settings,
    calls: parts.calls,
    reload: parts.reload,
    sessions: () => [...sessions.values()].map((session) => session.row()),
    pools: () => pools.rows(),
    servers: () => serverRows(sessions.values(), pools, statements),
    prepared: () => [...sessions.values()].flatMap(preparedBy),
    preparedCount: (id) => sessions.get(id)?.forwarder.link.names?.size ?? null,
    transfers: () => planner.transfers(),
    operations: () => planner.operations(),
    counters: () => planner.counters(),
    log: () => log.list(),
    stats: () => {
      stats.bookAll(sessions.values());
      return stats.rows();
    },
    sessionState: (id) => {
      const session = sessions.get(id);
      return session === undefined ? null : stateOf(session, states);
    },
    isDisabled: (endpoint) => doors.isDisabled(endpoint),
    setDisabled: (endpoint, disabled) => {
      doors.setDisabled(endpoint, disabled);
      log.add('info', 'endpoint_door', `New clients of endpoint ${endpoint} are ${disabled ? 'refused' : 'let in'}.`);
    },
    shutdown: (wait) => departure.begin(wait),
    isLeaving: () => doors.areAllClosed,
    blockers: () =>
      planner
        .operations()
        .filter(({ settledAt }) => settledAt === null)
        .flatMap(({ id }) => planner.blockers(id).map((row) => ({ ...row, operationId: id }))),
    settled: async (operationId, signal) => await unlessAborted(signal, () => planner.cancel(operationId), planner.settled(operationId)),
    restartable: async (operationId, signal) =>
      await unlessAborted(signal, () => planner.cancel(operationId), restarts.restartable(operationId)),
  };
}

async function unlessAborted<T>(signal: AbortSignal, onAbort: () => void, work: Promise<T>): Promise<T> {
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  try {
    return await work;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function serverRows(sessions: Iterable<Session>, pools: Pools, statements: SharedStatements): ConsoleServer[] {
  const attached = new Map<number, Session>();
  for (const session of sessions) if (session.server !== null) attached.set(session.server.id, session);
  const rows: ConsoleServer[] = [];
  for (const pool of pools.all()) {
    for (const { connection, state, since, condemned } of pool.stock.all()) {
      if (state === 'closed') continue;
      rows.push({
        id: connection.id,
        pool: pool.key,
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
        idleSince: state === 'idle' ? since : null,
        preparedStatements: statements.on(connection).size,
        closeNeeded: condemned,
      });
    }
  }
  return rows;
}

function preparedBy(session: Session): ConsolePrepared[] {
  const { names } = session.forwarder.link;
  if (names === null) return [];
  return names.prepared().map(({ name, statement }) => ({
    sessionId: session.id,
    name,
    serverName: names.isNative ? null : statement.serverName.toString('latin1', 0, statement.serverName.length - 1),
    isShared: !statement.isPrivate,
    statement: textOf(statement.body),
  }));
}

/** The text in what follows the name of a Parse; constants left out. */
function textOf(body: Buffer | null): string | null {
  const end = body?.indexOf(0) ?? -1;
  return body === null || end < 0 ? null : digest(body, 0, end) || null;
}

/**
 * What the client was told of its settings, and what it carries in transaction mode, beside its server connection. Of custom settings the
 * name only: applications keep tokens in them.
 */
function stateOf({ forwarder, lease, server }: Session, states: ServerStates): ConsoleStateLine[] {
  const client = settingsIn(lease.state);
  const there = server === null ? new Map<string, string>() : settingsIn(states.of(server));
  for (const [key, value] of forwarder.clientParameters) client.set(key, value);
  for (const [key, value] of server?.parameters ?? []) there.set(key, value);
  const keys = new Set([...client.keys(), ...there.keys()]);
  return [...keys].toSorted().map((key) => ({ key, client: client.get(key) ?? null, server: there.get(key) ?? null }));
}

function settingsIn({ settings, custom, role }: CarriedState): Map<string, string> {
  const all = new Map(settings);
  for (const key of custom.keys()) all.set(key, '(set)');
  if (role !== null) all.set('role', role);
  return all;
}
