/**
 * What becomes of sessions in session mode whose server goes away under them (postgres-session-state.md section 14). One that is at a safe
 * point, and of which all is known that it has set, lives on: its client's input waits until the server is back and has a session like it.
 */
import { DialFailure } from '../../backend/dial-failure.ts';
import { ExchangeDeadline, ServerLost, type ServerConnection } from '../../backend/server-connection.ts';
import type { Settings } from '../../contract/index.ts';
import { PoolExhausted } from '../../pool/exhausted.ts';
import { isServers } from '../../pool/failures.ts';
import type { Pools } from '../../pool/pools.ts';
import { cleanWant } from '../../pool/want.ts';
import type { Bereavement, LastWords } from '../lessee.ts';
import { Absence, type MortalSession } from './absence.ts';
import { Comeback } from './comeback.ts';
import { Keeper } from './keeper.ts';
import { rebuild } from './rebuild.ts';
import { isCockroach, type Snapshot } from './snapshot.ts';
import { lossWords, UNKNOWN_STATE } from './words.ts';

/** What it needs from outside. */
export interface ResurrectionOptions {
  readonly pools: Pools;
  /** The settings of the moment. */
  settings(): Pick<Settings, 'resurrection' | 'pooling'>;
  /** Most logins at one backend at the same time. */
  atOnce(): number;
  report(level: 'info' | 'warn', code: string, message: string, sessionId?: number): void;
  /** A session lives on, on another connection to its server. */
  onResurrected(session: MortalSession, awayMs: number): void;
}

/** How it went so far. */
export interface ResurrectionCounters {
  readonly resurrected: number;
  /** Sessions that were lost although their server died at a safe point, by reason. */
  readonly failed: ReadonlyMap<string, number>;
  /** Sessions that wait for their server at the moment. */
  readonly waiting: number;
  /** Times a session was looked at. */
  readonly snapshots: number;
}

/** How long it may take a server to answer a probe, in milliseconds. */
const PROBE_MS = 5_000;
/** What a server refuses with that is on its way up or down, or too busy. */
const PASSING = /^(?:57P0|53|08|58)/;

/** See the head of this file. One for all sessions. */
export class Resurrection {
  readonly keeper = new Keeper();
  readonly #options: ResurrectionOptions;
  readonly #absent = new Set<Absence>();
  readonly #comebacks = new Map<string, Comeback>();
  /** Of every backend that sessions are being brought back to: how many were, and since when. */
  readonly #tallies = new Map<string, { since: number; back: number; lost: number }>();
  readonly #held = new Set<string>();
  readonly #failed = new Map<string, number>();
  #resurrected = 0;

  constructor(options: ResurrectionOptions) {
    this.#options = options;
  }

  get enabled(): boolean {
    return this.#options.settings().resurrection.enabled;
  }

