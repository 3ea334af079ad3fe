/**
 * One pool: the server connections of a backend, database and role. Session mode: a connection belongs to one session from
 * acquire to release. Newest idle first (LIFO), so that the working set stays small; waiters first come, first served.
 */
import { credentialKey } from '../backend/credential.ts';
import { startupKey, type Login } from '../backend/dial.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import { tlsKey } from '../tls/backend-tls.ts';
import { Server, Status } from '../wire/codes.ts';
import { query } from '../wire/messages.ts';
import type { Return, Want } from './want.ts';

/** What a pool needs from outside: a way to open a connection and a place to report. */
export interface PoolHooks {
  /** Opens a connection; rejects with `DialFailure`. */
  dial(login: Login, signal: AbortSignal): Promise<ServerConnection>;
  /** Something worth a line in the event log. */
  report(level: 'info' | 'warn', code: string, message: string): void;
}

/** Nobody gave a connection back in time. */
export class PoolExhausted extends Error {
  readonly hint: string;
  constructor(pool: Pool, waitedMs: number) {
    super(
      `no server connection to ${pool.backend} became free within ${Math.round(waitedMs / 1000)} s: all ${pool.size} of pool ${pool.key} are in use`,
    );
    this.name = 'PoolExhausted';
    this.hint = 'Raise --pool-size (and max_connections of the server), or close clients that are idle.';
  }
}

interface Waiter {
  readonly key: string;
  readonly want: Want;
  /** It would rather have a connection that is being reset than a new one. */
  isPatient: boolean;
  readonly since: number;
  /** Gives it a connection, or tells it to dial one on a slot reserved for it. */
  grant(connection: ServerConnection | null): void;
}

const RESET_DEADLINE_MS = 5_000;
const RESET_PATIENCE_MS = 250;
/** How long a session may wait for a server connection (PgBouncer's query_wait_timeout). */
const WAIT_DEADLINE_MS = 120_000;

/** Who may be given which connection: the startup parameters, the credential and the encryption it was opened with. */
function keyOf(login: Login): string {
  return JSON.stringify([startupKey(login.startup), credentialKey(login.credential), tlsKey(login.tls)]);
}

/** See the head of this file. */
export class Pool {
  readonly backend: string;
  readonly database: string;
  readonly role: string;
  readonly key: string;
  size: number;
  opened = 0;
  reused = 0;
  readonly active = new Set<ServerConnection>();
  connecting = 0;
  /** Keys of the connections being reset, and of those that were given out: what may be handed to whom. */
  readonly #resetting = new Set<ServerConnection>();
  /** Those that were given back with their state. */
  readonly #kept = new WeakSet<ServerConnection>();
  readonly #keys = new WeakMap<ServerConnection, string>();
  readonly #idle: { connection: ServerConnection; since: number }[] = [];
  readonly #waiters: Waiter[] = [];
  readonly #hooks: PoolHooks;
  #closed = false;

  constructor(id: { backend: string; database: string; role: string }, size: number, hooks: PoolHooks) {
    this.backend = id.backend;
    this.database = id.database;
    this.role = id.role;
    this.key = `${id.backend}/${id.database}/${id.role}`;
    this.size = size;
    this.#hooks = hooks;
  }

  /** Connections being reset. */
  get resetting(): number {
    return this.#resetting.size;
  }

  get idle(): number {
    return this.#idle.length;
  }

  get waiting(): number {
    return this.#waiters.length;
  }

  /** How long the oldest waiter has been waiting, in milliseconds. */
  get maxWaitMs(): number {
    const oldest = this.#waiters[0];
    return oldest === undefined ? 0 : Date.now() - oldest.since;
  }

