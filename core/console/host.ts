/** What the console needs from the facade: rows to show and one thing to do. */
import type { EndpointRow, HostInfo, MigrationCounters, PoolRow, SessionRow, TransferRow } from '../contract/index.ts';

/** One server connection. Times are milliseconds since the epoch. */
export interface ConsoleServer {
  readonly id: number;
  /** `host:port`, as everywhere. */
  readonly backend: string;
  readonly database: string;
  readonly role: string;
  readonly state: 'active' | 'idle' | 'resetting' | 'connecting';
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
}

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
  /**
   * Moves sessions; resolves with one row each when all are settled, refused ones included. Aborting stops those that can
   * still stop. Rejects with `CallError` for what the user can understand.
   */
  migrate(sessionIds: number[], to: string, withinMs: number, signal: AbortSignal): Promise<readonly TransferRow[]>;
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