  counters(): ResurrectionCounters {
    return { resurrected: this.#resurrected, failed: this.#failed, waiting: this.#absent.size, snapshots: this.keeper.taken };
  }

  /** Twice a second, with all sessions: looks at those that need it, and at the patience of those that wait. */
  sweep(sessions: Iterable<MortalSession>, now: number): void {
    const { resurrection, pooling } = this.#options.settings();
    if (resurrection.enabled) this.keeper.sweep(sessions, resurrection.afterIdleSeconds * 1_000, now);
    for (const absence of this.#absent) this.#watch(absence, pooling.waitNotice * 1_000, now);
  }

  /** The session has lost its server connection at a safe point. */
  bereaved(session: MortalSession): Bereavement {
    const { resurrection } = this.#options.settings();
    const { server, link } = session.forwarder;
    if (!resurrection.enabled || server === null) return null;
    const obstacle = this.#obstacle(session, server);
    if (obstacle !== null) {
      this.#count(obstacle.code);
      return obstacle.words;
    }
    const snapshot = link.requestAt === 0 ? null : session.snapshot;
    const absence = this.#begin(session, snapshot, Date.now() + resurrection.withinSeconds * 1_000);
    const dead = session.lease.leaveServer(absence);
    if (dead !== null) this.#options.pools.release(dead, 'close');
    if (!absence.isOver) this.#setOut(absence);
    return 'lives';
  }

  /**
   * Takes the server connection from a session that is at a safe point, or suspended there, and of which all is known, until `giveBack` or
   * `lose`. Null when something speaks against it, or the session is over.
   */
  park(session: MortalSession, deadlineAt: number): Absence | null {
    const { server, link } = session.forwarder;
    if (server === null || this.#obstacle(session, server) !== null) return null;
    const absence = this.#begin(session, link.requestAt === 0 ? null : session.snapshot, deadlineAt);
    absence.parked = session.lease.leaveServer(absence);
    const { parked } = absence;
    if (parked === null) return null;
    if (absence.isOver) {
      this.#options.pools.release(parked, 'reset');
      return null;
    }
    void absence.over.then(() => {
      // Its client has left.
      if (absence.parked === parked) this.#options.pools.release(parked, parked.isOpen ? 'reset' : 'close');
      absence.parked = null;
    });
    return absence;
  }

  /** Whether a session has to be looked at before `park` and `obstacleTo` can say anything. */
  needsLook({ forwarder, snapshot }: MortalSession): boolean {
    const { server, link } = forwarder;
    return server !== null && link.requestAt !== 0 && snapshot?.requestAt !== link.requestAt && !isCockroach(server);
  }

  /** What a session would lose with its server connection, in words; null: nothing. Only right after it was looked at. */
  obstacleTo(session: MortalSession): string | null {
    const { server } = session.forwarder;
    return server === null ? null : (this.#obstacle(session, server)?.what ?? null);
  }

  /** It goes on where it was, if that is still there. */
  giveBack(absence: Absence): void {
    const { parked, session } = absence;
    if (absence.isOver || parked === null) return;
    if (!parked.isOpen) {
      this.lose(absence);
      return;
    }
    absence.parked = null;
    this.#absent.delete(absence);
    session.lease.returnTo(parked);
    absence.end();
  }

  /** What it was parked from is gone: it is brought back like any other. */
  lose(absence: Absence): void {
    const { parked } = absence;
    absence.parked = null;
    if (parked !== null) this.#options.pools.release(parked, 'close');
    const { resurrection } = this.#options.settings();
    absence.deadlineAt = Math.max(absence.deadlineAt, Date.now() + resurrection.withinSeconds * 1_000);
    if (!absence.isOver) this.#setOut(absence);
  }

  /** Somebody else could not take it elsewhere: it is brought back like any other. */
  inherit(absence: Absence): void {
    this.#absent.add(absence);
    void absence.over.then(() => this.#absent.delete(absence));
    this.lose(absence);
  }

  /** Nobody is brought back to that backend until `release`. */
  hold(backend: string): void {
    this.#held.add(backend);
    this.#comebacks.get(backend)?.hold();
  }

  release(backend: string): void {
    this.#held.delete(backend);
    this.#comebacks.get(backend)?.release();
  }

  /** The program ends. */
  stop(): void {
    for (const comeback of this.#comebacks.values()) comeback.stop();
    this.#comebacks.clear();
  }

  #obstacle(session: MortalSession, server: ServerConnection): { code: string; what: string; words: LastWords } | null {
    const { snapshot, backend } = session;
    const { requestAt } = session.forwarder.link;
    const { afterIdleSeconds } = this.#options.settings().resurrection;
    if (isCockroach(server)) return lossWords(backend, [{ code: 'cockroach', what: 'the session, which CockroachDB alone knows' }]);
    if (requestAt === 0) return null;
    if (snapshot?.requestAt !== requestAt) return lossWords(backend, [UNKNOWN_STATE], afterIdleSeconds);
    return snapshot.losses.length === 0 ? null : lossWords(backend, snapshot.losses);
  }

  #begin(session: MortalSession, snapshot: Snapshot | null, deadlineAt: number): Absence {
    const absence = new Absence(session, snapshot, deadlineAt);
    this.#absent.add(absence);
    void absence.over.then(() => this.#absent.delete(absence));
    return absence;
  }

  #setOut(absence: Absence): void {
    const { backend } = absence.session;
    if (!this.#tallies.has(backend)) this.#tallies.set(backend, { since: Date.now(), back: 0, lost: 0 });
    this.#comeback(backend).add(absence);
  }

  #comeback(backend: string): Comeback {
    const known = this.#comebacks.get(backend);
    if (known !== undefined) return known;
    const comeback: Comeback = new Comeback({
      atOnce: () => this.#options.atOnce(),
      probe: ({ session, signal }) =>
        this.#options.pools.probe(session.place.login, AbortSignal.any([signal, AbortSignal.timeout(PROBE_MS)]), () => Promise.resolve()),
      revive: (absence) => this.#revive(absence),
      onEmpty: () => {
        if (this.#comebacks.get(backend) === comeback && !this.#held.has(backend)) this.#comebacks.delete(backend);
        this.#sumUp(backend);
      },
    });
    if (this.#held.has(backend)) comeback.hold();
    this.#comebacks.set(backend, comeback);
    return comeback;
  }

  async #revive(absence: Absence): Promise<'settled' | 'later'> {
    if (absence.isOver) return 'settled';
    const { session, snapshot } = absence;
    const { pools } = this.#options;
    const { login, endpoint } = session.place;
    let server: ServerConnection | null = null;
    try {
      const want = cleanWant(login, endpoint);
      server = pools.take(want) ?? (await pools.acquire(want, absence.signal));
      if (snapshot?.state != null && !absence.isOver) await rebuild(server, snapshot.state, session.forwarder);
      if (absence.isOver) pools.release(server, 'reset');
      else this.#goOn(absence, server);
      return 'settled';
    } catch (error) {
      if (server !== null) pools.release(server, 'close');
      if (absence.isOver) return 'settled';
      if (isPassing(error)) return 'later';
      const why = error instanceof Error ? error.message : String(error);
      this.#fail(
        absence,
        'not_rebuilt',
        `the session could not be made anew after the server connection was lost: ${why}`,
        'Connect again.',
      );
      return 'settled';
    }
  }

  #goOn(absence: Absence, server: ServerConnection): void {
    const { session } = absence;
    this.#absent.delete(absence);
    session.assignments++;
    session.resurrections++;
    if (absence.wantedSince > 0) session.waitMs += Date.now() - absence.wantedSince;
    this.#resurrected++;
    const tally = this.#tallies.get(session.backend);
    if (tally !== undefined) tally.back++;
    session.lease.returnTo(server);
    absence.end();
    this.#options.onResurrected(session, Date.now() - absence.since);
  }

  #fail(absence: Absence, code: string, message: string, hint: string): void {
    const { session } = absence;
    this.#count(code);
    const tally = this.#tallies.get(session.backend);
    if (tally !== undefined) tally.lost++;
    this.#options.report(
      'warn',
      'session_lost',
      `Session ${session.id} (${session.application || 'unnamed'}) was lost: ${message}.`,
      session.id,
    );
    session.end('57P01', message, hint);
  }

  #watch(absence: Absence, noticeMs: number, now: number): void {
    const { session } = absence;
    if (absence.isOver) return;
    if (now >= absence.deadlineAt && absence.parked === null) {
      const seconds = Math.round((now - absence.since) / 1_000);
      const message = `the server connection to ${session.backend} was lost, and the server has not come back within ${seconds} s`;
      this.#fail(
        absence,
        'not_back',
        message,
        'Connect again once it runs. resurrection.withinSeconds in the settings of Switchyard is how long sessions wait.',
      );
      return;
    }
    if (!session.forwarder.hasInput) {
      absence.wantedSince = 0;
      absence.isTold = false;
      return;
    }
    if (absence.wantedSince === 0) absence.wantedSince = now;
    if (absence.isTold || noticeMs === 0 || now - absence.wantedSince < noticeMs) return;
    absence.isTold = true;
    const state = absence.parked === null ? 'does not answer' : 'is being restarted by its operator';
    session.forwarder.notice({
      sqlState: '00000',
      message: `Switchyard: waiting for ${session.backend}, which ${state}; the statement runs as soon as the session is there again`,
      hint: 'A cancel gives the statement up.',
    });
  }

  #count(code: string): void {
    this.#failed.set(code, (this.#failed.get(code) ?? 0) + 1);
  }

  #sumUp(backend: string): void {
    const tally = this.#tallies.get(backend);
    if (tally === undefined) return;
    this.#tallies.delete(backend);
    if (tally.back + tally.lost === 0) return;
    const seconds = ((Date.now() - tally.since) / 1_000).toFixed(1);
    const lost = tally.lost === 0 ? '' : `; ${tally.lost} were lost`;
    const sessions = tally.back === 1 ? '1 session goes' : `${tally.back} sessions go`;
    this.#options.report('info', 'sessions_resurrected', `${sessions} on at ${backend}, ${seconds} s after it was lost${lost}.`);
  }
}

/** The server cannot be had at the moment: it is tried again. */
function isPassing(error: unknown): boolean {
  if (error instanceof ServerLost || error instanceof ExchangeDeadline || error instanceof PoolExhausted) return true;
  if (!(error instanceof DialFailure)) return false;
  return isServers(error) || error.kind === 'protocol' || error.kind === 'aborted' || PASSING.test(error.fields?.sqlState ?? '');
}
