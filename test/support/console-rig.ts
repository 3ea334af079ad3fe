/** A console on a free port before a facade of canned rows that remembers what it was asked to do. */
import net, { type AddressInfo } from 'node:net';
import { ConsoleSession } from '../../core/console/console-session.ts';
import type { ConsoleBlocker, ConsoleHost, ConsoleServer, StatFigures } from '../../core/console/host.ts';
import {
  CallError,
  settings,
  type EndpointRow,
  type LogEntry,
  type ObservationRow,
  type OperationRow,
  type PoolRow,
  type SessionRow,
  type TransferRow,
} from '../../core/contract/index.ts';
import { EventLog } from '../../core/metrics/log.ts';
import { MigrationTally } from '../../core/metrics/migration-counters.ts';
import { readOpening } from '../../core/proxy/handshake.ts';
import { ClientTls } from '../../core/tls/client-tls.ts';
import { sessionRowOf } from './session-row.ts';

export const at = Date.UTC(2026, 0, 2, 3, 4, 5);

export function endpointRow(id: string, port: number): EndpointRow {
  return {
    id,
    backend: `127.0.0.1:${port}`,
    host: '127.0.0.1',
    port,
    database: 'postgres',
    user: '',
    url: `postgresql://127.0.0.1:${port}/postgres`,
    passwordSet: false,
    isDefault: id === 'ep-a',
    status: 'up',
    statusReason: null,
    serverVersion: '18.4',
    checkedAt: at,
    sessions: 1,
    poolMode: 'session',
    profile: 'strict',
    paused: false,
    redirectedTo: null,
    color: 0,
  };
}

export function sessionRow(id: number, endpoint: string): SessionRow {
  return sessionRowOf(id, {
    application: `app ü ${id}`,
    user: 'me',
    database: 'postgres',
    endpoint,
    requestedEndpoint: endpoint,
    routedBy: 'options',
    backend: '127.0.0.1:1',
    serverPid: 4000 + id,
    clientPort: 50_000 + id,
    state: 'idle in transaction',
    transaction: 'T',
    stateSince: at,
    connectedAt: at,
    queries: 3,
    transactions: 2,
    bytesIn: 10,
    bytesOut: 20,
    migrations: 1,
  });
}

export function transferRow(sessionId: number, to: string, outcome: TransferRow['outcome'], reason: string | null): TransferRow {
  return {
    id: sessionId,
    operationId: 1,
    sessionId,
    application: 'app',
    fromEndpoint: 'ep-a',
    toEndpoint: to,
    fromBackend: '127.0.0.1:1',
    toBackend: '127.0.0.1:2',
    phase: 'settled',
    outcome,
    reason,
    requestedAt: at,
    settledAt: at + 12,
    mode: 'preconnect',
    dialect: 'postgres',
    phases: [],
    holdsMs: outcome === 'success' ? [1.23456] : [],
    heldBytes: 0,
    attempts: 1,
    pauseMs: outcome === 'success' ? 1.23456 : null,
    stateBytes: 99,
    findings: [],
  };
}

export const server: ConsoleServer = {
  id: 7,
  backend: '127.0.0.1:1',
  database: 'postgres',
  role: 'me',
  state: 'active',
  address: '127.0.0.1',
  port: 1,
  localAddress: '127.0.0.1',
  localPort: 40_000,
  connectedAt: at,
  requestedAt: at,
  pid: 4001,
  tls: 'TLSv1.3/TLS_AES_256_GCM_SHA384',
  sessionId: 1,
  applicationName: 'app',
  closeNeeded: false,
  idleSince: null,
  preparedStatements: 2,
  pool: '127.0.0.1:1/postgres/me',
};
export const pool: PoolRow = {
  key: '127.0.0.1:1/postgres/me',
  backend: '127.0.0.1:1',
  database: 'postgres',
  role: 'me',
  mode: 'session',
  size: 20,
  active: 2,
  idle: 1,
  resetting: 0,
  connecting: 0,
  waiting: 0,
  maxWaitMs: 1500,
  opened: 3,
  reused: 4,
  checking: 0,
  cancelling: 0,
  assignments: 7,
  wait: { count: 7, p50: 0, p95: 0, p99: 1500, max: 1500 },
  failure: null,
};
export const figures: StatFigures = {
  serverAssignments: 1,
  transactions: 2,
  queries: 3,
  received: 4,
  sent: 5,
  transactionUs: 6,
  queryUs: 7,
  waitUs: 8,
  clientParses: 9,
  serverParses: 10,
  binds: 11,
  clientLogins: 12,
};

