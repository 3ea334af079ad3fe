/**
 * One pool: the server connections of a backend, database and role. Among the idle ones the one that suits best is given out, the one
 * used last among equals, so that the working set stays small; who waits is served in the order in which they came.
 */
import { DialFailure } from '../backend/dial-failure.ts';
import type { Login } from '../backend/login.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import type { Settings } from '../contract/index.ts';
import { Reservoir } from '../metrics/distribution.ts';
import { Alarm } from './alarm.ts';
import { comingByKey, endOfPatience } from './coming.ts';
import { exhausted } from './exhausted.ts';
import type { PoolHooks } from './hooks.ts';
import { keyOf } from './key.ts';
import { Logins, type Dialling } from './logins.ts';
import { Member, type MemberState } from './member.ts';
import { reservation, type Reservation } from './reservation.ts';
import { Room } from './room.ts';
import type { Share, Sharer } from './share.ts';
import { Stock } from './stock.ts';
import { lossEntry, Upkeep } from './upkeep.ts';
import { Waiters, type Waiter } from './waiters.ts';
import { fits, type Return, type Want } from './want.ts';

export { PoolExhausted } from './exhausted.ts';

/** How long somebody may be overtaken by those whom a connection suits as it is, before one is closed to make room. */
const OVERTAKEN_MS = 200;

/** See the head of this file. */
export class Pool implements Sharer {
  readonly backend: string;
  readonly database: string;
  readonly role: string;
  readonly key: string;
  /** Connections opened since start, and times one was given out again. */
  opened = 0;
  reused = 0;
  /** Times a connection was given out, and how long those who got it had waited. */
  assignments = 0;
  readonly waits = new Reservoir();
  /** The endpoints whose sessions have asked for a connection. */
  readonly endpoints = new Set<string>();
  readonly stock = new Stock();
  readonly #logins: Logins;
  readonly #waiters = new Waiters();
  readonly #upkeep: Upkeep;
  readonly #room: Room;
  readonly #alarm = new Alarm(() => this.#onAlarm());
  readonly #share: Share;
  readonly #hooks: PoolHooks;
  /** Of a client that is there: who logs in for `min`. */
  #present: Login | null = null;
  #closed = false;

