/** SHOW CLIENTS, SERVERS, SOCKETS, ACTIVE_SOCKETS and FDS: PgBouncer's columns first, by its names and in its order; ours follow. */
import type { SessionRow } from '../contract/index.ts';
import type { ConsoleHost, ConsoleServer } from './host.ts';
import {
  clientHandle,
  DatabaseNames,
  microseconds,
  never,
  seconds,
  serverHandle,
  view,
  wholeSeconds,
  zero,
  type Cell,
  type Columns,
  type View,
} from './view.ts';

const clientStates: Readonly<Record<SessionRow['state'], string>> = {
  connecting: 'waiting',
  waiting: 'waiting',
  active: 'active',
  idle: 'idle',
  'idle in transaction': 'active',
  'idle in transaction (aborted)': 'active',
  migrating: 'active',
  closing: 'active',
};
const serverStates: Readonly<Record<ConsoleServer['state'], string>> = {
  active: 'active',
  idle: 'idle',
  resetting: 'tested',
  checking: 'tested',
  cancelling: 'being_canceled',
  connecting: 'new',
};

/** PgBouncer's word for what a client does. */
export const clientState = ({ state }: Pick<SessionRow, 'state'>): string => clientStates[state];

/** How long a client has waited for a server connection by now, milliseconds; 0 if it does not. */
export function waitingMs(session: SessionRow, now: number): number {
  return clientState(session) === 'waiting' ? Math.max(0, now - session.stateSince) : 0;
}

/** A client with what stands once for all of them, or would be searched for each of them. */
interface ClientLine {
  readonly row: SessionRow;
  readonly database: string;
  readonly link: string | null;
  readonly prepared: number | null;
  readonly proxy: { readonly host: string; readonly port: number };
}

interface ServerLine {
  readonly row: ConsoleServer;
  readonly database: string;
  readonly isUsed: boolean;
}

/** PgBouncer's word for one that has been idle for so long that it is checked before it is used. */
export function isUsed({ idleSince }: ConsoleServer, checkAfterSeconds: number, now: number): boolean {
  return idleSince !== null && checkAfterSeconds > 0 && now - idleSince >= checkAfterSeconds * 1000;
}

function clientLines(host: ConsoleHost): ClientLine[] {
  const { proxy } = host.hostInfo();
  const names = new DatabaseNames(host.endpoints());
  const links = new Map(host.servers().map((server) => [server.sessionId, serverHandle(server.id)]));
  return host.sessions().map((row) => ({
    row,
    database: names.ofEndpoint(row.endpoint, row.database),
    link: links.get(row.id) ?? null,
    prepared: host.preparedCount(row.id),
    proxy,
  }));
}

function serverLines(host: ConsoleHost, now: number): ServerLine[] {
  const names = new DatabaseNames(host.endpoints());
  const { check } = host.settings().pooling;
  return host.servers().map((row) => ({ row, database: names.ofBackend(row.backend, row.database), isUsed: isUsed(row, check, now) }));
}

const clientColumns: Columns<ClientLine> = {
  type: () => 'C',
  user: ({ row }) => row.user,
  database: ({ database }) => database,
  replication: () => 'none',
  state: ({ row }) => clientState(row),
  addr: ({ row }) => row.clientAddress,
  port: ({ row }) => row.clientPort,
  local_addr: ({ proxy }) => proxy.host,
  local_port: ({ proxy }) => proxy.port,
  connect_time: ({ row }) => seconds(row.connectedAt),
  request_time: ({ row }) => seconds(row.stateSince),
  wait: ({ row }, now) => wholeSeconds(waitingMs(row, now)),
  wait_us: ({ row }, now) => microseconds(waitingMs(row, now)),
  close_needed: zero,
  ptr: ({ row }) => clientHandle(row.id),
  link: ({ link }) => link,
  remote_pid: zero,
  tls: ({ row }) => row.tls,
  application_name: ({ row }) => row.application,
  prepared_statements: ({ prepared }) => prepared,
  id: ({ row }) => row.id,
};

