/** SHOW POOLS, DATABASES, ENDPOINTS, USERS, LISTS and what belongs to peers: PgBouncer's columns first; ours follow. */
import type { EndpointRow, PoolRow, Settings } from '../contract/index.ts';
import { isUsed } from './connection-views.ts';
import type { ConsoleHost } from './host.ts';
import { DatabaseNames, microseconds, milliseconds, never, seconds, view, wholeSeconds, zero, type View } from './view.ts';

/** A pool as PgBouncer counts it. */
export interface PoolLine {
  readonly row: PoolRow;
  readonly database: string;
  /** Clients of the pool that wait for nothing, idle ones too. */
  readonly clients: number;
  /** Of the idle server connections, those that are checked before they are used. */
  readonly used: number;
}

/** The pools with their clients. */
export function poolLines(host: ConsoleHost, now: number): PoolLine[] {
  const names = new DatabaseNames(host.endpoints());
  const clients = new Map<string, number>();
  for (const { pool, state } of host.sessions()) {
    if (state !== 'waiting' && state !== 'connecting') clients.set(pool, (clients.get(pool) ?? 0) + 1);
  }
  const { check } = host.settings().pooling;
  const used = new Map<string, number>();
  for (const server of host.servers()) if (isUsed(server, check, now)) used.set(server.pool, (used.get(server.pool) ?? 0) + 1);
  return host.pools().map((row) => ({
    row,
    database: names.ofBackend(row.backend, row.database),
    clients: clients.get(row.key) ?? 0,
    used: used.get(row.key) ?? 0,
  }));
}

/** Server connections that a pool has, or is about to have. */
export function held(pool: PoolRow): number {
  return pool.active + pool.idle + pool.resetting + pool.checking + pool.cancelling + pool.connecting;
}

const pools = view<PoolLine>('pools: server connections per backend, database and role', poolLines, {
  database: ({ database }) => database,
  user: ({ row }) => row.role,
  cl_active: ({ clients }) => clients,
  cl_waiting: ({ row }) => row.waiting,
  cl_active_cancel_req: zero,
  cl_waiting_cancel_req: zero,
  sv_active: ({ row }) => row.active,
  sv_active_cancel: zero,
  sv_being_canceled: ({ row }) => row.cancelling,
  sv_idle: ({ row, used }) => row.idle - used,
  sv_used: ({ used }) => used,
  sv_tested: ({ row }) => row.resetting + row.checking,
  sv_login: ({ row }) => row.connecting,
  maxwait: ({ row }) => wholeSeconds(row.maxWaitMs),
  maxwait_us: ({ row }) => microseconds(row.maxWaitMs),
  pool_mode: ({ row }) => row.mode,
  load_balance_hosts: never,
  server_database: ({ row }) => row.database,
  backend: ({ row }) => row.backend,
  pool_size: ({ row }) => row.size,
  opened: ({ row }) => row.opened,
  reused: ({ row }) => row.reused,
  assignments: ({ row }) => row.assignments,
  wait_p50_ms: ({ row }) => milliseconds(row.wait.p50),
  wait_p95_ms: ({ row }) => milliseconds(row.wait.p95),
  wait_p99_ms: ({ row }) => milliseconds(row.wait.p99),
  wait_max_ms: ({ row }) => milliseconds(row.wait.max),
  failure: ({ row }) => row.failure,
});

const endpoints = view<EndpointRow>('the endpoint map', (host) => host.endpoints(), {
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
  pool_mode: (row) => row.poolMode,
  profile: (row) => row.profile,
  paused: (row) => row.paused,
  redirected_to: (row) => row.redirectedTo,
});

/** An endpoint as PgBouncer describes a database. */
export interface DatabaseLine {
  readonly row: EndpointRow;
  readonly pools: readonly PoolRow[];
  readonly settings: Settings;
  readonly disabled: boolean;
}

/** One line per endpoint. */
export function databaseLines(host: ConsoleHost): DatabaseLine[] {
  const all = host.pools();
  const settings = host.settings();
  return host.endpoints().map((row) => ({
    row,
    pools: all.filter((pool) => pool.backend === row.backend),
    settings,
    disabled: host.isDisabled(row.id),
  }));
}