/** A facade that remembers what it was asked to move, and settles as `outcome` says. */
export class FakeHost implements ConsoleHost {
  readonly asked: { ids: number[]; to: string; withinMs: number }[] = [];
  readonly tally = new MigrationTally();
  outcome: (id: number, to: string, signal: AbortSignal) => Promise<TransferRow> = async (id, to) => transferRow(id, to, 'success', null);
  rows = [sessionRow(1, 'ep-a'), sessionRow(2, 'ep-a'), sessionRow(3, 'ep-b')];
  endpoints = () =>
    [endpointRow('ep-a', 1), endpointRow('ep-b', 2), endpointRow('Other', 3)].map((row) => ({ ...row, paused: this.paused.has(row.id) }));
  sessions = () => this.rows;
  pools = () => [pool];
  servers = () => [server];
  transfers = () => [transferRow(1, 'ep-b', 'error_recoverable', 'busy')];
  counters = () => this.tally.snapshot();
  stats = () => [{ database: 'postgres', total: figures, average: figures }];
  hostInfo = () => ({
    version: '0.1.0',
    startedAt: at,
    proxy: { host: '127.0.0.1', port: 6432 },
    wantedPort: null,
    admitting: true,
    defaultEndpoint: 'ep-a',
    unknownEndpoint: 'default' as const,
    demo: { state: 'off' as const, reason: null, workload: false, available: true },
    passwords: { kept: 'memory' as const, reason: null },
    endpointsKept: { file: null, problem: null },
    capture: null,
    connectLines: [],
  });
  /** What commands asked for, in order. */
  readonly done: string[] = [];
  /** What a command's call answers; rejects where a test wants it to. */
  answer: (name: string) => Promise<Record<string, never>> = () => Promise.resolve({});
  current = settings.parse({});
  paused = new Set<string>();
  disabled = new Set<string>();
  leaving = false;
  waitingFor: string | null = null;
  operations = (): OperationRow[] => [];
  observations = (): ObservationRow[] => [];
  log = (): LogEntry[] => [{ id: 1, at, level: 'warn', code: 'backend_down', message: 'it is down', sessionId: null, repeats: 2 }];
  settings = () => this.current;
  prepared = () => [{ sessionId: 1, name: 's1', serverName: '_swy_7', isShared: true, statement: 'SELECT $1' }];
  preparedCount = (id: number) => (id === 1 ? 1 : null);
  sessionState = (id: number) => (id === 1 ? [{ key: 'DateStyle', client: 'ISO, MDY', server: 'German' }] : null);
  isDisabled = (id: string) => this.disabled.has(id);
  setDisabled = (id: string, disabled: boolean) => void (disabled ? this.disabled.add(id) : this.disabled.delete(id));
  isLeaving = () => this.leaving;
  reload = async () => void (await this.#call('reload', ''));
  shutdown = (wait: string) => void this.done.push(`shutdown ${wait}`);
  readonly calls: ConsoleHost['calls'] = {
    'clients.admit': ({ admit }) => this.#call('clients.admit', String(admit)),
    migrate: ({ sessionIds, to, withinMs, forceAfterMs, mode, carry }) => {
      this.asked.push({ ids: sessionIds, to, withinMs });
      if (mode !== undefined || carry !== undefined || forceAfterMs != null) {
        this.done.push(`migrate ${JSON.stringify({ forceAfterMs, mode, carry })}`);
      }
      return this.#start(sessionIds, to);
    },
    'endpoints.remap': async (request) => {
      await this.#call('endpoints.remap', JSON.stringify(request));
      return this.#start([1, 2], request.endpoint);
    },
    'backend.drain': async (request) => {
      await this.#call('backend.drain', JSON.stringify(request));
      return this.#start([1, 2], request.to);
    },
    'backend.undrain': ({ backend }) => this.#call('backend.undrain', backend),
    'operation.undo': async (request) => {
      await this.#call('operation.undo', JSON.stringify(request));
      return this.#start([1], 'ep-a');
    },
    'operation.cancel': ({ operationId }) => this.#call('operation.cancel', operationId),
    'backend.restart': ({ backend, withinMs }) => this.#restart(backend, withinMs),
    'session.timeline': ({ sessionId }) => {
      if (sessionId !== 1) throw new CallError('unknown_session', `Nothing is known of session ${sessionId} (any more).`);
      return {
        sessionId,
        application: 'app',
        user: 'me',
        endpoint: 'ep-a',
        backend: '127.0.0.1:1',
        database: 'postgres',
        routedBy: 'default',
        connectedAt: at,
        endedAt: null,
        migrations: 0,
        resurrections: 0,
        events: [{ at, name: 'connected', detail: null }],
        forgotten: 0,
        transfers: [],
      };
    },
    'session.cancel': ({ sessionId }) => this.#call('session.cancel', sessionId),
    'session.rollback': ({ sessionId }) => this.#call('session.rollback', sessionId),
    'session.close': ({ sessionId }) => this.#call('session.close', sessionId),
    'pool.pause': ({ endpoint, withinMs }) => this.#call('pool.pause', `${endpoint} ${withinMs}`),
    'pool.resume': ({ endpoint }) => this.#call('pool.resume', endpoint),
    'pool.reconnect': ({ endpoint }) => this.#call('pool.reconnect', endpoint),
    'pool.kill': ({ endpoint }) => this.#call('pool.kill', endpoint),
    'settings.save': async (request) => {
      await this.#call('settings.save', '');
      const { users } = this.current.authentication;
      this.current = settings.parse({ ...request, authentication: { ...request.authentication, users } });
      return undefined as never;
    },
  };
  async #call(name: string, argument: string | number): Promise<Record<string, never>> {
    this.done.push(`${name} ${argument}`.trim());
    return await this.answer(name);
  }
  blocking: ConsoleBlocker[] = [];
  blockers = () => this.blocking;
  readonly #started: { ids: number[]; to: string }[] = [];
  #start(ids: number[], to: string): { operationId: number } {
    return { operationId: this.#started.push({ ids, to }) };
  }
  async #restart(backend: string, withinMs: number): Promise<{ operationId: number }> {
    await this.#call('backend.restart', `${backend} ${withinMs}`);
    return { operationId: 7 };
  }
  /** What becomes of a restart that is asked for. */
  restartable: (operationId: number, signal: AbortSignal) => Promise<OperationRow> = () => Promise.reject(new Error('nothing is staged'));
  settled(operationId: number, signal: AbortSignal): Promise<TransferRow[]> {
    const { ids, to } = this.#started[operationId - 1] ?? { ids: [], to: '' };
    return Promise.all(ids.map((id) => this.outcome(id, to, signal)));
  }
}

/** What runs; `stop` ends it. */
export interface ConsoleRig {
  readonly host: FakeHost;
  readonly log: EventLog;
  readonly port: number;
  readonly consoles: ConsoleSession[];
  readonly sockets: net.Socket[];
  stop(): Promise<void>;
}

/** Starts one. A cancel request, whatever its key, reaches every console. */
export async function startConsole(): Promise<ConsoleRig> {
  const host = new FakeHost();
  const log = new EventLog();
  const consoles: ConsoleSession[] = [];
  const sockets: net.Socket[] = [];
  const listener = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    void readOpening(socket, null, ClientTls.off, new AbortController().signal).then((opening) => {
      if (opening.kind === 'cancel') {
        for (const each of consoles) each.cancel();
        socket.end();
      } else if (opening.kind === 'startup') {
        const { rest, parameters } = opening.incoming;
        consoles.push(new ConsoleSession(socket, rest, host, log, { pid: 77, secret: Buffer.from([1, 2, 3, 4]), parameters }));
      } else socket.destroy();
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  return {
    host,
    log,
    port,
    consoles,
    sockets,
    stop: async () => {
      for (const each of consoles) each.close();
      await Promise.all(consoles.map((each) => each.closed));
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}
