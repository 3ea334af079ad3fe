/** All pools, keyed by backend, database and role. */
import { AddressedBackends } from '../backend/addressed-backends.ts';
import { DialFailure, dial, type Login } from '../backend/dial.ts';
import type { PasswordFile } from '../backend/passfile.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import { settings as settingsSchema, type PoolMode, type PoolRow, type Settings } from '../contract/index.ts';
import { isServers } from './failures.ts';
import { Gate } from './gate.ts';
import { Pool } from './pool.ts';
import type { Reservation } from './reservation.ts';
import { Share } from './share.ts';
import type { Return, Want } from './want.ts';

const SWEEP_MS = 1_000;

/** Settings and report hook of the pools. */
export interface PoolsOptions {
  /** The settings of the moment. Left out: the defaults. */
  settings?(): Settings['pooling'];
  /** How the sessions of an endpoint are pooled. Left out: by session. */
  modeOf?(endpoint: string): PoolMode;
  /** The logins of all clients that are there, asked for when connections are to be kept open for them (`min`). */
  present?(): Iterable<Login>;
  /** Asked for the passwords that are not stored here. */
  readonly passwordFile?: PasswordFile | null;
  /** Seconds between keepalive probes of the moment; 0: none. Left out: as `dial` has it. */
  keepalive?(): number;
  report(level: 'info' | 'warn', code: string, message: string): void;
  /** A connection has been reset: what it carried is gone. */
  onReset?(connection: ServerConnection): void;
  /** A backend answered or failed: feeds the endpoint's status. */
  onDial(backend: string, failure: DialFailure | null, serverVersion: string | null): void;
}

/** Finds or makes the pool for a login and hands out its connections. */
export class Pools {
  readonly gate: Gate;
  readonly #pools = new Map<string, Pool>();
  /** The pool of a login, so that a statement in transaction mode need not look for it. */
  readonly #byLogin = new WeakMap<Login, Pool>();
  readonly #owners = new WeakMap<ServerConnection, Pool>();
  readonly #shares = new Map<string, Share>();
  readonly #addressed = new AddressedBackends();
  readonly #options: PoolsOptions;
  readonly #settings: () => Settings['pooling'];
  readonly #sweeper: NodeJS.Timeout;