/** Most server connections of one of its pools: that of the pools there are, else what a new one would get. */
export function poolSize({ pools: own, settings }: DatabaseLine): number {
  return own.length === 0 ? settings.pooling.size : Math.max(...own.map((pool) => pool.size));
}

const databases = view<DatabaseLine>('endpoints as PgBouncer shows databases', databaseLines, {
  name: ({ row }) => row.id,
  host: ({ row }) => row.host,
  port: ({ row }) => row.port,
  database: ({ row }) => row.database,
  force_user: ({ row }) => row.user || null,
  pool_size: (line) => poolSize(line),
  min_pool_size: ({ settings }) => settings.pooling.min,
  reserve_pool_size: ({ settings }) => settings.pooling.reserve,
  server_lifetime: ({ settings }) => settings.pooling.lifetime,
  pool_mode: ({ row }) => row.poolMode,
  load_balance_hosts: never,
  max_connections: ({ settings }) => settings.pooling.perBackend,
  current_connections: ({ pools: own }) => own.reduce((sum, pool) => sum + held(pool), 0),
  max_client_connections: ({ settings }) => settings.limits.clientsPerEndpoint,
  current_client_connections: ({ row }) => row.sessions,
  paused: ({ row }) => (row.paused ? 1 : 0),
  disabled: ({ disabled }) => (disabled ? 1 : 0),
  redirected_to: ({ row }) => row.redirectedTo,
});

interface UserLine {
  readonly name: string;
  servers: number;
  clients: number;
  readonly limit: number;
}

/** Everybody who is known or here: users of the settings, of clients, of pools. */
function userLines(host: ConsoleHost): UserLine[] {
  const settings = host.settings();
  const limit = settings.limits.clientsPerUser;
  const lines = new Map<string, UserLine>();
  const line = (name: string): UserLine => {
    const known = lines.get(name) ?? { name, servers: 0, clients: 0, limit };
    lines.set(name, known);
    return known;
  };
  for (const { name } of settings.authentication.users) line(name);
  for (const { user } of host.sessions()) line(user).clients++;
  for (const pool of host.pools()) line(pool.role).servers += held(pool);
  return [...lines.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

const users = view<UserLine>('users of the settings, of clients and of pools', userLines, {
  name: (row) => row.name,
  pool_size: never,
  reserve_pool_size: never,
  pool_mode: never,
  max_user_connections: zero,
  current_connections: (row) => row.servers,
  max_user_client_connections: (row) => row.limit,
  current_client_connections: (row) => row.clients,
});

/** Figures by PgBouncer's names; places that are free are those that the limits leave. */
export function listFigures(host: ConsoleHost): Record<string, number> {
  const sessions = host.sessions();
  const own = host.pools();
  const limit = host.settings().limits.clients;
  const servers = own.reduce((sum, pool) => sum + held(pool), 0);
  return {
    databases: host.endpoints().length,
    users: userLines(host).length,
    peers: 0,
    pools: own.length,
    peer_pools: 0,
    free_clients: limit === 0 ? 0 : Math.max(0, limit - sessions.length),
    used_clients: sessions.length,
    login_clients: sessions.filter(({ state }) => state === 'connecting').length,
    free_servers: own.reduce((sum, pool) => sum + Math.max(0, pool.size - held(pool)), 0),
    used_servers: servers,
    dns_names: 0,
    dns_zones: 0,
    dns_queries: 0,
    dns_pending: 0,
  };
}

const lists = view<[string, number]>('how many there are of what', (host) => Object.entries(listFigures(host)), {
  list: ([name]) => name,
  items: ([, count]) => count,
});

const nothing = (help: string, columns: readonly string[]): View => ({ help, columns, rows: () => [] });

/** See the head of this file. */
export const poolViews = {
  POOLS: pools,
  DATABASES: databases,
  ENDPOINTS: endpoints,
  USERS: users,
  LISTS: lists,
  PEERS: nothing('always empty: there are no peers here', ['peer_id', 'host', 'port', 'pool_size']),
  PEER_POOLS: nothing('always empty: there are no peers here', [
    'peer_id',
    'cl_active_cancel_req',
    'cl_waiting_cancel_req',
    'sv_active_cancel',
    'sv_login',
  ]),
} satisfies Record<string, View>;