const serverColumns: Columns<ServerLine> = {
  type: () => 'S',
  user: ({ row }) => row.role,
  database: ({ database }) => database,
  replication: () => 'none',
  state: (line) => (line.isUsed ? 'used' : serverStates[line.row.state]),
  addr: ({ row }) => row.address,
  port: ({ row }) => row.port,
  local_addr: ({ row }) => row.localAddress,
  local_port: ({ row }) => row.localPort,
  connect_time: ({ row }) => seconds(row.connectedAt),
  request_time: ({ row }) => seconds(row.requestedAt),
  wait: zero,
  wait_us: zero,
  close_needed: ({ row }) => (row.closeNeeded ? 1 : 0),
  ptr: ({ row }) => serverHandle(row.id),
  link: ({ row }) => (row.sessionId === null ? null : clientHandle(row.sessionId)),
  remote_pid: ({ row }) => row.pid,
  tls: ({ row }) => row.tls,
  application_name: ({ row }) => row.applicationName,
  prepared_statements: ({ row }) => row.preparedStatements,
  id: ({ row }) => row.id,
};

const clients = view<ClientLine>('client connections', clientLines, {
  ...clientColumns,
  endpoint: ({ row }) => row.endpoint,
  server_database: ({ row }) => row.database,
  backend: ({ row }) => row.backend,
  migrations: ({ row }) => row.migrations,
  resurrections: ({ row }) => row.resurrections,
  session_state: ({ row }) => row.state,
  transaction: ({ row }) => row.transaction,
  statement_kind: ({ row }) => row.statementKind,
  server_pid: ({ row }) => row.serverPid,
  queries: ({ row }) => row.queries,
  transfer: ({ row }) => (row.transfer === null ? null : `${row.transfer.phase} to ${row.transfer.to}`),
  pool: ({ row }) => row.pool,
  pool_mode: ({ row }) => row.poolMode,
  assignments: ({ row }) => row.assignments,
  total_wait_ms: ({ row }) => Math.round(row.waitMs),
  pins: ({ row }) => row.pins.map((pin) => pin.code).join(', ') || null,
});

const servers = view<ServerLine>('server connections', serverLines, {
  ...serverColumns,
  server_database: ({ row }) => row.database,
  backend: ({ row }) => row.backend,
  client_id: ({ row }) => row.sessionId,
  server_state: ({ row }) => row.state,
});

/** PgBouncer's buffers, of which nothing is ever held back here. */
const buffers = ['recv_pos', 'pkt_pos', 'pkt_remain', 'send_pos', 'send_remain', 'pkt_avail', 'send_avail'] as const;

function sockets(help: string, wanted: (state: Cell) => boolean): View {
  const columns = Object.keys(clientColumns);
  const state = columns.indexOf('state');
  const none = buffers.map(() => 0);
  return {
    help,
    columns: [...columns, ...buffers],
    rows: (host, now) => {
      const rows = [
        ...clientLines(host).map((line) => Object.values(clientColumns).map((cell) => cell(line, now))),
        ...serverLines(host, now).map((line) => Object.values(serverColumns).map((cell) => cell(line, now))),
      ];
      return rows.filter((row) => wanted(row[state] ?? null)).map((row) => [...row, ...none]);
    },
  };
}

interface Descriptor {
  readonly task: string;
  readonly user: string;
  readonly database: string;
  readonly address: string;
  readonly port: number;
  readonly link: string | null;
}

function descriptors(host: ConsoleHost, now: number): Descriptor[] {
  return [
    ...clientLines(host).map(({ row, database, link }) => ({
      task: 'client',
      user: row.user,
      database,
      address: row.clientAddress,
      port: row.clientPort,
      link,
    })),
    ...serverLines(host, now).map(({ row, database }) => ({
      task: 'server',
      user: row.role,
      database,
      address: row.address,
      port: row.port,
      link: row.sessionId === null ? null : clientHandle(row.sessionId),
    })),
  ];
}

/** PgBouncer hands its sockets and secrets to its successor with this one; Switchyard does neither, so numbers and secrets are NULL. */
const fds = view<Descriptor>('connections as PgBouncer lists its file descriptors; numbers and secrets are not shown', descriptors, {
  fd: never,
  task: (row) => row.task,
  user: (row) => row.user,
  database: (row) => row.database,
  addr: (row) => row.address,
  port: (row) => row.port,
  cancel: never,
  link: (row) => row.link,
  client_encoding: never,
  std_strings: never,
  datestyle: never,
  timezone: never,
  password: never,
  scram_client_key: never,
  scram_server_key: never,
});

/** See the head of this file. */
export const connectionViews = {
  CLIENTS: clients,
  SERVERS: servers,
  SOCKETS: sockets('clients and server connections in one list', () => true),
  ACTIVE_SOCKETS: sockets('those of SHOW SOCKETS that are active', (state) => state === 'active'),
  FDS: fds,
} satisfies Record<string, View>;