  /** Every open connection, for listings. */
  *connections(): Iterable<{ connection: ServerConnection; state: 'active' | 'idle' }> {
    for (const connection of this.active) yield { connection, state: 'active' };
    for (const { connection } of this.#idle) yield { connection, state: 'idle' };
  }

  /**
   * A connection opened with exactly the startup parameters of `login`: an idle one, a new one, or, when the pool is full, the next one
   * that becomes free. An idle connection with other parameters would answer RESET and SHOW with somebody else's values, so it
   * is closed to make room instead. Rejects with `DialFailure`, `PoolExhausted`, or the signal's reason.
   */
  async acquire(want: Want, signal: AbortSignal): Promise<ServerConnection> {
    signal.throwIfAborted();
    if (this.#closed) throw new Error('the pool is closed');
    const key = keyOf(want.login);
    const idle = this.#takeIdle(key, want);
    if (idle !== null) return idle;
    // One that is being reset comes back sooner than a new one is logged in: sessions one after the other share a connection.
    if (this.#comingBack(key) <= 0 && this.#makeRoom()) return this.#dial(want.login, signal);
    const granted = await this.#wait(key, want, signal);
    return granted ?? this.#dial(want.login, signal, true);
  }

  /** The idle connection that suits best, unless somebody waits for it already; null: `acquire` it. */
  take(want: Want): ServerConnection | null {
    if (this.#closed) return null;
    const key = keyOf(want.login);
    return this.#waiters.some((waiter) => waiter.key === key) ? null : this.#takeIdle(key, want);
  }

  /** Takes back a connection; see `Return`. */
  release(connection: ServerConnection, how: Return): void {
    if (!this.active.delete(connection)) return;
    connection.setOwner(null);
    if (how === 'close' || !connection.isOpen || this.#closed) {
      connection.destroy();
      this.#serveWaiters();
      return;
    }
    if (how === 'keep' && connection.cancelsInFlight === 0) {
      this.#kept.add(connection);
      this.#keep(connection);
      this.#serveWaiters();
      return;
    }
    this.#resetting.add(connection);
    void this.#reset(connection, how === 'reset').then((done) => {
      this.#resetting.delete(connection);
      if (how === 'reset') this.#kept.delete(connection);
      else this.#kept.add(connection);
      if (!done || this.#closed) connection.end();
      else this.#keep(connection);
      this.#serveWaiters();
    });
  }

  /** Closes idle connections that have been so for longer than `idleMs`. */
  sweep(idleMs: number): void {
    const limit = Date.now() - idleMs;
    for (let i = this.#idle.length - 1; i >= 0; i--) {
      const entry = this.#idle[i];
      if (entry !== undefined && entry.since < limit) {
        this.#idle.splice(i, 1);
        entry.connection.end();
      }
    }
  }

  /** Closes every idle connection; attached ones are closed when they come back. */
  close(): void {
    this.#closed = true;
    for (const { connection } of this.#idle.splice(0)) connection.end();
  }

  get isUnused(): boolean {
    return this.active.size + this.#idle.length + this.#waiters.length + this.#resetting.size + this.connecting === 0;
  }

  #takeIdle(key: string, want: Want): ServerConnection | null {
    let at = -1;
    let least = Infinity;
    for (let i = this.#idle.length - 1; i >= 0 && least > 0; i--) {
      const connection = this.#idle[i]?.connection;
      if (connection === undefined || this.#keys.get(connection) !== key) continue;
      if (want.clean && this.#kept.has(connection)) continue;
      const cost = want.suits(connection);
      if (cost === null || cost >= least) continue;
      at = i;
      least = cost;
    }
    if (at < 0) return null;
    const [entry] = this.#idle.splice(at, 1);
    if (entry === undefined) return null;
    this.reused++;
    this.active.add(entry.connection);
    entry.connection.setOwner(null);
    entry.connection.assignedAt = Date.now();
    return entry.connection;
  }

  /** How many more connections with this key are being reset than sessions wait for them. */
  #comingBack(key: string): number {
    let left = 0;
    for (const connection of this.#resetting) if (this.#keys.get(connection) === key) left++;
    for (const waiter of this.#waiters) if (waiter.key === key) left--;
    return left;
  }

  /** True when one more connection may be opened, closing the oldest idle one if needed. */
  #makeRoom(): boolean {
    if (this.active.size + this.#idle.length + this.#resetting.size + this.connecting < this.size) return true;
    const oldest = this.#idle.shift();
    oldest?.connection.end();
    return oldest !== undefined;
  }

  async #dial(login: Login, signal: AbortSignal, reserved = false): Promise<ServerConnection> {
    if (!reserved) this.connecting++;
    try {
      const connection = await this.#hooks.dial(login, signal);
      if (this.#closed || signal.aborted) {
        connection.end();
        signal.throwIfAborted();
        throw new Error('the pool is closed');
      }
      this.opened++;
      this.#keys.set(connection, keyOf(login));
      this.active.add(connection);
      return connection;
    } finally {
      this.connecting--;
      this.#serveWaiters();
    }
  }

  #wait(key: string, want: Want, signal: AbortSignal): Promise<ServerConnection | null> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        clearTimeout(patience);
        signal.removeEventListener('abort', onAbort);
        const at = this.#waiters.indexOf(waiter);
        if (at >= 0) this.#waiters.splice(at, 1);
      };
      const onAbort = (): void => {
        settle();
        reject(signal.reason as Error);
      };
      const waiter: Waiter = {
        key,
        want,
        isPatient: true,
        since: Date.now(),
        grant: (connection) => {
          settle();
          resolve(connection);
        },
      };
      const timer = setTimeout(() => {
        settle();
        reject(new PoolExhausted(this, WAIT_DEADLINE_MS));
      }, WAIT_DEADLINE_MS);
      // A reset that takes long is not waited for while there is room for another connection.
      const patience = setTimeout(() => {
        waiter.isPatient = false;
        this.#serveWaiters();
      }, RESET_PATIENCE_MS);
      signal.addEventListener('abort', onAbort);
      this.#waiters.push(waiter);
    });
  }

  #serveWaiters(): void {
    for (const waiter of [...this.#waiters]) {
      const idle = this.#takeIdle(waiter.key, waiter.want);
      if (idle !== null) {
        waiter.grant(idle);
        continue;
      }
      if (waiter.isPatient && this.#comingBack(waiter.key) >= 0) continue;
      if (!this.#makeRoom()) return;
      // The slot is counted now, so that nobody takes it before the waiter wakes up.
      this.connecting++;
      waiter.grant(null);
    }
  }

  #keep(connection: ServerConnection): void {
    this.#idle.push({ connection, since: Date.now() });
    connection.setOwner({
      onServerData: () => {
        // An idle server speaks only to say goodbye (57P01) or after a configuration reload (ParameterStatus). Either way it
        // is cheaper and safer to open a new one than to keep this one's books while nobody uses it.
        this.#drop(connection);
        connection.end();
      },
      onServerDrain: () => {},
      onServerClosed: (reason) => {
        this.#drop(connection);
        this.#hooks.report('info', 'idle_server_lost', `An idle connection to ${this.key} ended: ${reason}.`);
      },
    });
  }

  #drop(connection: ServerConnection): void {
    const at = this.#idle.findIndex((entry) => entry.connection === connection);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#serveWaiters();
  }

  /**
   * DISCARD ALL as a simple query: that also destroys the unnamed statement, which an extended one would leave
   * (postgres-session-state.md section 5). Waits for cancels on their way, which could hit the next session's query.
   */
  async #reset(connection: ServerConnection, discard: boolean): Promise<boolean> {
    try {
      if (connection.cancelsInFlight > 0) await new Promise<void>((resolve) => (connection.onCancelsSettled = resolve));
      connection.onCancelsSettled = null;
      if (!discard) return connection.isOpen;
      const { answer } = connection.exchange(query('DISCARD ALL'), 1, { deadlineMs: RESET_DEADLINE_MS });
      const [done, ready, more] = await answer;
      const inStep = done?.type === Server.CommandComplete && ready?.type === Server.ReadyForQuery && more === undefined;
      return inStep && ready.body[0] === Status.Idle && connection.isOpen;
    } catch (error) {
      connection.destroy();
      this.#hooks.report(
        'warn',
        'reset_failed',
        `A connection of ${this.key} could not be reset and was closed: ${error instanceof Error ? error.message : String(error)}.`,
      );
      return false;
    }
  }
}
