/** The metrics that pgbouncer_exporter has no name for: the first seed's, and Switchyard's own. Seconds and bytes throughout. */
import type { ConsoleHost } from '../console/host.ts';
import type { LogEntry, PoolRow, SessionRow } from '../contract/index.ts';
import type { HistogramCounts } from '../metrics/histogram.ts';
import type { ProxyTally } from '../metrics/proxy-tally.ts';
import type { Family, Labels } from '../metrics/prometheus.ts';
import type { ResurrectionCounters } from '../session/resurrection/resurrection.ts';
import { single } from './pgbouncer-metrics.ts';
import type { BookedPool } from './pool-book.ts';

/** What neither the console shows nor the page keeps. */
export interface PageFigures {
  /** 99th percentile of the last second, milliseconds. */
  readonly eventLoopP99Ms: number;
  /** Parse messages of the proxy's own to servers. */
  readonly ownParses: number;
  readonly door: ProxyTally;
  readonly resurrection: ResurrectionCounters;
}

/** What the page is made of besides. */
export interface OwnFigures extends PageFigures {
  readonly pools: readonly BookedPool[];
  /** Seconds. */
  readonly migrationLatency: HistogramCounts;
  /** Seconds, by mode. */
  readonly migrationPauses: readonly { readonly labels: Labels; readonly counts: HistogramCounts }[];
  /** Bytes. */
  readonly migrationHeld: HistogramCounts;
  /** By the code of what forbade the transfer. */
  readonly refusals: ReadonlyMap<string, number>;
  /** Bytes. */
  readonly migrationState: HistogramCounts;
  readonly events: ReadonlyMap<LogEntry['level'], number>;
}

/** See the head of this file. */
export function ownMetrics(host: ConsoleHost, figures: OwnFigures): Family[] {
  return [
    ...ofMigrations(host, figures),
    ...ofDoor(host, figures.door),
    ...ofSessions(host),
    ...ofResurrection(figures.resurrection),
    ...ofPools(host, figures.pools),
    ...ofProcess(host, figures),
  ];
}

function ofMigrations(host: ConsoleHost, figures: OwnFigures): Family[] {
  const counters = host.counters();
  const counter = (name: string, help: string, value: number): Family => single(`proxy_conn_migration_${name}`, help, value, 'counter');
  return [
    counter('attempted', 'Transfers that were tried; the sum of the next three.', counters.attempted),
    counter('success', 'Transfers that succeeded.', counters.success),
    counter('error_recoverable', 'Transfers that failed, their session living on where it was.', counters.error_recoverable),
    counter('error_fatal', 'Transfers that failed and cost the session.', counters.error_fatal),
    {
      name: 'proxy_conn_migration_attempted_latency_seconds',
      help: 'From the request to the end of transfers that were tried.',
      type: 'histogram',
      counts: figures.migrationLatency,
    },
    {
      name: 'proxy_conn_migration_transfer_response_message_size_bytes',
      help: 'Size of the captured state.',
      type: 'histogram',
      counts: figures.migrationState,
    },
    {
      name: 'switchyard_migration_pause_seconds',
      help: 'How long clients were held while their session moved, by how it was moved.',
      type: 'histogram',
      series: figures.migrationPauses,
    },
    {
      name: 'switchyard_migration_held_bytes',
      help: 'Most input of the client that was held at once during a transfer.',
      type: 'histogram',
      counts: figures.migrationHeld,
    },
    {
      name: 'switchyard_migrations_refused_total',
      help: 'Transfers that were refused before anything was tried, by what forbade them.',
      type: 'counter',
      samples: [...figures.refusals].map(([code, value]) => ({ labels: { code }, value })),
    },
    single('switchyard_migrations_in_flight', 'Transfers under way.', counters.inFlight),
  ];
}

