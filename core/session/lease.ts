/**
 * When a session has a server connection. In session mode it keeps the one it was given; in transaction mode it gives it back at every
 * safe point and gets another (or the same) when its client wants something next (pooling.md 3.4). What it has set goes along
 * (`CarriedSession`); what cannot be carried pins.
 */
import { DialFailure } from '../backend/dial.ts';
import type { Login } from '../backend/login.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import type { PinRow, PoolMode, PoolProfile } from '../contract/index.ts';
import { cleanWant, type Want } from '../pool/want.ts';
import type { CarriedState } from '../state/carried.ts';
import { Status } from '../wire/codes.ts';
import { CarriedSession, type Rehearsal } from './carried-session.ts';
import type { Bereavement, ForwarderEnd, Lessee } from './lessee.ts';
import { leaseFailure } from './lease-failure.ts';
import { Refuge } from './resurrection/refuge.ts';
import { lossWords } from './resurrection/words.ts';
import { enterFailed, rollBack } from './rollback.ts';
import type { LeasedSession, LeaseHost } from './lease-host.ts';
import type { Absence } from './resurrection/absence.ts';

/** Server connections tried for one request before its client hears of the trouble. */
const ATTEMPTS = 3;

/** See the head of this file. */
export class Lease implements Lessee, Want {
  readonly #session: LeasedSession;
  readonly #host: LeaseHost;
  readonly #carried: CarriedSession;
  #mode: PoolMode = 'session';
  /** A transfer wants it attached. */
  #isHeld = false;
  /** The operator has rolled back its transaction, and its client does not know yet. */
  #isAborted = false;
  /** A server connection is being had for it. */
  #acquisition: AbortController | null = null;
  /** It waits for a server connection that is made like the one it had. And how it is to be pooled from then on. */
  #absence: Absence | null = null;
  #nextPooling: { mode: PoolMode; profile: PoolProfile } | null = null;
  /** The proxy itself talks to its server. */
  #isTalking = false;

  constructor(session: LeasedSession, host: LeaseHost) {
    this.#session = session;
    this.#host = host;
    this.#carried = new CarriedSession(session, host);
  }

  get mode(): PoolMode {
    return this.#mode;
  }

  /** Why it keeps its server connection, in transaction mode. */
  get pins(): readonly PinRow[] {
    return this.#carried.pins;
  }

  /** What the session has set, as of its last safe point in transaction mode. */
  get state(): CarriedState {
    return this.#carried.state;
  }

  get login(): Login {
    return this.#session.place.login;
  }

  get endpoint(): string {
    return this.#session.place.endpoint;
  }

  get clean(): boolean {
    return this.#mode === 'session' && this.#carried.isClean;
  }

  suits(server: ServerConnection): number | null {
    return this.clean ? 0 : this.#carried.cost(server);
  }

