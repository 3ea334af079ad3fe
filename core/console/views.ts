/**
 * What SHOW shows. PgBouncer's columns come first, by its names and in its order, so that its tools find them (pooling.md
 * 6.1); ours follow. What Switchyard has no notion of is 0 where PgBouncer counts, else NULL.
 */
import type { PoolRow, SessionRow } from '../contract/index.ts';
import type { ConsoleHost, ConsoleServer, StatFigures } from './host.ts';

export type Cell = string | number | boolean | null;

/** One SHOW: its columns, its rows now, and a line of help. */
export interface View {
  readonly help: string;
  readonly columns: readonly string[];
  rows(host: ConsoleHost, now: number): Cell[][];
}

/** A view whose columns and cells stand side by side. */
function view<Row>(
  help: string,
  rows: (host: ConsoleHost) => readonly Row[],
  columns: Record<string, (row: Row, host: ConsoleHost, now: number) => Cell>,
): View {
  const cells = Object.values(columns);
  return {
    help,
    columns: Object.keys(columns),
    rows: (host, now) => rows(host).map((row) => cells.map((cell) => cell(row, host, now))),
  };
}

const never = (): null => null;
const zero = (): number => 0;

const clientState: Readonly<Record<SessionRow['state'], string>> = {
  connecting: 'waiting',
  waiting: 'waiting',
  active: 'active',
  idle: 'idle',
  'idle in transaction': 'active',
  'idle in transaction (aborted)': 'active',
  migrating: 'active',
  closing: 'active',
};
const serverState: Readonly<Record<ConsoleServer['state'], string>> = {
  active: 'active',
  idle: 'idle',
  resetting: 'tested',
  connecting: 'new',
};

function waitMs(session: SessionRow, now: number): number {
  return clientState[session.state] === 'waiting' ? Math.max(0, now - session.stateSince) : 0;
}

/** What PgBouncer calls ptr: a handle that `link` refers to. */
const clientHandle = (id: number): string => `client-${id}`;
const serverHandle = (id: number): string => `server-${id}`;

/** A client with what stands once for all of them, or would be searched for each of them. */
interface ClientLine {
  readonly row: SessionRow;
  readonly link: string | null;
  readonly proxy: { readonly host: string; readonly port: number };
}

function clientLines(host: ConsoleHost): ClientLine[] {
  const { proxy } = host.hostInfo();
  const links = new Map(host.servers().map((server) => [server.sessionId, serverHandle(server.id)]));
  return host.sessions().map((row) => ({ row, link: links.get(row.id) ?? null, proxy }));
}

const clients = view<ClientLine>('client connections', clientLines, {
  type: () => 'C',
  user: ({ row }) => row.user,
  database: ({ row }) => row.database,
  replication: () => 'none',
  state: ({ row }) => clientState[row.state],
  addr: ({ row }) => row.clientAddress,
  port: ({ row }) => row.clientPort,
  local_addr: ({ proxy }) => proxy.host,
  local_port: ({ proxy }) => proxy.port,
  connect_time: ({ row }) => seconds(row.connectedAt),
  request_time: ({ row }) => seconds(row.stateSince),
  wait: ({ row }, _host, now) => Math.floor(waitMs(row, now) / 1000),
  wait_us: ({ row }, _host, now) => (waitMs(row, now) % 1000) * 1000,
  close_needed: zero,
  ptr: ({ row }) => clientHandle(row.id),
  link: ({ link }) => link,
  remote_pid: zero,
  tls: ({ row }) => row.tls,
  application_name: ({ row }) => row.application,
  prepared_statements: never,
  id: ({ row }) => row.id,
  endpoint: ({ row }) => row.endpoint,
  backend: ({ row }) => row.backend,
  migrations: ({ row }) => row.migrations,
  session_state: ({ row }) => row.state,
  transaction: ({ row }) => row.transaction,
  statement_kind: ({ row }) => row.statementKind,
  server_pid: ({ row }) => row.serverPid,
  queries: ({ row }) => row.queries,
  transfer: ({ row }) => (row.transfer === null ? null : `${row.transfer.phase} to ${row.transfer.to}`),
});

