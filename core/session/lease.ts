/**
 * When a session has a server connection. In session mode it keeps the one it was given; in transaction mode it gives it back at every
 * safe point and gets another (or the same) when its client wants something next (pooling.md 3.4). What the session has set goes along:
 * after a statement that may have changed it, the server is asked at the safe point, behind the client's back; what cannot be carried
 * pins.
 */
import { DialFailure, startupKey } from '../backend/dial.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import type { Login } from '../backend/login.ts';
import type { PinRow, PoolMode, PoolProfile, Settings } from '../contract/index.ts';
import type { Pools } from '../pool/pools.ts';
import type { Want } from '../pool/want.ts';
import { Effect } from '../sql/effects.ts';
import { carriedFrom, cleanState, stateOf, type CarriedState } from '../state/carried.ts';
import { applyChange, changeCost, dropsShared } from '../state/change.ts';
import { look } from '../state/look.ts';
import { parseSettingsOf } from '../state/parse-settings.ts';
import { pinsIn, type StatePin } from '../state/pins.ts';
import { rebase } from '../state/rebase.ts';
import type { SessionStateCapture } from '../state/state.ts';
import { Server, Status } from '../wire/codes.ts';
import { frame, query } from '../wire/messages.ts';
import type { Forwarder, ForwarderEnd, Lessee } from './forwarder.ts';
import { leaseFailure } from './lease-failure.ts';
import { nativeStatements } from './native-statements.ts';
import type { ServerStates } from './server-states.ts';
import { StatementNames } from './statements/names.ts';
import type { SharedStatements } from './statements/shared.ts';
import type { Statement } from './statements/statement.ts';
import { parseStrangers } from './statements/strangers.ts';
import { Ties } from './ties.ts';

/** The session of a lease, as far as it concerns the lease. */
export interface LeasedSession {
  readonly id: number;
  readonly identity: { readonly replication: boolean };
  readonly place: { readonly endpoint: string; readonly login: Login };
  readonly application: string;
  readonly backend: string;
  readonly pool: string;
  readonly forwarder: Forwarder;
  assignments: number;
  waitMs: number;
}

/** What leases have in common. */
export interface LeaseHost {
  readonly pools: Pools;
  readonly states: ServerStates;
  readonly statements: SharedStatements;
  /** Endpoint and application of those who have asked for currval or lastval. */
  readonly sequenceReaders: Set<string>;
  /** What becomes of a transaction whose client is gone. */
  abandoned(): Settings['pooling']['abandoned'];
  /** The window's report of profile `observe`: what the session would have lost. */
  observed(session: LeasedSession, before: CarriedState, now: CarriedState, pins: readonly StatePin[], statement: string | null): void;
  /** A login failed that was not the client's first. */
  loginFailed(login: Login): void;
  report(level: 'info' | 'warn', code: string, message: string, sessionId: number): void;
}

/** A move tried out: what the session carried, and what carries the same on the target. */
export interface Rehearsal {
  readonly from: CarriedState;
  readonly to: CarriedState;
}

/** How long a look at a session's state, and its replay on another server connection, may take. */
const LOOK_MS = 2_000;
const REPLAY_MS = 5_000;
/** Effects after which the server is asked what the session has set. */
const LOOK = Effect.State | Effect.Names;
/** Server connections tried for one request before its client hears of the trouble. */
const ATTEMPTS = 3;

/** See the head of this file. */
export class Lease implements Lessee {
  /** Why it keeps its server connection, in transaction mode. */
  pins: readonly PinRow[] = [];
  readonly want: Want;
  readonly #session: LeasedSession;
  readonly #host: LeaseHost;
  #mode: PoolMode = 'session';
  #profile: PoolProfile = 'strict';
  /** What the session has set, as of its last safe point. */
  #state: CarriedState = cleanState;
  /** What the last look found that pins. */
  #found: readonly StatePin[] = [];
  readonly #ties: Ties;
  /** `#state` and `pins` are what the server would say. */
  #isKnown = true;
  /** A transfer wants it attached. */
  #isHeld = false;
  /** The operator has rolled back its transaction, and its client does not know yet. */
  #isAborted = false;
  /** A server connection is being had for it. */
  #acquisition: AbortController | null = null;
  #waitingSince = 0;

  constructor(session: LeasedSession, host: LeaseHost) {
    this.#session = session;
    this.#host = host;
    this.#ties = new Ties(session, host.sequenceReaders, (message) => host.report('warn', 'sequence_state', message, session.id));
    const lease = this;
    this.want = {
      get login() {
        return session.place.login;
      },
      get endpoint() {
        return session.place.endpoint;
      },
      get clean() {
        return lease.#mode === 'session' && lease.#state.tag === '';
      },
      suits: (connection) => lease.#cost(connection),
      onLongWait: () => lease.#sayWaiting(),
    };
  }