function ofResurrection({ resurrected, failed, waiting, snapshots }: ResurrectionCounters): Family[] {
  return [
    single('switchyard_resurrections_total', 'Sessions that lived on although their server went away.', resurrected, 'counter'),
    {
      name: 'switchyard_resurrections_failed_total',
      help: 'Sessions that were lost with their server although they were at a safe point, by what could not be made anew.',
      type: 'counter',
      samples: [...failed].map(([reason, value]) => ({ labels: { reason }, value })),
    },
    single('switchyard_resurrections_waiting', 'Sessions that wait for their server to come back.', waiting),
    single('switchyard_session_snapshots_total', 'Times an idle session was looked at, to know what it has set.', snapshots, 'counter'),
  ];
}

/** The first seed's figures of clients, logins and cancel requests (cockroach-migration.md section 5), in Prometheus' spelling. */
function ofDoor(host: ConsoleHost, door: ProxyTally): Family[] {
  const counter = (name: string, help: string, value: number): Family => single(`proxy_${name}`, help, value, 'counter');
  const received = [...door.cancels.values()].reduce((sum, value) => sum + value, 0);
  return [
    single('proxy_sql_conns', 'Clients being served.', host.sessions().length),
    counter('sql_accepted_conns', 'Connections accepted, whatever became of them.', door.accepted),
    counter('sql_successful_conns', 'Clients that got through their login.', door.successful),
    counter('sql_authentication_failures', 'Clients that could not prove who they are.', door.authenticationFailures),
    {
      name: 'proxy_sql_routing_method_count',
      help: 'How the endpoint of clients was chosen.',
      type: 'counter',
      samples: [...door.routed].map(([method, value]) => ({ labels: { method }, value })),
    },
    counter('err_routing', 'Clients that named no endpoint that is there, or several.', door.errors.get('routing') ?? 0),
    counter('err_backend_down', 'Clients whose backend did not answer.', door.errors.get('backend_down') ?? 0),
    counter('err_backend_disconnect', 'Sessions that lost their server connection.', door.errors.get('backend_disconnect') ?? 0),
    counter('err_client_disconnect', 'Sessions whose client left without a goodbye.', door.errors.get('client_disconnect') ?? 0),
    counter('err_refused_conn', 'Clients that were refused because of a limit or a closed door.', door.errors.get('refused_conn') ?? 0),
    counter('err_idle_disconnect', 'Sessions that were ended because they were idle.', door.errors.get('idle_disconnect') ?? 0),
    counter('query_cancel_received_pgwire', 'Cancel requests; the sum of the next two.', received),
    counter('query_cancel_ignored', 'Cancel requests with an unknown key, or with nothing to cancel.', door.cancels.get('ignored') ?? 0),
    counter('query_cancel_successful', 'Cancel requests that were passed on.', door.cancels.get('successful') ?? 0),
  ];
}

function ofSessions(host: ConsoleHost): Family[] {
  const sessions = host.sessions();
  return [
    counted(
      'switchyard_sessions',
      'Sessions by endpoint, pool mode and state.',
      sessions.map(({ endpoint, poolMode, state }) => ({ endpoint, pool_mode: poolMode, state })),
    ),
    counted(
      'switchyard_pins',
      'Reasons for which sessions in transaction mode keep their server connection.',
      sessions.flatMap(({ endpoint, pins }) => pins.map(({ code }) => ({ endpoint, code }))),
    ),
    counted(
      'switchyard_held_sessions',
      'Sessions in transaction mode that hold a server connection without using it.',
      sessions.flatMap((session) => {
        const why = heldBecause(session);
        return why === null ? [] : [{ endpoint: session.endpoint, why }];
      }),
    ),
    {
      name: 'switchyard_observations',
      help: 'What profile observe has found and nobody has cleared, by endpoint and code.',
      type: 'gauge',
      samples: host.observations().map(({ endpoint, code, count }) => ({ labels: { endpoint, code }, value: count })),
    },
    {
      name: 'switchyard_client_logins_total',
      help: 'Clients that were let in.',
      type: 'counter',
      samples: host.stats().map(({ database, total }) => ({ labels: { database }, value: total.clientLogins })),
    },
    {
      name: 'switchyard_endpoint_up',
      help: '1 if the backend of the endpoint answered when it was last asked, 0 if it did not.',
      type: 'gauge',
      samples: host
        .endpoints()
        .flatMap(({ id, backend, status }) =>
          status === 'unknown' ? [] : [{ labels: { endpoint: id, backend }, value: status === 'up' ? 1 : 0 }],
        ),
    },
  ];
}

