/** What the console needs from the facade: rows to show, and things to do. */
import type {
  BlockerRow,
  EndpointRow,
  Handlers,
  HostInfo,
  LogEntry,
  MigrationCounters,
  ObservationRow,
  OperationRow,
  PoolRow,
  SessionRow,
  Settings,
  TransferRow,
} from '../contract/index.ts';

/** One server connection. Times are milliseconds since the epoch. */
export interface ConsoleServer {
  readonly id: number;
  /** `PoolRow.key`. */
  readonly pool: string;
  /** `host:port`, as everywhere. */
  readonly backend: string;
  readonly database: string;
  readonly role: string;
  readonly state: 'active' | 'idle' | 'resetting' | 'checking' | 'cancelling' | 'connecting';
  /** The backend's end of the connection. */
  readonly address: string;
  readonly port: number;
  /** The proxy's end; null while it is not connected. */
  readonly localAddress: string | null;
  readonly localPort: number | null;
  readonly connectedAt: number;
  /** When it was last given to a session; null if never. */
  readonly requestedAt: number | null;
  /** Process id on the backend; null until the login is through. */
  readonly pid: number | null;
  /** As PgBouncer writes it, e.g. `TLSv1.3/TLS_AES_256_GCM_SHA384`; null: plain text. */
  readonly tls: string | null;
  /** The session it is attached to. */
  readonly sessionId: number | null;
  readonly applicationName: string;
  /** Since when it is idle; null: it is not. */
  readonly idleSince: number | null;
  /** Statements of clients that are prepared on it. */
  readonly preparedStatements: number;
  /** It is to be replaced once it is given back (RECONNECT). */
  readonly closeNeeded: boolean;
}

/** One setting of a client, beside its value on the client's server connection; null: not known there. */
export interface ConsoleStateLine {
  readonly key: string;
  readonly client: string | null;
  readonly server: string | null;
}

/** A prepared statement of a client whose server connection may change; in session mode the server alone knows them. */
export interface ConsolePrepared {
  readonly sessionId: number;
  /** The client's name for it. */
  readonly name: string;
  /** Its name on the servers; null: the client's own. */
  readonly serverName: string | null;
  /** It can be parsed again on another server connection. */
  readonly isShared: boolean;
  /** Its text, constants left out; null: not known. */
  readonly statement: string | null;
}

/** A session that an operation waits for. */
export interface ConsoleBlocker extends BlockerRow {
  readonly operationId: number;
}

/** The calls that the console's commands are made of. */
export type ConsoleCalls = Pick<
  Handlers,
  | 'clients.admit'
  | 'migrate'
  | 'endpoints.remap'
  | 'backend.drain'
  | 'backend.undrain'
  | 'backend.restart'
  | 'operation.undo'
  | 'operation.cancel'
  | 'session.timeline'
  | 'session.cancel'
  | 'session.rollback'
  | 'session.close'
  | 'pool.pause'
  | 'pool.resume'
  | 'pool.reconnect'
  | 'pool.kill'
  | 'settings.save'
>;

/** What SHUTDOWN waits for: nothing, server connections to be given back, or clients to leave. */
export type ShutdownWait = 'nothing' | 'servers' | 'clients';

/** PgBouncer's counters. Durations are microseconds, sizes bytes. */
export interface StatFigures {
  /** Times a session was given a server connection. */
  readonly serverAssignments: number;
  readonly transactions: number;
  readonly queries: number;
  /** From clients. */
  readonly received: number;
  /** To clients. */
  readonly sent: number;
  /** Time spent in transactions, and in queries. */
  readonly transactionUs: number;
  readonly queryUs: number;
  /** Time clients waited for a server connection. */
  readonly waitUs: number;
  readonly clientParses: number;
  readonly serverParses: number;
  readonly binds: number;
  readonly clientLogins: number;
}

/** The counters of one database since start, and their averages over the last period (`averageFigures`). */
export interface ConsoleStats {
  readonly database: string;
  readonly total: StatFigures;
  readonly average: StatFigures;
}

/** The facade, as the console sees it. The readers answer at once. */
export interface ConsoleHost {
  endpoints(): readonly EndpointRow[];
  sessions(): readonly SessionRow[];
  pools(): readonly PoolRow[];
  servers(): readonly ConsoleServer[];
  /** Running and settled transfers, oldest first. */
  transfers(): readonly TransferRow[];
  counters(): MigrationCounters;
  stats(): readonly ConsoleStats[];
  hostInfo(): HostInfo;
  operations(): readonly OperationRow[];
  observations(): readonly ObservationRow[];
  /** Newest last. */
  log(): readonly LogEntry[];
  /** The settings at work, verifiers included: not to be shown whole. */
  settings(): Settings;
  prepared(): readonly ConsolePrepared[];
  /** How many of them a session has; null: the server alone knows. */
  preparedCount(sessionId: number): number | null;
  /** Null: there is no such session. */
  sessionState(id: number): readonly ConsoleStateLine[] | null;
  /** Handlers that throw, or reject with, `CallError` for what the user can understand. */
  readonly calls: ConsoleCalls;
  /** New clients of the endpoint are refused. */
  isDisabled(endpoint: string): boolean;
  /** Refuses new clients of an endpoint, or lets them in again. */
  setDisabled(endpoint: string, disabled: boolean): void;
  /** Reads the settings file again. Rejects with `CallError`. */
  reload(): Promise<void>;
  /** Ends the program, soon; returns at once. Throws `CallError` where that is not the console's to do. */
  shutdown(wait: ShutdownWait): void;
  /** A shutdown is waited for: new clients are refused. */
  isLeaving(): boolean;
  /** The sessions that operations under way wait for. */
  blockers(): readonly ConsoleBlocker[];
  /** Resolves with the last transfer of each session of an operation when all are settled. Aborting stops those that can still stop. */
  settled(operationId: number, signal: AbortSignal): Promise<readonly TransferRow[]>;
  /** Resolves once all sessions of a restart are held, or it is over. Aborting gives it up. */
  restartable(operationId: number, signal: AbortSignal): Promise<OperationRow>;
}

/**
 * PgBouncer's averages between two readings: counts and bytes per second, the two times per transaction and per query, the
 * wait in microseconds per second.
 */
export function averageFigures(before: StatFigures, after: StatFigures, seconds: number): StatFigures {
  const gain = (name: keyof StatFigures): number => Math.max(0, after[name] - before[name]);
  const rate = (name: keyof StatFigures): number => (seconds > 0 ? Math.round(gain(name) / seconds) : 0);
  const each = (time: keyof StatFigures, count: keyof StatFigures): number => (gain(count) > 0 ? Math.round(gain(time) / gain(count)) : 0);
  return {
    serverAssignments: rate('serverAssignments'),
    transactions: rate('transactions'),
    queries: rate('queries'),
    received: rate('received'),
    sent: rate('sent'),
    transactionUs: each('transactionUs', 'transactions'),
    queryUs: each('queryUs', 'queries'),
    waitUs: rate('waitUs'),
    clientParses: rate('clientParses'),
    serverParses: rate('serverParses'),
    binds: rate('binds'),
    clientLogins: rate('clientLogins'),
  };
}