const servers = view<ConsoleServer>('server connections', (host) => host.servers(), {
  type: () => 'S',
  user: (row) => row.role,
  database: (row) => row.database,
  replication: () => 'none',
  state: (row) => serverState[row.state],
  addr: (row) => row.address,
  port: (row) => row.port,
  local_addr: (row) => row.localAddress,
  local_port: (row) => row.localPort,
  connect_time: (row) => seconds(row.connectedAt),
  request_time: (row) => seconds(row.requestedAt),
  wait: zero,
  wait_us: zero,
  close_needed: zero,
  ptr: (row) => serverHandle(row.id),
  link: (row) => (row.sessionId === null ? null : clientHandle(row.sessionId)),
  remote_pid: (row) => row.pid,
  tls: (row) => row.tls,
  application_name: (row) => row.applicationName,
  prepared_statements: never,
  id: (row) => row.id,
  backend: (row) => row.backend,
  client_id: (row) => row.sessionId,
  server_state: (row) => row.state,
});

const pools = view<PoolRow>('pools: server connections per backend, database and role', (host) => host.pools(), {
  database: (row) => row.database,
  user: (row) => row.role,
  cl_active: (row) => row.active,
  cl_waiting: (row) => row.waiting,
  cl_active_cancel_req: zero,
  cl_waiting_cancel_req: zero,
  sv_active: (row) => row.active,
  sv_active_cancel: zero,
  sv_being_canceled: zero,
  sv_idle: (row) => row.idle,
  sv_used: zero,
  sv_tested: (row) => row.resetting,
  sv_login: (row) => row.connecting,
  maxwait: (row) => Math.floor(row.maxWaitMs / 1000),
  maxwait_us: (row) => Math.floor((row.maxWaitMs % 1000) * 1000),
  pool_mode: (row) => row.mode,
  load_balance_hosts: never,
  backend: (row) => row.backend,
  pool_size: (row) => row.size,
  opened: (row) => row.opened,
  reused: (row) => row.reused,
});

const endpoints = view<ReturnType<ConsoleHost['endpoints']>[number]>('the endpoint map', (host) => host.endpoints(), {
  endpoint: (row) => row.id,
  backend: (row) => row.backend,
  host: (row) => row.host,
  port: (row) => row.port,
  database: (row) => row.database,
  user: (row) => row.user,
  password_set: (row) => row.passwordSet,
  is_default: (row) => row.isDefault,
  status: (row) => row.status,
  status_reason: (row) => row.statusReason,
  server_version: (row) => row.serverVersion,
  checked_at: (row) => seconds(row.checkedAt),
  sessions: (row) => row.sessions,
});

const databases = view<ReturnType<ConsoleHost['endpoints']>[number]>('endpoints as PgBouncer shows databases', (host) => host.endpoints(), {
  name: (row) => row.id,
  host: (row) => row.host,
  port: (row) => row.port,
  database: (row) => row.database,
  force_user: (row) => row.user || null,
  pool_size: (row, host) => poolsOf(row.backend, host).reduce((most, pool) => Math.max(most, pool.size), 0),
  min_pool_size: zero,
  reserve_pool_size: zero,
  server_lifetime: zero,
  pool_mode: (row, host) => poolsOf(row.backend, host)[0]?.mode ?? null,
  load_balance_hosts: never,
  max_connections: zero,
  current_connections: (row, host) =>
    poolsOf(row.backend, host).reduce((sum, pool) => sum + pool.active + pool.idle + pool.resetting + pool.connecting, 0),
  max_client_connections: zero,
  current_client_connections: (row) => row.sessions,
  paused: zero,
  disabled: zero,
});

function poolsOf(backend: string, host: ConsoleHost): PoolRow[] {
  return host.pools().filter((pool) => pool.backend === backend);
}

const migrations = view<ReturnType<ConsoleHost['transfers']>[number]>('transfers, running and settled', (host) => host.transfers(), {
  id: (row) => row.id,
  operation: (row) => row.operationId,
  client: (row) => row.sessionId,
  application_name: (row) => row.application,
  from_endpoint: (row) => row.fromEndpoint,
  to_endpoint: (row) => row.toEndpoint,
  from_backend: (row) => row.fromBackend,
  to_backend: (row) => row.toBackend,
  phase: (row) => row.phase,
  outcome: (row) => row.outcome,
  reason: (row) => row.reason,
  pause_ms: (row) => milliseconds(row.pauseMs),
  latency_ms: (row) => (row.settledAt === null ? null : milliseconds(row.settledAt - row.requestedAt)),
  state_bytes: (row) => row.stateBytes,
  requested_at: (row) => seconds(row.requestedAt),
  settled_at: (row) => seconds(row.settledAt),
});