function heldBecause({ poolMode, serverPid, state, pins }: SessionRow): string | null {
  if (poolMode !== 'transaction' || serverPid === null) return null;
  if (state === 'idle in transaction' || state === 'idle in transaction (aborted)') return 'idle_in_transaction';
  return state === 'idle' && pins.length > 0 ? 'pinned' : null;
}

function ofPools(host: ConsoleHost, booked: readonly BookedPool[]): Family[] {
  const pools = host.pools();
  const counter = (name: string, help: string, value: (pool: BookedPool) => number): Family => ({
    name: `switchyard_pool_${name}_total`,
    help,
    type: 'counter',
    samples: booked.map((pool) => ({ labels: poolLabels(pool), value: value(pool) })),
  });
  const gauge = (name: string, help: string, value: (pool: PoolRow) => number): Family => ({
    name: `switchyard_pool_${name}`,
    help,
    type: 'gauge',
    samples: pools.map((pool) => ({ labels: poolLabels(pool), value: value(pool) })),
  });
  return [
    counter('connections_opened', 'Server connections opened.', ({ opened }) => opened),
    counter('connections_reused', 'Times a client was given a server connection that was there already.', ({ reused }) => reused),
    counter('assignments', 'Times a client was given a server connection.', ({ assignments }) => assignments),
    gauge('size', 'Most server connections of the pool.', ({ size }) => size),
    gauge('failing', '1 while the last failed login is told to others at once, else 0.', ({ failure }) => (failure === null ? 0 : 1)),
    {
      name: 'switchyard_pool_wait_seconds',
      help: 'How long clients waited for a server connection since the pool was made, 0 for those that got one at once.',
      type: 'gauge',
      samples: pools.flatMap((pool) =>
        (['p50', 'p95', 'p99', 'max'] as const).map((figure) => ({
          labels: { ...poolLabels(pool), figure },
          value: pool.wait[figure] / 1000,
        })),
      ),
    },
  ];
}

/** By backend, not by endpoint: an endpoint that is pointed elsewhere would make its counters fall. */
function poolLabels({ backend, database, role }: Pick<PoolRow, 'backend' | 'database' | 'role'>): Labels {
  return { backend, server_database: database, user: role };
}

function ofProcess(host: ConsoleHost, { events, eventLoopP99Ms, ownParses }: OwnFigures): Family[] {
  const { user, system } = process.cpuUsage();
  return [
    {
      name: 'switchyard_events_total',
      help: 'Lines of the event log.',
      type: 'counter',
      samples: [...events].map(([level, value]) => ({ labels: { level }, value })),
    },
    single('switchyard_reparses_total', 'Parse messages of our own, for statements that a server connection lacked.', ownParses, 'counter'),
    single(
      'switchyard_event_loop_delay_seconds',
      '99th percentile, in the last second, of how late the event loop ran.',
      eventLoopP99Ms / 1000,
    ),
    single('process_cpu_seconds_total', 'CPU time of the process.', (user + system) / 1e6, 'counter'),
    single('process_resident_memory_bytes', 'Resident memory of the process.', process.memoryUsage.rss()),
    single('process_start_time_seconds', 'When it started, seconds since the epoch.', host.hostInfo().startedAt / 1000),
  ];
}

/** How often each label set is there. */
function counted(name: string, help: string, all: readonly Labels[]): Family {
  return { name, help, type: 'gauge', samples: all.map((labels) => ({ labels, value: 1 })) };
}
