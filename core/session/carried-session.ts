/**
 * What a session in transaction mode has set, as of its last safe point, and how a server connection comes to carry it (pooling.md 3.4).
 * The server is the authority: after a statement that may have changed something it is asked.
 */
import { startupKey } from '../backend/dial.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import type { PinRow, PoolProfile } from '../contract/index.ts';
import { Effect } from '../sql/effects.ts';
import { carriedFrom, cleanState, stateOf, type CarriedState } from '../state/carried.ts';
import { applyChange, changeCost, dropsShared } from '../state/change.ts';
import { look } from '../state/look.ts';
import { parseSettingsOf } from '../state/parse-settings.ts';
import { pinsIn, type StatePin } from '../state/pins.ts';
import { rebase } from '../state/rebase.ts';
import type { SessionStateCapture } from '../state/state.ts';
import { Server } from '../wire/codes.ts';
import { frame, query } from '../wire/messages.ts';
import type { LeasedSession, LeaseHost } from './lease-host.ts';
import { nativeStatements } from './native-statements.ts';
import { StatementNames } from './statements/names.ts';
import type { Statement } from './statements/statement.ts';
import { parseStrangers } from './statements/strangers.ts';
import { Ties } from './ties.ts';

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

/** See the head of this file. */
export class CarriedSession {
  profile: PoolProfile = 'strict';
  /** Why it keeps its server connection. */
  pins: readonly PinRow[] = [];
  readonly #session: LeasedSession;
  readonly #host: LeaseHost;
  readonly #ties: Ties;
  #state: CarriedState = cleanState;
  /** What the last look found that pins. */
  #found: readonly StatePin[] = [];
  /** The server would say of the session what stands here. */
  #isKnown = true;

  constructor(session: LeasedSession, host: LeaseHost) {
    this.#session = session;
    this.#host = host;
    this.#ties = new Ties(session, host.sequenceReaders, (message) => host.report('warn', 'sequence_state', message, session.id));
  }

  /** What the session has set, as of its last safe point. */
  get state(): CarriedState {
    return this.#state;
  }

  /** It has set nothing, as far as is known. */
  get isClean(): boolean {
    return this.#state.tag === '';
  }

  /** Nothing but what others may meet, or may be made not to, is on its server connection. */
  get isPortable(): boolean {
    return this.#isKnown && this.pins.length === 0;
  }

  /** What it has done may be undone by DISCARD ALL. */
  get isResettable(): boolean {
    // Leftovers of temporary objects survive every cleanup (pooling.md 3.3, 3.4.8).
    return !this.#ties.isSticky && this.pins.every(({ code }) => code !== 'temp_object');
  }