  get mode(): PoolMode {
    return this.#mode;
  }

  /** Since when it waits for a server connection; 0: it does not. */
  get waitingSince(): number {
    return this.#acquisition === null ? 0 : this.#waitingSince;
  }

  /** Sets how it is pooled from its next safe point on. */
  configure(mode: PoolMode, profile: PoolProfile): void {
    const { forwarder, identity } = this.#session;
    if (identity.replication) return;
    forwarder.salvages = this.#host.abandoned() === 'rollback';
    if (mode === this.#mode && profile === this.#profile) return;
    this.#profile = profile;
    if (mode === 'session') {
      this.#mode = mode;
      return;
    }
    const { journal, link } = forwarder;
    this.#mode = mode;
    journal.watch = profile === 'compatible' ? 'compatible' : 'strict';
    if (link.names === null) {
      link.names = new StatementNames(this.#host.statements, link.expected, journal, { uncarried: () => {} });
      if (forwarder.server !== null) {
        // What it has done so far has not been watched, and its statements stand under its own names.
        this.#isKnown = false;
        this.#own(link.names);
        link.names.attached(forwarder.server);
      }
      journal.onSettings = () => this.#unsettle();
      this.#settle();
    }
    forwarder.lease(this);
    forwarder.checkBoundary();
  }

  /** Its first server connection, for the login; rejects as `Pools.acquire` does. */
  async first(signal: AbortSignal): Promise<ServerConnection> {
    const server = await this.#prepared(this.#host.pools.take(this.want), signal);
    this.#session.assignments++;
    return server;
  }

  boundary(): void {
    if (this.#mode === 'session') return;
    const { journal } = this.#session.forwarder;
    const effects = journal.takeEffects();
    this.#ties.note(effects, this.#profile);
    if (!this.#isKnown || (effects & LOOK) !== 0) {
      void this.#look();
      return;
    }
    if (journal.parseKey === null) this.#settle();
    if (this.#ties.hasChanged(this.#profile)) this.#pin(this.#found);
    if (this.pins.length === 0 && !this.#isHeld) this.#giveBack();
  }

  /** The settings that a Parse depends on may be others now, until the next safe point. */
  #unsettle(): void {
    const { journal, link } = this.#session.forwarder;
    journal.parseKey = null;
    link.names?.uncertain();
  }

  /** They are those of the state. */
  #settle(): void {
    const { journal, link } = this.#session.forwarder;
    const settings = parseSettingsOf(this.#state.settings, this.#state.role);
    const key = `${startupKey(this.#session.place.login.startup)} ${JSON.stringify([...settings])}`;
    journal.parseKey = key;
    link.names?.settled({ key, settings });
  }

  #own(names: StatementNames): void {
    names.isNative = true;
    this.#session.forwarder.journal.ownNames = true;
  }

  wanted(): void {
    if (this.#acquisition !== null) return;
    const server = this.#host.pools.take(this.want);
    if (server !== null && !this.#isAborted && this.#isReady(server)) this.#attach(server);
    else void this.#acquire(server);
  }

  unwanted(): void {
    this.#acquisition?.abort(new Error('the client does not wait any more'));
  }

  /** From here on the client's statements stand on the server under its own names. */
  async namesWanted(): Promise<void> {
    const { forwarder } = this.#session;
    const { link, server } = forwarder;
    const { names } = link;
    if (server === null || names === null) return;
    let lost: string | null = null;
    forwarder.suspend({ onDeparture: () => {}, onServerLost: (reason) => (lost = reason) });
    const known = names.names();
    const statements = nativeStatements(known, forwarder.clientParameters.get('client_encoding') ?? '');
    const state = stateOf({ ...this.#state, isNative: true, statements });
    try {
      await this.#change(server, this.#state, state);
      this.#state = state;
      if (statements.length < known.length) throw new Error('a statement cannot be parsed again');
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#host.report(
        'warn',
        'statements_lost',
        `Session ${this.#session.id} lost prepared statements to its own PREPARE: ${message}.`,
        this.#session.id,
      );
    }
    names.forgotten();
    this.#own(names);
    this.#isKnown = false;
    if (forwarder.isEnded) return;
    if (lost !== null || !server.isOpen) forwarder.serverLost(lost ?? 'the connection was closed');
    else forwarder.resume();
  }

  /** The session is over: what it had goes back, in a state that others may meet. */
  ended({ server, fit, inTransaction }: Pick<ForwarderEnd, 'server' | 'fit' | 'inTransaction'>): void {
    this.unwanted();
    if (server === null) return;
    const { pools } = this.#host;
    if (this.#session.identity.replication) pools.release(server, 'close');
    else if (fit) this.#giveUp(server);
    else if (inTransaction && this.#host.abandoned() === 'rollback') void this.#rollBack(server);
    else pools.release(server, 'close');
  }

  #giveUp(server: ServerConnection): void {
    const { pools, states } = this.#host;
    const { journal } = this.#session.forwarder;
    const untouched = (journal.takeEffects() & LOOK) === 0;
    if (this.#mode === 'transaction' && this.#isKnown && this.pins.length === 0 && untouched) {
      states.set(server, this.#state);
      pools.release(server, 'keep');
    } else {
      // A server connection that had temporary objects is not used again: their leftovers survive a cleanup (pooling.md 3.3, 3.4.8).
      states.wasReset(server, journal.customNames);
      pools.release(server, this.#ties.isSticky || this.pins.some(({ code }) => code === 'temp_object') ? 'close' : 'reset');
    }
  }

  /** Nobody may inherit an open transaction. */
  async #rollBack(server: ServerConnection): Promise<void> {
    try {
      const messages = await server.exchange(query('ROLLBACK'), 1, { deadlineMs: LOOK_MS }).answer;
      if (messages.at(-1)?.body[0] === Status.Idle) {
        this.#giveUp(server);
        return;
      }
    } catch {
      // Silent or gone: closed below.
    }
    this.#host.pools.release(server, 'close');
  }

  /**
   * Prepares a connection to another server for it: what the session carries is applied there and looked at. Null: it is in session mode,
   * or carries what only its own server connection can tell; then it moves like any other, attached. Rejects when that server does not
   * take it over.
   */
  async rehearse(connection: ServerConnection, place: LeasedSession['place']): Promise<Rehearsal | null> {
    const { states } = this.#host;
    const { journal } = this.#session.forwarder;
    if (this.#mode === 'session' || !this.#isKnown || this.pins.length > 0 || journal.unstableTypes.size > 0 || journal.typesIncomplete)
      return null;
    const from = this.#state;
    const here = this.#session.place.login;
    const [defaultsHere, defaultsThere, baseline] = await Promise.all([
      states.defaults(here),
      states.defaults(place.login),
      states.baseline(place.login, journal.customNames),
    ]);
    const to = rebase(from, defaultsHere, defaultsThere);
    await this.#change(connection, states.of(connection), to);
    const found = carriedFrom(await look(connection, journal.customNames, LOOK_MS, () => {}).state, baseline, {
      isNative: to.isNative,
      previous: to,
    });
    if (found.tag !== to.tag) throw new Error('the state came out differently on the target');
    return { from, to };
  }

  /**
   * Moves the session where it was rehearsed, at a safe point, attached or not; false if it has something now that the rehearsal did not
   * have. The caller gives the prepared connection to the pool and changes the session's place.
   */
  relocate(rehearsal: Rehearsal): boolean {
    const { forwarder } = this.#session;
    if (this.#state !== rehearsal.from || !this.#isKnown || this.pins.length > 0 || this.#acquisition !== null) return false;
    if (!forwarder.isDetached) {
      if ((forwarder.journal.peekEffects() & LOOK) !== 0) return false;
      this.#letGo();
    }
    if (forwarder.isEnded || !forwarder.isDetached) return false;
    this.#state = rehearsal.to;
    return true;
  }

  /** Gets a detached session a server connection, and keeps it attached until `unhold`. Rejects as `Pools.acquire` does. */
  async hold(signal: AbortSignal): Promise<void> {
    const { forwarder } = this.#session;
    this.#isHeld = true;
    if (!forwarder.isDetached || this.#acquisition !== null) return;
    const server = await this.#prepared(this.#host.pools.take(this.want), signal);
    if (forwarder.isEnded || !forwarder.isDetached) this.#host.pools.release(server, 'keep');
    else this.#attach(server);
  }

  /** The session is on another server connection; this one serves others, if it still can. */
  leave(former: ServerConnection): void {
    this.#host.states.wasReset(former, this.#session.forwarder.journal.customNames);
    this.#host.pools.release(former, former.isOpen && !this.#ties.isSticky ? 'reset' : 'close');
  }

  /** See `hold`. `moved`: it has another server connection now, of which nothing is known. */
  unhold(moved: boolean): void {
    this.#isHeld = false;
    if (moved && this.#mode === 'transaction') this.#isKnown = false;
    this.#session.forwarder.checkBoundary();
    this.#wake();
  }

  /** Why the operator cannot roll back its open transaction, in words; null: nothing speaks against it. */
  rollbackRefusal(): { code: string; message: string } | null {
    const { link, server } = this.#session.forwarder;
    if (this.#mode === 'session')
      return { code: 'session_mode', message: 'It is in session mode: its server connection is its own until it leaves.' };
    if (server === null || link.status === Status.Idle) return { code: 'not_in_transaction', message: 'It is in no transaction.' };
    if (!this.#session.forwarder.isQuiet) return { code: 'busy', message: 'It is running a statement. Cancel that first.' };
    return null;
  }

  /**
   * Rolls back the open transaction, on the operator's behalf, and frees the server connection. The client, which believes to be in a
   * transaction, is answered as in a failed one until it ends it. Only if `rollbackRefusal` is null; rejects when the server does not obey.
   */
  async rollBack(): Promise<void> {
    const { forwarder } = this.#session;
    const { server } = forwarder;
    if (server === null) return;
    forwarder.suspend({ onDeparture: () => {}, onServerLost: () => {} });
    try {
      const messages = await server.exchange(query('ROLLBACK'), 1, { deadlineMs: LOOK_MS }).answer;
      if (messages.at(-1)?.body[0] !== Status.Idle) throw new Error('the server did not roll back');
    } catch (error) {
      if (!forwarder.isEnded)
        forwarder.serverLost(`the transaction could not be rolled back: ${error instanceof Error ? error.message : String(error)}`);
      server.destroy();
      throw error;
    }
    forwarder.link.ready(Status.Idle);
    if ((forwarder.journal.takeEffects() & LOOK) !== 0) await this.#inspect(server);
    if (forwarder.isEnded) return;
    if (this.pins.length === 0) {
      this.#isAborted = true;
      forwarder.link.status = Status.Failed;
      this.#giveBack();
      return;
    }
    await this.#enterFailed(server).catch((error: unknown) => {
      if (!forwarder.isEnded) forwarder.serverLost(error instanceof Error ? error.message : String(error));
      server.destroy();
      throw error;
    });
    forwarder.link.status = Status.Failed;
    forwarder.resume();
  }

  /** The client of a transaction that was rolled back behind its back meets a failed one. */
  async #enterFailed(server: ServerConnection): Promise<void> {
    const statement = query('BEGIN; ROLLBACK TO SAVEPOINT "rolled back by the operator of Switchyard"');
    const messages = await server.exchange(statement, 1, { deadlineMs: LOOK_MS }).answer;
    if (messages.at(-1)?.body[0] !== Status.Failed) throw new Error('the server did not enter a failed transaction');
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
    this.#host.states.set(server, this.#state);
    this.#host.pools.release(server, 'keep');
  }

  #wake(): void {
    const { forwarder } = this.#session;
    if (!forwarder.isEnded && forwarder.isDetached && forwarder.hasInput) this.wanted();
  }

  async #look(): Promise<void> {
    const { forwarder } = this.#session;
    const { server } = forwarder;
    if (server === null) return;
    let lost: string | null = null;
    forwarder.suspend({ onDeparture: () => {}, onServerLost: (reason) => (lost = reason) });
    await this.#inspect(server);
    if (forwarder.isEnded) return;
    if (lost !== null || !server.isOpen) forwarder.serverLost(lost ?? 'the connection was closed');
    else if (this.pins.length === 0 && !this.#isHeld && !forwarder.isArmed && this.#mode === 'transaction') this.#giveBack();
    else forwarder.resume();
  }

  /** Asks the server of a suspended session what the session has set and holds. Never rejects. */
  async #inspect(server: ServerConnection): Promise<void> {
    const { forwarder, place } = this.#session;
    const { journal } = forwarder;
    const deliver = (body: Buffer): void => forwarder.deliverNotification(frame(Server.NotificationResponse, body));
    const run = look(server, journal.customNames, LOOK_MS, deliver, journal.ownNames);
    try {
      const capture = await run.state;
      this.#learn(capture, await this.#host.states.baseline(place.login, journal.customNames));
    } catch (error) {
      this.#isKnown = false;
      const reason = `its state could not be read: ${error instanceof Error ? error.message : String(error)}`;
      this.#pin([{ code: 'unknown', reason, endsWhen: 'the server answers' }]);
    }
    await run.quiet;
  }

  #learn(capture: SessionStateCapture, baseline: SessionStateCapture): void {
    const { journal } = this.#session.forwarder;
    const state = carriedFrom(capture, baseline, {
      isNative: journal.ownNames,
      previous: this.#state,
      settingsMoved: journal.parseKey === null,
    });
    this.#isKnown = true;
    const found = pinsIn(capture, baseline, state);
    if (this.#profile === 'observe') {
      // What it would have lost, or left to others: what is new since its last look.
      this.#host.observed(this.#session, this.#state, state, found, journal.suspect);
    }
    this.#state = state;
    this.#settle();
    this.#pin(this.#profile === 'observe' ? [] : found);
  }

  #pin(found: readonly StatePin[]): void {
    const statement = this.#session.forwarder.journal.suspect;
    const now = Date.now();
    this.#found = found;
    this.pins = [...found, ...this.#ties.pins(this.#profile)].map((pin) => {
      const before = this.pins.find(({ code, reason }) => code === pin.code && reason === pin.reason);
      return before ?? { ...pin, since: now, statement };
    });
  }

  /** See `Want.suits`. */
  #cost(connection: ServerConnection): number | null {
    if (this.#isReady(connection)) return 0;
    return changeCost(this.#host.states.of(connection), this.#state, this.#profile === 'strict' ? 'strict' : 'compatible');
  }

  async #acquire(taken: ServerConnection | null): Promise<void> {
    const { forwarder } = this.#session;
    const abort = new AbortController();
    this.#acquisition = abort;
    this.#waitingSince = Date.now();
    try {
      const server = await this.#prepared(taken, abort.signal);
      this.#acquisition = null;
      this.#session.waitMs += Date.now() - this.#waitingSince;
      if (forwarder.isEnded || !forwarder.hasInput) {
        // In a failed transaction it is of no use to anybody else.
        this.#host.pools.release(server, this.#isAborted ? 'close' : 'keep');
        return;
      }
      this.#isAborted = false;
      this.#attach(server);
    } catch (error) {
      this.#acquisition = null;
      this.#session.waitMs += Date.now() - this.#waitingSince;
      if (abort.signal.aborted || forwarder.isEnded) return;
      if (error instanceof DialFailure) this.#host.loginFailed(this.#session.place.login);
      const failure = leaseFailure(error);
      this.#host.report(
        'warn',
        'no_server_connection',
        `Session ${this.#session.id} got no server connection: ${failure.message}.`,
        this.#session.id,
      );
      forwarder.refuse(failure);
      setImmediate(() => this.#wake());
    }
  }

  /** A server connection that carries the session's state. */
  async #prepared(taken: ServerConnection | null, signal: AbortSignal): Promise<ServerConnection> {
    const { pools, states } = this.#host;
    let next = taken;
    for (let attempt = 1; ; attempt++) {
      const server = next ?? (await pools.acquire(this.want, signal));
      next = null;
      try {
        if (!this.#carries(server)) {
          await this.#change(server, states.of(server), this.#state);
        }
        const strangers = this.#strangersTo(server);
        if (strangers.length > 0) await parseStrangers(server, this.#host.statements, strangers, REPLAY_MS);
        if (this.#isAborted) await this.#enterFailed(server);
        return server;
      } catch (error) {
        pools.release(server, 'close');
        // What a server refuses another one would refuse as well; a lost connection says nothing about the next.
        if (attempt === ATTEMPTS || signal.aborted) throw error;
      }
    }
  }

  /** The connection carries exactly what the session has set, and has what only that session's former settings explain. */
  #isReady(server: ServerConnection): boolean {
    return this.#carries(server) && this.#strangersTo(server).length === 0;
  }

  async #change(server: ServerConnection, from: CarriedState, to: CarriedState): Promise<void> {
    const { states, statements } = this.#host;
    if (dropsShared(from, to)) statements.on(server).clear();
    else statements.on(server).forgetUnnamed();
    await applyChange(server, from, to, REPLAY_MS);
    states.set(server, to);
  }

  #strangersTo(server: ServerConnection): Statement[] {
    return this.#session.forwarder.link.names?.strangersTo(server) ?? [];
  }

  #carries(server: ServerConnection): boolean {
    return this.want.clean || this.#profile === 'observe' || this.#host.states.of(server).tag === this.#state.tag;
  }

  #sayWaiting(): void {
    this.#session.forwarder.notice({
      sqlState: '00000',
      message: `Switchyard: waiting for a server connection to ${this.#session.backend}, all of pool ${this.#session.pool} are in use`,
      hint: 'SHOW WAITS in the console, or the Waits view of the window, says who holds them.',
    });
  }
}
