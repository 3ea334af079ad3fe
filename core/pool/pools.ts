/** All pools, keyed by backend, database and role. */
import { DialFailure, dial, type Login } from '../backend/dial.ts';
import type { PasswordFile } from '../backend/passfile.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import type { PoolRow } from '../contract/index.ts';
import { Pool } from './pool.ts';
import type { Return, Want } from './want.ts';

const IDLE_MS = 600_000;
const SWEEP_MS = 30_000;

/** Settings and report hook of the pools. */
export interface PoolsOptions {
  /** Most server connections per pool. */
  readonly size: number;
  /** Asked for the passwords that are not stored here. */
  readonly passwordFile?: PasswordFile | null;
  /** Seconds between keepalive probes of the moment; 0: none. Left out: as `dial` has it. */
  keepalive?(): number;
  report(level: 'info' | 'warn', code: string, message: string): void;
  /** A connection that was kept with its state has been reset since, for a `Want` that is `clean`. */
  onReset?(connection: ServerConnection): void;
  /** A backend answered or failed: feeds the endpoint's status. */
  onDial(backend: string, failure: DialFailure | null, serverVersion: string | null): void;
}

const noDistribution = { count: 0, p50: 0, p95: 0, p99: 0, max: 0 };

/** Finds or makes the pool for a login and hands out its connections. */
export class Pools {
  readonly #pools = new Map<string, Pool>();
  readonly #owners = new WeakMap<ServerConnection, Pool>();
  readonly #options: PoolsOptions;
  readonly #sweeper: NodeJS.Timeout;

  constructor(options: PoolsOptions) {
    this.#options = options;
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#sweeper.unref();
  }

  /**
   * At once, or not at all: the idle connection that suits best, the one used last among equals. Null when there is none, when somebody
   * waits for it already, or when there is something to be done first: then `acquire` it.
   */
  take(want: Want): ServerConnection | null {
    return this.#pool(want.login).take(want);
  }

  /** A logged-in connection. Rejects with `DialFailure`, `PoolExhausted`, or the signal's reason. */
  async acquire(want: Want, signal: AbortSignal): Promise<ServerConnection> {
    const pool = this.#pool(want.login);
    try {
      const connection = await pool.acquire(want, signal);
      this.#owners.set(connection, pool);
      return connection;
    } catch (error) {
      // Clients choose the names of databases and roles: pools for those that the server does not know must not pile up.
      if (pool.opened === 0 && pool.isUnused) this.#pools.delete(pool.key);
      throw error;
    }
  }

  /** Gives a connection back. */
  release(connection: ServerConnection, how: Return): void {
    this.#owners.get(connection)?.release(connection, how);
  }

  /** The pool a connection belongs to. */
  keyOf(connection: ServerConnection): string {
    return this.#owners.get(connection)?.key ?? '';
  }

  all(): Iterable<Pool> {
    return this.#pools.values();
  }

  rows(): PoolRow[] {
    return [...this.#pools.values()].map((pool) => ({
      key: pool.key,
      backend: pool.backend,
      database: pool.database,
      role: pool.role,
      mode: 'session' as const,
      size: pool.size,
      active: pool.active.size,
      idle: pool.idle,
      resetting: pool.resetting,
      connecting: pool.connecting,
      waiting: pool.waiting,
      maxWaitMs: pool.maxWaitMs,
      opened: pool.opened,
      reused: pool.reused,
      checking: 0,
      cancelling: 0,
      assignments: pool.opened + pool.reused,
      wait: noDistribution,
      failure: null,
    }));
  }

  /** Closes idle connections of a backend, e.g. when its endpoint is removed. */
  forget(backend: string): void {
    for (const pool of this.#pools.values()) if (pool.backend === backend) pool.sweep(-1);
  }

  close(): void {
    clearInterval(this.#sweeper);
    for (const pool of this.#pools.values()) pool.close();
  }

  #pool(login: Login): Pool {
    const id = { backend: login.backend.id, database: login.database, role: login.role };
    const key = `${id.backend}/${id.database}/${id.role}`;
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = new Pool(id, this.#options.size, {
        dial: (request, signal) => this.#dial(request, signal),
        report: (level, code, message) => this.#options.report(level, code, message),
      });
      this.#pools.set(key, pool);
    }
    return pool;
  }

  async #dial(login: Login, signal: AbortSignal): Promise<ServerConnection> {
    try {
      const connection = await dial(login, { signal, passwordFile: this.#options.passwordFile ?? null });
      if (this.#options.keepalive !== undefined) connection.keepAlive(this.#options.keepalive());
      this.#options.onDial(login.backend.id, null, connection.parameters.get('server_version') ?? null);
      return connection;
    } catch (error) {
      if (error instanceof DialFailure && error.kind !== 'aborted') this.#options.onDial(login.backend.id, error, null);
      throw error;
    }
  }

  #sweep(): void {
    for (const pool of this.#pools.values()) pool.sweep(IDLE_MS);
  }
}