  /** From here on the session's statements are watched. What it has done before, on `server`, was not. */
  begin(server: ServerConnection | null): void {
    const { journal, link } = this.#session.forwarder;
    journal.watch = this.profile === 'compatible' ? 'compatible' : 'strict';
    if (link.names !== null) return;
    link.names = new StatementNames(this.#host.statements, link.expected, journal, { uncarried: () => {} });
    if (server !== null) {
      this.#isKnown = false;
      this.#own(link.names);
      link.names.attached(server);
    }
    journal.onSettings = () => {
      journal.parseKey = null;
      link.names?.uncertain();
    };
    this.#settle();
  }

  /** At a safe point: whether the server has to be asked (`inspect`) before `isPortable` says anything. */
  needsLook(): boolean {
    const { journal } = this.#session.forwarder;
    const effects = journal.takeEffects();
    this.#ties.note(effects, this.profile);
    if (!this.#isKnown || (effects & LOOK) !== 0) return true;
    if ((effects & Effect.Write) !== 0 && this.profile === 'strict' && this.#host.states.mayWritesSet(this.#session.place.login))
      return true;
    if (journal.parseKey === null) this.#settle();
    if (this.#ties.hasChanged(this.profile)) this.#pin(this.#found);
    return false;
  }

  /** Whether statements have passed since the last safe point after which it would have to be asked. */
  get isTouched(): boolean {
    const effects = this.#session.forwarder.journal.peekEffects();
    if (!this.#isKnown || (effects & (LOOK | Effect.SequenceUse)) !== 0) return true;
    return (effects & Effect.Write) !== 0 && (this.#ties.isReader || this.#host.states.mayWritesSet(this.#session.place.login));
  }

  /** What ties it to its server connection and stands in no catalog; at a safe point, that of this moment included. */
  ties(): readonly StatePin[] {
    if (this.needsLook()) this.#isKnown = false;
    return this.#ties.pins(this.profile);
  }

  /** The session has another server connection, of which nothing is known. */
  forget(): void {
    this.#isKnown = false;
  }

  /** Asks the server of a suspended session what the session has set and holds. Never rejects. */
  async inspect(server: ServerConnection): Promise<void> {
    const { forwarder, place } = this.#session;
    const { journal } = forwarder;
    const { states } = this.#host;
    const deliver = (body: Buffer): void => forwarder.deliverNotification(frame(Server.NotificationResponse, body));
    if (/^(?:create|alter|do|call)\b/i.test(journal.suspect ?? '')) states.forgetFunctions(place.login);
    if (this.profile === 'strict') for (const name of (await states.settingsInFunctions(place.login)).names) journal.customNames.add(name);
    const run = look(server, journal.customNames, LOOK_MS, deliver, journal.ownNames);
    try {
      const capture = await run.state;
      this.#learn(capture, await states.baseline(place.login, journal.customNames));
    } catch (error) {
      this.#isKnown = false;
      const reason = `its state could not be read: ${error instanceof Error ? error.message : String(error)}`;
      this.#pin([{ code: 'unknown', reason, endsWhen: 'the server answers' }]);
    }
    await run.quiet;
  }

  /** See `Want.suits`. */
  cost(server: ServerConnection): number | null {
    const { states } = this.#host;
    if (this.isReady(server)) return 0;
    if (states.isSpoiled(server) || this.#hasForeignNames(server)) return null;
    return changeCost(states.of(server), this.#state, this.profile === 'strict' ? 'strict' : 'compatible');
  }

  /** The connection carries exactly what the session has set, and has what only that session's former settings explain. */
  isReady(server: ServerConnection): boolean {
    if (!this.#carries(server) || this.#hasForeignNames(server)) return false;
    return this.#strangersTo(server).length === 0 && !this.#hasForeignSequences(server);
  }

  /** Whether a connection that was reset is as good as a new one for it. */
  mayHaveReset(server: ServerConnection): boolean {
    return !this.#hasForeignNames(server);
  }

  /** Makes it ready. Rejects with what the server refused, or how it was lost; the connection is then to be closed. */
  async prepare(server: ServerConnection): Promise<void> {
    if (!this.#carries(server)) await this.#change(server, this.#host.states.of(server), this.#state);
    const strangers = this.#strangersTo(server);
    if (strangers.length > 0) await parseStrangers(server, this.#host.statements, strangers, REPLAY_MS);
    if (!this.#hasForeignSequences(server)) return;
    await server.exchange(query('DISCARD SEQUENCES'), 1, { deadlineMs: REPLAY_MS }).answer;
    this.#host.statements.on(server).forgetUnnamed();
    this.#host.states.discardedSequences(server);
  }

  /** A connection that the session gives back carries what it has set. */
  leaveOn(server: ServerConnection): void {
    this.#host.states.set(server, this.#state);
    if (this.#ties.hasTouchedSequences) this.#host.states.useSequences(server, this.#session.id);
    this.#ties.hasTouchedSequences = false;
    // In profile `observe` it goes to others with all that pins.
    if (this.#found.length > 0) this.#host.states.spoil(server);
  }

  /**
   * Prepares a connection to another server: what the session carries is applied there and looked at. Null: it carries what only its own
   * server connection can tell; then it moves like any other, attached. Rejects when that server does not take it over.
   */
  async rehearse(connection: ServerConnection, place: LeasedSession['place']): Promise<Rehearsal | null> {
    const { states } = this.#host;
    const { journal } = this.#session.forwarder;
    if (!this.isPortable || journal.unstableTypes.size > 0 || journal.typesIncomplete) return null;
    const from = this.#state;
    const [defaultsHere, defaultsThere, baseline] = await Promise.all([
      states.defaults(this.#session.place.login),
      states.defaults(place.login),
      states.baseline(place.login, journal.customNames),
    ]);
    const to = rebase(from, defaultsHere, defaultsThere);
    await this.#change(connection, states.of(connection), to);
    const capture = await look(connection, journal.customNames, LOOK_MS, () => {}, to.isNative).state;
    const found = carriedFrom(capture, baseline, { isNative: to.isNative, previous: to });
    if (found.tag !== to.tag) throw new Error('the state came out differently on the target');
    return { from, to };
  }

  /** It is what it was at the rehearsal, so that `moved` may follow. */
  isAsRehearsed(rehearsal: Rehearsal): boolean {
    return this.#state === rehearsal.from && this.isPortable && !this.isTouched;
  }

  /** It is where it was rehearsed. */
  moved(rehearsal: Rehearsal): void {
    this.#state = rehearsal.to;
  }

  /** Brings the client's statements to the server under its own names, and leaves them so. Never rejects. */
  async nameOwn(server: ServerConnection): Promise<void> {
    const { forwarder, id } = this.#session;
    const { names } = forwarder.link;
    if (names === null) return;
    const known = names.names();
    const present = parseSettingsOf(this.#state.settings, this.#state.role);
    const statements = nativeStatements(known, forwarder.clientParameters.get('client_encoding') ?? '', present);
    const state = stateOf({ ...this.#state, isNative: true, statements });
    try {
      await this.#change(server, this.#state, state);
      this.#state = state;
      if (statements.length < known.length) throw new Error('a statement cannot be parsed again');
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#host.report('warn', 'statements_lost', `Session ${id} lost prepared statements to its own PREPARE: ${message}.`, id);
    }
    names.forgotten();
    this.#own(names);
    this.#isKnown = false;
  }

  #learn(capture: SessionStateCapture, baseline: SessionStateCapture): void {
    const { journal } = this.#session.forwarder;
    const settingsMoved = journal.parseKey === null;
    const state = carriedFrom(capture, baseline, { isNative: journal.ownNames, previous: this.#state, settingsMoved });
    const found = pinsIn(capture, baseline, state);
    // What the session would have lost, or left to others: what is new since its last look.
    if (this.profile === 'observe') {
      const added = found.filter(({ reason }) => this.#found.every((pin) => pin.reason !== reason));
      this.#host.observed(this.#session, this.#state, state, added, journal.suspect);
    }
    this.#isKnown = true;
    this.#state = state;
    this.#settle();
    this.#pin(found);
  }

  #pin(found: readonly StatePin[]): void {
    const statement = this.#session.forwarder.journal.suspect;
    const now = Date.now();
    this.#found = found;
    const reasons = this.profile === 'observe' ? [] : [...found, ...this.#ties.pins(this.profile)];
    this.pins = reasons.map((pin) => {
      const before = this.pins.find(({ code, reason }) => code === pin.code && reason === pin.reason);
      return before ?? { ...pin, since: now, statement };
    });
  }

  /** The settings that a Parse depends on are those of the state. */
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

  #carries(server: ServerConnection): boolean {
    return this.profile === 'observe' || this.#host.states.of(server).tag === this.#state.tag;
  }

  /** `current_setting('a.b', true)` would be `''` instead of NULL. */
  #hasForeignNames(server: ServerConnection): boolean {
    return this.profile === 'strict' && this.#host.states.hasNamesBeyond(server, this.#state);
  }

  /** `currval` and `lastval` would tell what another session did: that matters to those who ask. */
  #hasForeignSequences(server: ServerConnection): boolean {
    return this.#ties.isReader && this.profile === 'strict' && this.#host.states.hasSequencesOfOthers(server, this.#session.id);
  }

  #strangersTo(server: ServerConnection): Statement[] {
    return this.#session.forwarder.link.names?.strangersTo(server) ?? [];
  }

  async #change(server: ServerConnection, from: CarriedState, to: CarriedState): Promise<void> {
    const { states, statements } = this.#host;
    if (dropsShared(from, to)) statements.on(server).clear();
    else statements.on(server).forgetUnnamed();
    await applyChange(server, from, to, REPLAY_MS);
    states.set(server, to);
  }
}