  constructor(id: { backend: string; database: string; role: string }, share: Share, hooks: PoolHooks) {
    this.backend = id.backend;
    this.database = id.database;
    this.role = id.role;
    this.key = `${id.backend}/${id.database}/${id.role}`;
    this.#hooks = hooks;
    this.#share = share;
    share.join(this);
    this.#logins = new Logins({
      dial: (login, signal) => hooks.dial(login, signal),
      limits: () => hooks.settings(),
      opened: (dialling, connection) => this.#opened(dialling, connection),
      failed: (dialling, error, holdsForAll) => this.#loginFailed(dialling, error, holdsForAll),
      dropped: () => this.#afterLoss(),
    });
    this.#upkeep = new Upkeep(this.stock, {
      ready: (member) => this.#available(member),
      lost: (member, reason) => this.#lose(member, reason),
      onReset: (connection) => hooks.onReset(connection),
    });
    this.#room = new Room({
      stock: this.stock,
      logins: this.#logins,
      share,
      settings: () => hooks.settings(),
      waitingSince: () => this.oldestWaitSince,
    });
  }

  get connecting(): number {
    return this.#logins.size;
  }

  get used(): number {
    return this.#room.used;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  /** How long the oldest waiter has been waiting, in milliseconds. */
  get maxWaitMs(): number {
    const { oldest } = this.#waiters;
    return oldest === undefined ? 0 : Math.max(0, Date.now() - oldest.since);
  }

  get oldestIdleSince(): number | null {
    return this.stock.oldestIdle?.since ?? null;
  }

  get oldestWaitSince(): number | null {
    return this.#waiters.first((waiter) => this.#isServed(waiter))?.since ?? null;
  }

  /** The error of the last login, while others are told of it at once. */
  get failure(): Error | null {
    return this.#logins.newestFailure(Date.now());
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  get isUnused(): boolean {
    return this.used + this.#waiters.size === 0;
  }

  /** Every open connection, for listings. */
  *connections(): Iterable<{ connection: ServerConnection; state: Exclude<MemberState, 'closed'> }> {
    for (const { connection, state } of this.stock.all()) if (state !== 'closed') yield { connection, state };
  }

  /** See `Pools.take`. */
  take(want: Want): ServerConnection | null {
    if (this.#closed || this.stock.oldestIdle === undefined || this.#hooks.isPaused(want.endpoint)) return null;
    const key = keyOf(want.login);
    if (this.#waiters.size > 0 && this.#waiters.first((waiter) => waiter.key === key && this.#isServed(waiter)) !== undefined) return null;
    const now = Date.now();
    const member = this.stock.pick(want, key, this.#staleBefore(now));
    return member === null ? null : this.#give(member, want, now, 0);
  }

  /** See `Pools.acquire`. */
  async acquire(want: Want, signal: AbortSignal): Promise<ServerConnection> {
    signal.throwIfAborted();
    if (this.#closed) throw new Error('the pool is closed');
    const taken = this.take(want);
    if (taken !== null) return taken;
    const key = keyOf(want.login);
    const failure = this.#logins.failureOf(key, Date.now());
    if (failure !== null && !this.#isAlive(key)) throw failure;
    const waited = this.#waiters.join(want, key, signal, (waiter) => this.#left(waiter));
    this.serve();
    return await waited;
  }

  /** Keeps room for a connection that is logged in elsewhere, `endpoint` being whose; null: there is none. */
  reserve(login: Login, endpoint: string): Reservation | null {
    if (this.#closed || !this.#makeRoom(Date.now(), true)) return null;
    this.#room.reserved++;
    return reservation({
      adopt: (connection) => {
        this.#room.reserved--;
        this.opened++;
        this.assignments++;
        const member = new Member(connection, keyOf(login), endpoint, (lost, reason) => this.#lose(lost, reason));
        member.isUsed = true;
        this.stock.add(member);
        this.stock.enter(member, 'active');
      },
      cancel: () => {
        this.#room.reserved--;
        this.#afterLoss();
      },
    });
  }

  /** Takes back a connection; see `Return`. */
  release(connection: ServerConnection, how: Return): void {
    const member = this.stock.get(connection);
    if (member?.state !== 'active') return;
    connection.setOwner(null);
    if (how === 'close' || !connection.isOpen) {
      this.#forget(member).destroy();
      this.#afterLoss();
    } else if (this.#closed || member.isOver(this.#settings.lifetime, Date.now()) || this.#room.isExceeded) {
      this.#forget(member).end();
      this.#afterLoss();
    } else this.#upkeep.returned(member, how);
    this.#hooks.onReleased(member.endpoint);
  }

  /** Once a second: closes what is too old or unused for too long. `present`: the login of a client that is there. */
  sweep(present: Login | null, now: number): void {
    const { idle, lifetime, min } = this.#settings;
    this.#present = present;
    for (const member of this.stock.idle()) {
      const isUnused = idle > 0 && now - member.since >= idle * 1000 && (present === null || this.stock.size > min);
      if (isUnused || member.isOld(lifetime, now)) this.#forget(member).end();
    }
    this.#logins.sweep(now);
    this.#afterLoss();
  }

  /** Connections opened so far are replaced: idle ones at once, others as they are given back. `endpoint`: only those it had last. */
  renew(endpoint: string | null = null): void {
    for (const dialling of this.#logins.all()) if (endpoint === null || dialling.endpoint === endpoint) dialling.condemned = true;
    for (const member of this.stock.all()) if (endpoint === null || member.endpoint === endpoint) member.condemned = true;
    for (const member of this.stock.idle()) if (member.condemned) this.#forget(member).end();
    this.#afterLoss();
  }

  /** Closes what is idle now. */
  closeIdle(): void {
    for (const member of this.stock.idle()) this.#forget(member).end();
    this.#afterLoss();
  }

  /** The backend answers (again). */
  forgive(): void {
    this.#logins.forgive();
    if (this.#waiters.size > 0) this.serve();
  }

  /** Closes every idle connection; attached ones are closed when they come back. */
  close(): void {
    this.#closed = true;
    this.#alarm.clear();
    this.#share.leave(this);
    this.#logins.giveUp(() => true);
    for (const waiter of this.#waiters.list()) waiter.settle(new Error('the pool is closed'));
    for (const member of this.stock.idle()) this.#forget(member).end();
  }

  /** Gives everybody who waits what there is, and opens what is missing, as far as the limits allow. */
  serve(): void {
    if (this.#closed) return;
    const now = Date.now();
    if (this.#waiters.size > 0 && (this.stock.oldestIdle !== undefined || this.#room.mayGrow(now))) {
      const coming = comingByKey(this.#logins, this.stock, now);
      const overtaken: Waiter[] = [];
      for (const waiter of this.#waiters.list()) {
        if (!this.#isServed(waiter) || this.#giveIdle(waiter, now)) continue;
        const expected = coming.get(waiter.key) ?? 0;
        if (expected > 0) coming.set(waiter.key, expected - 1);
        else if (!this.#prepareFor(waiter) && !this.#dialFor(waiter, now, now - waiter.since >= OVERTAKEN_MS)) overtaken.push(waiter);
      }
      // What nobody wants now may go.
      for (const waiter of overtaken) this.#dialFor(waiter, now, true);
    }
    if (this.#present !== null) this.#fill(this.#present, now);
    this.#arm(now);
  }

  evictOldest(beneficiary: string): void {
    const oldest = this.stock.oldestIdle;
    if (oldest === undefined) return;
    this.#forget(oldest).end();
    if (beneficiary !== this.key)
      this.#hooks.report('info', 'server_evicted', `An idle connection of pool ${this.key} was closed to make room for ${beneficiary}.`);
  }

  get #settings(): Settings['pooling'] {
    return this.#hooks.settings();
  }

  #isServed({ want }: Waiter): boolean {
    return !this.#hooks.isPaused(want.endpoint);
  }

  #staleBefore(now: number): number {
    const seconds = this.#settings.check;
    return seconds === 0 ? -Infinity : now - seconds * 1000;
  }

  #give(member: Member, want: Want, now: number, waitedMs: number): ServerConnection {
    const { connection } = member;
    this.stock.enter(member, 'active');
    if (member.isUsed) this.reused++;
    member.isUsed = true;
    member.endpoint = want.endpoint;
    this.assignments++;
    this.waits.add(waitedMs);
    connection.setOwner(null);
    connection.assignedAt = now;
    return connection;
  }

  #giveTo(waiter: Waiter, member: Member, now: number): void {
    waiter.settle(this.#give(member, waiter.want, now, now - waiter.since));
    if (this.#waiters.size === 0) this.#alarm.clear();
  }

  #giveIdle(waiter: Waiter, now: number): boolean {
    const member = this.stock.pick(waiter.want, waiter.key, this.#staleBefore(now));
    if (member !== null) this.#giveTo(waiter, member, now);
    return member !== null;
  }

  /** Begins what an idle connection needs before it suits: a check, or a reset, which is one as well. */
  #prepareFor({ want, key }: Waiter): boolean {
    const member = this.stock.candidate(want, key);
    if (member === undefined) return false;
    if (member.kept && want.clean) this.#upkeep.reset(member);
    else this.#upkeep.check(member);
    return true;
  }

  /** Hands a connection to whom it suits, or keeps it idle. */
  #available(member: Member): void {
    const { connection } = member;
    // Whatever the server has said meanwhile is heard now.
    connection.setOwner(member);
    if (member.state === 'closed') return;
    if (this.#closed || member.condemned) {
      this.#forget(member).end();
      this.#afterLoss();
      return;
    }
    const now = Date.now();
    const next = this.#waiters.size === 0 ? undefined : this.#next(member);
    if (next !== undefined && !this.#isOwedToOthers(next, now)) {
      if (member.kept && next.want.clean) this.#upkeep.reset(member);
      else this.#giveTo(next, member, now);
      return;
    }
    this.stock.enter(member, 'idle');
    this.#afterLoss();
  }

  #next({ key, connection }: Member): Waiter | undefined {
    return this.#waiters.first((waiter) => waiter.key === key && this.#isServed(waiter) && fits(waiter.want, connection) !== null);
  }

  /** There is no room for more, and somebody else has been waiting for too long to be overtaken by `next`. */
  #isOwedToOthers(next: Waiter, now: number): boolean {
    const due = Math.min(next.since, now - OVERTAKEN_MS);
    const first = this.#waiters.first((waiter) => this.#isServed(waiter));
    if (first !== undefined && first.key !== next.key && first.since <= due && this.#room.isFull(now)) return true;
    return this.#share.isOwedElsewhere(this, due);
  }

  #dialFor({ want, key }: Waiter, now: number, mayEvict: boolean): boolean {
    if (!this.#room.mayGrow(now) || (this.#logins.retryAt(key) > now && this.#isAlive(key)) || !this.#makeRoom(now, mayEvict)) return false;
    this.#logins.begin(want.login, key, want.endpoint);
    return true;
  }

  /** There is room for one more, perhaps because an idle one was closed for it. */
  #makeRoom(now: number, mayEvict: boolean): boolean {
    if (this.#room.isFull(now)) {
      if (!mayEvict || this.stock.oldestIdle === undefined) return false;
      this.evictOldest(this.key);
    }
    return this.#share.reached === null || (mayEvict && this.#share.evictOldest(this.key));
  }

  #fill(login: Login, now: number): void {
    const key = keyOf(login);
    // For nobody in particular, whoever's login it is.
    const forAnyone: Login = { ...login, clientAddress: null };
    while (this.#room.isBelowLeast(now) && this.#logins.retryAt(key) <= now) this.#logins.begin(forAnyone, key, '');
  }

  #opened({ key, endpoint, condemned }: Dialling, connection: ServerConnection): void {
    this.opened++;
    const member = new Member(connection, key, endpoint, (lost, reason) => this.#lose(lost, reason));
    this.stock.add(member);
    if (condemned) {
      this.#forget(member).end();
      this.#afterLoss();
      return;
    }
    this.#available(member);
    this.serve();
  }

  #loginFailed({ key }: Dialling, error: Error, holdsForAll: boolean): void {
    // Who may not log in may not wait for what others have logged in with either.
    const isRefused = error instanceof DialFailure && error.kind === 'authentication';
    let isAwaited = false;
    for (const waiter of this.#waiters.list()) {
      if (waiter.key !== key && !holdsForAll) continue;
      if (isRefused || !this.#isAlive(waiter.key)) waiter.settle(error);
      else isAwaited = true;
    }
    if (isAwaited)
      this.#hooks.report('warn', 'server_login_failed', `Pool ${this.key} got no further server connection: ${error.message}.`);
    this.#afterLoss();
  }

  /** There is a connection with that key, or one is being opened. */
  #isAlive(key: string): boolean {
    return this.#logins.has(key) || this.stock.has(key);
  }

  #left({ key }: Waiter): void {
    if (this.#waiters.first((waiter) => waiter.key === key) === undefined)
      this.#logins.giveUp((dialling) => dialling.key === key && dialling.endpoint !== '');
    if (this.#waiters.size === 0) this.#alarm.clear();
  }

  /** A connection that nobody uses is lost (`reason`), or its server speaks although nobody asks (null). */
  #lose(member: Member, reason: string | null): void {
    const { state, connection } = member;
    if (state === 'active' || state === 'closed') return;
    this.#forget(member);
    if (reason === null) connection.end();
    else {
      connection.destroy();
      this.#hooks.report(...lossEntry(state, this.key, reason));
    }
    this.#afterLoss();
  }

  #forget(member: Member): ServerConnection {
    this.stock.enter(member, 'closed');
    return member.connection;
  }

  /** There may be room, here or in the pools of the same backend. */
  #afterLoss(): void {
    this.#share.freed(this);
  }

  #onAlarm(): void {
    const now = Date.now();
    this.#waiters.look(this.#settings, now, (waiter) => {
      const paused = this.#isServed(waiter) ? null : waiter.want.endpoint;
      const { backend, key, used } = this;
      const shortage = { backend, key, used, active: this.stock.count('active'), waiting: this.waiting - 1 };
      waiter.settle(exhausted({ ...shortage, perBackend: this.#share.reached, paused }, this.#settings));
    });
    this.serve();
  }

  /** Sets the alarm for whatever is due next to those who wait. */
  #arm(now: number): void {
    const { oldest } = this.#waiters;
    if (oldest === undefined) {
      this.#alarm.clear();
      return;
    }
    const { reserve, reserveAfter } = this.#settings;
    this.#alarm.setFor(this.#waiters.nextLook(this.#settings));
    const later = [this.#logins.retryAt(oldest.key), endOfPatience(this.stock, now)];
    if (reserve > 0) later.push(oldest.since + reserveAfter * 1000);
    for (const at of later) if (at > now) this.#alarm.setFor(at);
  }
}