  onLongWait(): void {
    this.#session.forwarder.notice({
      sqlState: '00000',
      message: `Switchyard: waiting for a server connection to ${this.#session.backend}, all of pool ${this.#session.pool} are in use`,
      hint: 'SHOW WAITS in the console, or the Waits view of the window, says who holds them.',
    });
  }

  /** Sets how it is pooled from its next safe point on. */
  configure(mode: PoolMode, profile: PoolProfile): void {
    const { forwarder, identity } = this.#session;
    if (identity.replication) return;
    forwarder.salvages = this.#host.abandoned() === 'rollback';
    if (this.#absence !== null) {
      this.#nextPooling = { mode, profile };
      return;
    }
    if (mode === this.#mode && profile === this.#carried.profile) return;
    this.#mode = mode;
    this.#carried.profile = profile;
    if (mode === 'session') return;
    this.#carried.begin(forwarder.server);
    forwarder.lease(this);
    forwarder.checkBoundary();
  }

  /** Its first server connection, for the login; rejects as `Pools.acquire` does. */
  async first(signal: AbortSignal): Promise<ServerConnection> {
    const server = await this.#prepared(this.#host.pools.take(this), signal);
    this.#session.assignments++;
    return server;
  }

  boundary(): void {
    if (this.#mode === 'session') return;
    if (this.#carried.needsLook()) void this.#look();
    else if (this.pins.length === 0 && !this.#isHeld) this.#giveBack();
  }

  wanted(): void {
    if (this.#acquisition !== null || this.#absence !== null) return;
    const server = this.#host.pools.take(this);
    if (server !== null && !this.#isAborted && this.#isReady(server)) this.#attach(server);
    else void this.#acquire(server);
  }

  unwanted(): void {
    this.#acquisition?.abort(new Error('the client does not wait any more'));
  }

  /** From here on the client's statements stand on the server under its own names. */
  namesWanted(): void {
    void this.#whileSuspended((server) => this.#carried.nameOwn(server)).then((isThere) => {
      if (isThere) this.#session.forwarder.resume();
    });
  }

  /** The session is over: what it had goes back, in a state that others may meet. */
  ended({ server, fit, inTransaction }: Pick<ForwarderEnd, 'server' | 'fit' | 'inTransaction'>): void {
    this.unwanted();
    this.#absence?.end();
    if (server === null) return;
    const { pools } = this.#host;
    if (this.#session.identity.replication) pools.release(server, 'close');
    else if (fit) this.#giveUp(server);
    else if (inTransaction && this.#host.abandoned() === 'rollback') void this.#rollBackAndGiveUp(server);
    else pools.release(server, 'close');
  }

  /** What a transfer of this session asks for: a connection that carries nothing, or nothing that this session would notice. */
  wantAt(place: LeasedSession['place']): Want {
    const want = cleanWant(place.login, place.endpoint);
    if (this.#mode === 'session') return want;
    return { ...want, suits: (server) => (this.#carried.mayHaveReset(server) ? 0 : null) };
  }

  /** See `CarriedSession.rehearse`; null as well in session mode. */
  async rehearse(connection: ServerConnection, place: LeasedSession['place']): Promise<Rehearsal | null> {
    return this.#mode === 'session' ? null : await this.#carried.rehearse(connection, place);
  }

  /**
   * Moves the session where it was rehearsed, at a safe point, attached or not; false if it has something now that the rehearsal did not
   * have. The caller gives the prepared connection to the pool and changes the session's place.
   */
  relocate(rehearsal: Rehearsal): boolean {
    const { forwarder } = this.#session;
    if (this.#acquisition !== null || !this.#carried.isAsRehearsed(rehearsal)) return false;
    if (!forwarder.isDetached) this.#letGo();
    if (forwarder.isEnded || !forwarder.isDetached) return false;
    this.#carried.moved(rehearsal);
    return true;
  }

  /** Gets a detached session a server connection, and keeps it attached until `unhold`. Rejects as `Pools.acquire` does. */
  async hold(signal: AbortSignal): Promise<void> {
    const { forwarder } = this.#session;
    this.#isHeld = true;
    if (this.#absence !== null) await Promise.race([this.#absence.over, aborted(signal)]);
    if (!forwarder.isDetached || this.#acquisition !== null) return;
    const abort = new AbortController();
    this.#acquisition = abort;
    try {
      const server = await this.#prepared(this.#host.pools.take(this), AbortSignal.any([signal, abort.signal]));
      this.#acquisition = null;
      this.#deliver(server);
    } finally {
      this.#acquisition = null;
    }
  }

  /** What a move would lose although no catalog shows it, in transaction mode; of a suspended session. */
  ties(): readonly { code: string; reason: string; endsWhen: string }[] {
    return this.#mode === 'session' ? [] : this.#carried.ties();
  }

  /** The session is on another server connection; this one serves others, if it still can. */
  leave(former: ServerConnection): void {
    this.#host.states.wasReset(former, this.#session.forwarder.journal.customNames);
    this.#host.pools.release(former, former.isOpen && this.#carried.isResettable ? 'reset' : 'close');
  }

  get isAway(): boolean {
    return this.#absence !== null;
  }

  /** Its server connection was lost at a safe point. */
  bereaved(): Bereavement {
    const { forwarder, identity, backend } = this.#session;
    if (identity.replication || this.#isTalking) return null;
    if (this.#mode === 'session') return this.#host.resurrection.bereaved(this.#session);
    if (this.pins.length > 0) {
      const losses = this.pins.map(({ code, reason }) => ({ code, what: `what pinned the session to it: ${reason}` }));
      return this.#host.resurrection.enabled ? lossWords(backend, losses).words : null;
    }
    // A transfer may have it in its hands.
    if (this.#isHeld || this.#carried.needsLook()) return null;
    const dead = forwarder.detach();
    if (dead !== null) this.#host.pools.release(dead, 'close');
    this.#wake();
    return 'lives';
  }

  /** Gives up its server connection until `returnTo`: whoever owns `absence` sees to it. */
  leaveServer(absence: Absence): ServerConnection | null {
    const { forwarder } = this.#session;
    this.#absence = absence;
    forwarder.lease(this);
    const server = forwarder.detach();
    if (forwarder.isEnded) absence.end();
    return server;
  }

  /** Its server was lost at a safe point, and a transfer takes it elsewhere; null: it belongs to its server. */
  flee(): Refuge | null {
    if (this.#mode !== 'session' || this.#isTalking) return null;
    return new Refuge(this.#session, this.#host.resurrection, this.#host.pools);
  }

  /** It has a server connection again, with all that it had set. */
  returnTo(server: ServerConnection): void {
    const { forwarder } = this.#session;
    this.#absence = null;
    // Whose statement names are the server's, in session mode, asks for nothing more.
    forwarder.lease(forwarder.link.names === null ? null : this);
    forwarder.attach(server);
    const next = this.#nextPooling;
    this.#nextPooling = null;
    if (next !== null) this.configure(next.mode, next.profile);
  }

  /** See `hold`. `moved`: it has another server connection now, of which nothing is known. */
  unhold(moved: boolean): void {
    this.#isHeld = false;
    if (moved && this.#mode === 'transaction') this.#carried.forget();
    this.#session.forwarder.checkBoundary();
    this.#wake();
  }

  /** Why the operator cannot roll back its open transaction, in words; null: nothing speaks against it. */
  rollbackRefusal(): { code: string; message: string } | null {
    const { link, server, isQuiet } = this.#session.forwarder;
    if (this.#mode === 'session')
      return { code: 'session_mode', message: 'It is in session mode: its server connection is its own until it leaves.' };
    if (server === null || link.status === Status.Idle) return { code: 'not_in_transaction', message: 'It is in no transaction.' };
    return isQuiet ? null : { code: 'busy', message: 'It is running a statement. Cancel that first.' };
  }

  /**
   * Rolls back the open transaction, on the operator's behalf, and frees the server connection. The client, which believes to be in a
   * transaction, is answered as in a failed one until it ends it. Only if `rollbackRefusal` is null; rejects when the server does not obey.
   */
  async rollBack(): Promise<void> {
    const { forwarder } = this.#session;
    const { link } = forwarder;
    const isThere = await this.#whileSuspended(async (server) => {
      await rollBack(server);
      link.ready(Status.Idle);
      if (this.#carried.needsLook()) await this.#carried.inspect(server);
      if (this.pins.length > 0) await enterFailed(server);
      else this.#isAborted = true;
      link.status = Status.Failed;
    });
    if (!isThere) throw new Error('the server connection was lost, and the transaction with it');
    if (this.#isAborted) this.#giveBack();
    else forwarder.resume();
  }

  async #look(): Promise<void> {
    const { forwarder } = this.#session;
    if (!(await this.#whileSuspended((server) => this.#carried.inspect(server)))) return;
    const isFree = this.pins.length === 0 && !this.#isHeld && !forwarder.isArmed;
    if (isFree && this.#mode === 'transaction') this.#giveBack();
    else forwarder.resume();
  }

  /**
   * Talks to the session's server while nothing of the client's passes. True: the caller says how it goes on; false: the session is over,
   * perhaps because the server was lost or did not do what it was told.
   */
  async #whileSuspended(talk: (server: ServerConnection) => Promise<void>): Promise<boolean> {
    const { forwarder } = this.#session;
    const { server } = forwarder;
    if (server === null) return false;
    let lost: string | null = null;
    forwarder.suspend({ onDeparture: () => {}, onServerLost: (reason) => (lost = reason) });
    this.#isTalking = true;
    try {
      await talk(server);
    } catch (error) {
      lost ??= error instanceof Error ? error.message : String(error);
      server.destroy();
    }
    const isThere = !forwarder.isEnded && lost === null && server.isOpen;
    if (!isThere) forwarder.serverLost(lost ?? 'the connection was closed');
    this.#isTalking = false;
    return isThere;
  }

  #isReady(server: ServerConnection): boolean {
    return this.clean || this.#carried.isReady(server);
  }

  #attach(server: ServerConnection): void {
    this.#session.assignments++;
    this.#session.forwarder.attach(server);
  }

  #giveBack(): void {
    this.#letGo();
    this.#wake();
  }

  #letGo(): void {
    const server = this.#session.forwarder.detach();
    if (server === null) return;
    this.#carried.leaveOn(server);
    this.#host.pools.release(server, 'keep');
  }

  #wake(): void {
    const { forwarder } = this.#session;
    if (forwarder.isEnded || !forwarder.isDetached) return;
    if (forwarder.hasInput) this.wanted();
    else forwarder.checkArmed();
  }

  #giveUp(server: ServerConnection): void {
    const { pools, states } = this.#host;
    if (this.#mode === 'transaction' && !this.#carried.needsLook() && this.#carried.isPortable) {
      this.#carried.leaveOn(server);
      pools.release(server, 'keep');
    } else {
      states.wasReset(server, this.#session.forwarder.journal.customNames);
      pools.release(server, this.#carried.isResettable ? 'reset' : 'close');
    }
  }

  /** Nobody may inherit an open transaction. */
  async #rollBackAndGiveUp(server: ServerConnection): Promise<void> {
    try {
      await rollBack(server);
      this.#giveUp(server);
    } catch {
      // Silent or gone.
      this.#host.pools.release(server, 'close');
    }
  }

  async #acquire(taken: ServerConnection | null): Promise<void> {
    const { forwarder } = this.#session;
    const abort = new AbortController();
    const since = Date.now();
    this.#acquisition = abort;
    let server: ServerConnection | null = null;
    let failure: unknown = null;
    try {
      server = await this.#prepared(taken, abort.signal);
    } catch (error) {
      failure = error;
    }
    this.#acquisition = null;
    this.#session.waitMs += Date.now() - since;
    if (server !== null) this.#deliver(server);
    else if (!abort.signal.aborted && !forwarder.isEnded) this.#refuse(failure);
    // What came meanwhile was not wanted of this acquisition.
    setImmediate(() => this.#wake());
  }

  #deliver(server: ServerConnection): void {
    const { forwarder } = this.#session;
    if (forwarder.isEnded || !forwarder.isDetached || (!forwarder.hasInput && !this.#isHeld)) {
      // In a failed transaction it is of no use to anybody else.
      this.#host.pools.release(server, this.#isAborted ? 'close' : 'keep');
      return;
    }
    this.#isAborted = false;
    this.#attach(server);
  }

  #refuse(error: unknown): void {
    const { id, forwarder } = this.#session;
    if (error instanceof DialFailure) this.#host.loginFailed(this.login);
    const failure = leaseFailure(error);
    this.#host.report('warn', 'no_server_connection', `Session ${id} got no server connection: ${failure.message}.`, id);
    forwarder.refuse(failure);
  }

  /** A server connection that carries the session's state. */
  async #prepared(taken: ServerConnection | null, signal: AbortSignal): Promise<ServerConnection> {
    const { pools } = this.#host;
    let next = taken;
    for (let attempt = 1; ; attempt++) {
      const server = next ?? (await pools.acquire(this, signal));
      next = null;
      try {
        if (!this.clean) await this.#carried.prepare(server);
        if (this.#isAborted) await enterFailed(server);
        return server;
      } catch (error) {
        pools.release(server, 'close');
        // What a server refuses another one would refuse as well; a lost connection says nothing about the next.
        if (attempt === ATTEMPTS || signal.aborted) throw error;
      }
    }
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    else signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