  constructor(options: PoolsOptions) {
    this.#options = options;
    const defaults = settingsSchema.shape.pooling.parse(undefined);
    this.#settings = () => options.settings?.() ?? defaults;
    this.gate = new Gate(
      (endpoint) => this.#heldBy(endpoint),
      () => {
        for (const pool of this.#pools.values()) pool.serve();
      },
    );
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#sweeper.unref();
  }

  /**
   * At once, or not at all: the idle connection that suits best, the one used last among equals. Null when there is none, when somebody
   * waits for it already, when the endpoint is paused, or when there is something to be done first: then `acquire` it.
   */
  take(want: Want): ServerConnection | null {
    return this.#pool(want).take(want);
  }

  /** A logged-in connection. Rejects with `DialFailure`, `PoolExhausted`, or the signal's reason, at once when that aborts. */
  async acquire(want: Want, signal: AbortSignal): Promise<ServerConnection> {
    const pool = this.#pool(want);
    try {
      return await pool.acquire(want, signal);
    } catch (error) {
      this.#dropUnused(pool);
      throw error;
    }
  }

  /**
   * Logs in once and out again, past all limits and whatever failed before: to see whether a server is back, and what it answers. Rejects
   * with `DialFailure`, and as `ask` does.
   */
  async probe<T>(login: Login, signal: AbortSignal, ask: (connection: ServerConnection) => Promise<T>): Promise<T> {
    const connection = await this.#dial(login, signal);
    try {
      const answer = await ask(connection);
      this.answered(login.backend.id);
      return answer;
    } finally {
      connection.end();
    }
  }

  /** Keeps room for a connection that is logged in elsewhere; null: there is none. */
  reserve(want: Want): Reservation | null {
    const pool = this.#pool(want);
    const room = pool.reserve(want.login, want.endpoint);
    if (room === null) return null;
    return {
      adopt: (connection) => {
        room.adopt(connection);
        this.#loggedIn(connection, pool);
      },
      cancel: () => room.cancel(),
    };
  }

  /** What a server is told of the client that a login is for; undefined: nothing. */
  tells(login: Login): string | undefined {
    return this.#addressed.tells(login);
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
    const { size } = this.#settings();
    return [...this.#pools.values()].map((pool) => ({
      key: pool.key,
      backend: pool.backend,
      database: pool.database,
      role: pool.role,
      mode: this.#modeOf(pool),
      size,
      active: pool.stock.count('active'),
      idle: pool.stock.count('idle'),
      resetting: pool.stock.count('resetting'),
      connecting: pool.connecting,
      waiting: pool.waiting,
      maxWaitMs: pool.maxWaitMs,
      opened: pool.opened,
      reused: pool.reused,
      checking: pool.stock.count('checking'),
      cancelling: pool.stock.count('cancelling'),
      assignments: pool.assignments,
      wait: pool.waits.snapshot(),
      failure: pool.failure?.message ?? null,
    }));
  }

  /** RECONNECT: server connections that the endpoint's sessions may get are replaced as they are given back, idle ones now. */
  reconnect(endpoint: string): void {
    for (const pool of this.#pools.values()) if (pool.endpoints.has(endpoint)) pool.renew();
  }

  /** KILL: pauses the endpoint, lets `endSessions` end its sessions, and closes the connections that they had. */
  kill(endpoint: string, endSessions: () => void): void {
    this.gate.hold(endpoint);
    endSessions();
    for (const pool of this.#pools.values()) pool.renew(endpoint);
  }

  /** A backend was asked, and answers: nobody needs to be told of its last failure any more. */
  answered(backend: string): void {
    for (const pool of this.#pools.values()) if (pool.backend === backend) pool.forgive();
  }

  /** Closes idle connections of a backend, e.g. when its endpoint is removed. */
  forget(backend: string): void {
    for (const pool of this.#pools.values()) if (pool.backend === backend) pool.closeIdle();
  }

  close(): void {
    clearInterval(this.#sweeper);
    this.gate.close();
    for (const pool of this.#pools.values()) pool.close();
  }

  #pool(want: Want): Pool {
    const known = this.#byLogin.get(want.login);
    if (known !== undefined && !known.isClosed) return known;
    const pool = this.#poolFor(want.login);
    pool.endpoints.add(want.endpoint);
    this.#byLogin.set(want.login, pool);
    return pool;
  }

  #poolFor({ backend, database, role }: Login): Pool {
    const key = `${backend.id}/${database}/${role}`;
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = new Pool({ backend: backend.id, database, role }, this.#share(backend.id), {
        settings: this.#settings,
        dial: (login, signal) => this.#dial(login, signal),
        isPaused: (endpoint) => this.gate.isPaused(endpoint) || this.gate.isHeld(backend.id),
        onReleased: (endpoint) => this.gate.released(endpoint),
        onReset: (connection) => this.#options.onReset?.(connection),
        report: (level, code, message) => this.#options.report(level, code, message),
      });
      this.#pools.set(key, pool);
    }
    return pool;
  }

  #share(backend: string): Share {
    let share = this.#shares.get(backend);
    if (share === undefined) this.#shares.set(backend, (share = new Share(() => this.#settings().perBackend)));
    return share;
  }

  /**
   * Clients choose the names of databases and roles: pools for those that the server does not know must not pile up. What they failed
   * with is remembered for as long as it is told to others, unless it is the name that is wrong.
   */
  #dropUnused(pool: Pool): void {
    const { failure } = pool;
    const isName = failure instanceof DialFailure && failure.kind === 'refused' && !isServers(failure);
    if (pool.opened > 0 || !pool.isUnused || (failure !== null && !isName)) return;
    pool.close();
    this.#pools.delete(pool.key);
    if (this.#shares.get(pool.backend)?.isEmpty === true) this.#shares.delete(pool.backend);
  }

  async #dial(login: Login, signal: AbortSignal): Promise<ServerConnection> {
    const { id } = login.backend;
    try {
      const options = { signal, passwordFile: this.#options.passwordFile ?? null };
      const connection = await this.#addressed.dial(login, (remoteAddress) => dial(login, { ...options, remoteAddress }));
      this.#loggedIn(connection, this.#pools.get(`${id}/${login.database}/${login.role}`));
      return connection;
    } catch (error) {
      if (error instanceof DialFailure && error.kind !== 'aborted') this.#options.onDial(id, error, null);
      throw error;
    }
  }

  #loggedIn(connection: ServerConnection, pool: Pool | undefined): void {
    if (this.#options.keepalive !== undefined) connection.keepAlive(this.#options.keepalive());
    if (pool !== undefined) this.#owners.set(connection, pool);
    this.#options.onDial(connection.backend.id, null, connection.parameters.get('server_version') ?? null);
  }

  /** Transaction mode, if any of its endpoints is in that, and its server allows it. */
  #modeOf({ backend, endpoints }: Pool): PoolMode {
    if (this.#addressed.isCockroach(backend)) return 'session';
    for (const endpoint of endpoints) if (this.#options.modeOf?.(endpoint) === 'transaction') return 'transaction';
    return 'session';
  }

  #heldBy(endpoint: string): number {
    let held = 0;
    for (const pool of this.#pools.values()) {
      for (const member of pool.stock.all()) if (member.state === 'active' && member.endpoint === endpoint) held++;
    }
    return held;
  }

  #sweep(): void {
    const now = Date.now();
    const present = new Map<string, Login>();
    if (this.#settings().min > 0) {
      for (const login of this.#options.present?.() ?? []) present.set(`${login.backend.id}/${login.database}/${login.role}`, login);
    }
    for (const pool of this.#pools.values()) {
      pool.sweep(present.get(pool.key) ?? null, now);
      this.#dropUnused(pool);
    }
  }
}