const counters: View = {
  help: 'migration counters by the names of the first seed',
  columns: ['metric', 'value'],
  rows: (host) => {
    const now = host.counters();
    const rows: [string, number][] = [
      ['attempted', now.attempted],
      ['success', now.success],
      ['error_recoverable', now.error_recoverable],
      ['error_fatal', now.error_fatal],
      ['refused', now.refused],
      ['in_flight', now.inFlight],
    ];
    for (const [name, values] of [
      ['attempted.latency', now.attemptedLatency],
      ['pause', now.pause],
    ] as const) {
      rows.push([`${name}.count`, values.count]);
      for (const figure of ['p50', 'p95', 'p99', 'max'] as const) rows.push([`${name}.${figure}_ms`, milliseconds(values[figure]) ?? 0]);
    }
    return rows.map(([name, value]) => [`proxy.conn_migration.${name}`, value]);
  },
};

const figures: readonly (readonly [total: string, average: string, name: keyof StatFigures])[] = [
  ['total_server_assignment_count', 'avg_server_assignment_count', 'serverAssignments'],
  ['total_xact_count', 'avg_xact_count', 'transactions'],
  ['total_query_count', 'avg_query_count', 'queries'],
  ['total_received', 'avg_recv', 'received'],
  ['total_sent', 'avg_sent', 'sent'],
  ['total_xact_time', 'avg_xact_time', 'transactionUs'],
  ['total_query_time', 'avg_query_time', 'queryUs'],
  ['total_wait_time', 'avg_wait_time', 'waitUs'],
  ['total_client_parse_count', 'avg_client_parse_count', 'clientParses'],
  ['total_server_parse_count', 'avg_server_parse_count', 'serverParses'],
  ['total_bind_count', 'avg_bind_count', 'binds'],
  ['total_client_login_count', 'avg_client_login_count', 'clientLogins'],
];

const stats: View = {
  help: 'totals since start and averages, per database (times in microseconds)',
  columns: ['database', ...figures.map(([total]) => total), ...figures.map(([, average]) => average)],
  rows: (host) =>
    host
      .stats()
      .map(({ database, total, average }) => [
        database,
        ...figures.map(([, , name]) => Math.round(total[name])),
        ...figures.map(([, , name]) => Math.round(average[name])),
      ]),
};

const version: View = { help: "this program's version", columns: ['version'], rows: (host) => [[`Switchyard ${host.hostInfo().version}`]] };

const help: View = {
  help: 'this list',
  columns: ['command', 'description'],
  rows: () => [
    ...Object.entries(views).map(([name, { help: description }]) => [`SHOW ${name}`, description]),
    ['MIGRATE CLIENT <id> TO <endpoint> [WITHIN <seconds>]', 'move one client; waits for its safe point, 30 seconds unless told otherwise'],
    ['MIGRATE ENDPOINT <endpoint> TO <endpoint> [WITHIN <seconds>]', 'move every client of an endpoint'],
  ],
};

const views = {
  ENDPOINTS: endpoints,
  CLIENTS: clients,
  SERVERS: servers,
  POOLS: pools,
  DATABASES: databases,
  MIGRATIONS: migrations,
  COUNTERS: counters,
  STATS: stats,
  VERSION: version,
  HELP: help,
} satisfies Record<string, View>;

export type ViewName = keyof typeof views;

export function isViewName(name: string): name is ViewName {
  return Object.hasOwn(views, name);
}

export function viewOf(name: ViewName): View {
  return views[name];
}

/** A time as PgBouncer writes it; NULL stays NULL. */
function seconds(at: number | null): string | null {
  return at === null ? null : `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** Milliseconds to three decimals. */
export function milliseconds(value: number | null): number | null {
  return value === null ? null : Math.round(value * 1000) / 1000;
}
