/**
 * A server is restarted under its sessions, by its operator: each session is held at its next safe point, once all is known that it has
 * set; then the operator restarts the server; when it answers again, the sessions are brought back. Nobody new comes to it meanwhile.
 */
import type { Login } from '../backend/login.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import type { BlockerRow, OperationRow, TransferRow } from '../contract/index.ts';
import { NOTHING_SETTLED } from '../migration/planner/operation.ts';
import type { Pools } from '../pool/pools.ts';
import type { Absence } from '../session/resurrection/absence.ts';
import type { Resurrection } from '../session/resurrection/resurrection.ts';
import type { Session } from '../session/session.ts';
import { Server } from '../wire/codes.ts';
import { readDataRow } from '../wire/message-reader.ts';
import { bind, execute, parse, syncMessage } from '../wire/messages.ts';

/** What a restart works on. */
export interface RestartParts {
  readonly sessions: ReadonlyMap<number, Session>;
  readonly pools: Pools;
  readonly resurrection: Resurrection;
  /** Who can ask the backend how it is, when no session can; null: nobody. */
  login(): Login | null;
  changed(row: OperationRow): void;
  report(level: 'info' | 'warn', code: string, message: string): void;
}

/** `holding`: sessions are still to be held; `ready`: the operator may restart it; `gone`: it does not answer; `back`: they are brought back. */
type Stage = 'holding' | 'ready' | 'gone' | 'back' | 'settled';

/** How often it is looked what holds up the restart, and how long after an answer the server is asked again, in milliseconds. */
const LOOK_MS = 250;
const ASK_MS = 500;
/** How long the server may take to answer. */
const ANSWER_MS = 3_000;
const STARTED_AT = 'SELECT pg_catalog.pg_postmaster_start_time()::pg_catalog.text';

/** A session that is still to be held. */
interface Candidate {
  readonly session: Session;
  readonly since: number;
  /** `Link.requestAt` when something was found that it would lose; -1: nothing was. */
  refusedAt: number;
  reason: string;
  isArmed: boolean;
}

/** See the head of this file. */
export class Restart {
  readonly backend: string;
  readonly #parts: RestartParts;
  readonly #candidates = new Map<number, Candidate>();
  readonly #held = new Set<Absence>();
  readonly #letIn: () => void;
  readonly #abort = new AbortController();
  /** Settles when all is held, or the restart is over; and when it is over. It moves nobody. */
  readonly ready: Promise<void>;
  readonly settled: Promise<TransferRow[]>;
  #onReady = (): void => {};
  #onSettled: (rows: TransferRow[]) => void = () => {};
  #row: OperationRow;
  #stage: Stage = 'holding';
  #timer: NodeJS.Timeout | null = null;
  #deadline: NodeJS.Timeout;
  /** When the server was started, in its own words; null: it has not said. */
  #startedAt: string | null = null;
  #nextAskAt = 0;
  #isAsking = false;

  constructor(id: number, backend: string, withinMs: number, parts: RestartParts) {
    const startedAt = Date.now();
    this.backend = backend;
    this.#parts = parts;
    this.#row = {
      id,
      kind: 'restart',
      label: `Restart ${backend}`,
      to: backend,
      backend,
      startedAt,
      deadlineAt: startedAt + withinMs,
      forceAt: null,
      ...NOTHING_SETTLED,
    };
    this.ready = new Promise((resolve) => (this.#onReady = resolve));
    this.settled = new Promise((resolve) => (this.#onSettled = resolve));
    this.#letIn = parts.pools.gate.holdBackend(backend);
    parts.resurrection.hold(backend);
    this.#deadline = setTimeout(() => this.#giveUp(), withinMs);
  }

  get row(): OperationRow {
    return this.#row;
  }

  get isOver(): boolean {
    return this.#stage === 'settled';
  }

  /** Begins; only once. */
  start(): void {
    this.#parts.report('info', 'restart_begins', `A restart of ${this.backend} begins: its sessions are held, and nobody new comes to it.`);
    this.#parts.changed(this.#row);
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#look();
  }

  /** All sessions go on as they were, or wait for their server like any others. */
  cancel(): void {
    if (this.#stage === 'settled' || this.#stage === 'back') return;
    this.#takeBack();
    this.#parts.report('info', 'restart_cancelled', `The restart of ${this.backend} was given up; its sessions go on.`);
    this.#settle({ cancelled: true });
  }

  /** The sessions that are not held yet. */
  blockers(): BlockerRow[] {
    return [...this.#candidates.values()].map(({ session, since, reason }) => ({
      sessionId: session.id,
      application: session.application,
      reason,
      since,
      statementKind: session.forwarder.journal.kind === '' ? null : session.forwarder.journal.kind,
    }));
  }

  #look(): void {
    if (this.#stage === 'holding' || this.#stage === 'ready') this.#holdMore();
    if (this.#stage !== 'back' && this.#stage !== 'settled' && !this.#isAsking && Date.now() >= this.#nextAskAt) void this.#ask();
  }

  #holdMore(): void {
    for (const { session } of this.#candidates.values()) {
      if (session.forwarder.isEnded || session.backend !== this.backend) this.#candidates.delete(session.id);
    }
    for (const session of this.#parts.sessions.values()) {
      if (session.backend !== this.backend || session.forwarder.isEnded) continue;
      // Who has no server connection gets none, or waits for it already.
      if (session.forwarder.server === null) this.#candidates.delete(session.id);
      else this.#consider(session);
    }
    this.#tell();
  }

  #consider(session: Session): void {
    const { forwarder } = session;
    let candidate = this.#candidates.get(session.id);
    if (candidate === undefined) {
      candidate = { session, since: Date.now(), refusedAt: -1, reason: '', isArmed: false };
      this.#candidates.set(session.id, candidate);
    }
    if (session.lease.mode === 'transaction') {
      const [pin] = session.lease.pins;
      candidate.reason = forwarder.unsafeReason() ?? (pin === undefined ? 'it is being looked at' : `it is pinned: ${pin.reason}`);
    } else if (session.transfer !== null) candidate.reason = `it is being moved to ${session.transfer.to}`;
    else if (candidate.refusedAt !== forwarder.link.requestAt && !candidate.isArmed && !forwarder.isArmed) this.#arm(candidate);
    if (candidate.isArmed) candidate.reason = forwarder.unsafeReason() ?? candidate.reason;
  }

  #arm(candidate: Candidate): void {
    const { forwarder } = candidate.session;
    candidate.isArmed = true;
    candidate.reason = 'it is being looked at';
    forwarder.arm(() => {
      candidate.isArmed = false;
      if (this.#stage === 'holding' || this.#stage === 'ready') void this.#hold(candidate);
    });
  }

  /** At a safe point. */
  async #hold(candidate: Candidate): Promise<void> {
    const { session } = candidate;
    const { resurrection } = this.#parts;
    const { forwarder } = session;
    const looked = resurrection.needsLook(session);
    if (looked) {
      if (!(await resurrection.keeper.look(session))) return;
      if (this.#stage !== 'holding' && this.#stage !== 'ready') {
        forwarder.resume();
        return;
      }
    }
    const absence = resurrection.park(session, this.#row.deadlineAt);
    if (absence !== null) this.#park(absence);
    else if (!forwarder.isEnded) {
      candidate.refusedAt = forwarder.link.requestAt;
      candidate.reason = `it would lose ${resurrection.obstacleTo(session) ?? 'its server connection'}`;
      if (looked) forwarder.resume();
    }
    this.#tell();
  }

  #park(absence: Absence): void {
    this.#candidates.delete(absence.session.id);
    this.#held.add(absence);
    absence.parked?.setOwner({
      onServerDrain: () => {},
      onServerClosed: () => {
        this.#parts.resurrection.lose(absence);
        this.#nextAskAt = 0;
        this.#look();
      },
    });
    void absence.over.then(() => this.#over(absence));
  }

  /** It has a server connection again, or is over. */
  #over(absence: Absence): void {
    if (!this.#held.delete(absence)) return;
    if (this.#stage === 'back') {
      const isThere = !absence.session.forwarder.isEnded;
      this.#change(isThere ? { success: this.#row.success + 1 } : { fatal: this.#row.fatal + 1 });
      this.#settleIfBack();
    } else this.#tell();
  }

  /** Asks the server since when it runs. */
  async #ask(): Promise<void> {
    const login = this.#login();
    if (login === null) {
      this.#nextAskAt = Date.now() + ASK_MS;
      return;
    }
    this.#isAsking = true;
    const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(ANSWER_MS)]);
    const startedAt = await this.#parts.pools.probe(login, signal, readStartedAt).catch(() => null);
    this.#isAsking = false;
    this.#nextAskAt = Date.now() + ASK_MS;
    if (this.#stage === 'settled') return;
    if (startedAt === null) this.#enter('gone');
    else if (this.#stage === 'gone' || (this.#startedAt !== null && this.#startedAt !== startedAt)) this.#bringBack(startedAt);
    else this.#startedAt = startedAt;
  }

  #login(): Login | null {
    for (const { session } of this.#held) return session.place.login;
    for (const session of this.#parts.sessions.values()) if (session.backend === this.backend) return session.place.login;
    return this.#parts.login();
  }

  #bringBack(startedAt: string): void {
    const { resurrection } = this.#parts;
    const isSame = startedAt === this.#startedAt;
    this.#parts.report(
      'info',
      'restart_back',
      `${this.backend} answers again${isSame ? ', and was not restarted' : ''}; ${this.#held.size} sessions go on.`,
    );
    this.#disarm();
    this.#enter('back');
    this.#change({ total: this.#held.size });
    this.#letIn();
    resurrection.release(this.backend);
    for (const absence of this.#held) {
      if (absence.parked === null) continue;
      if (isSame) resurrection.giveBack(absence);
      else resurrection.lose(absence);
    }
    this.#settleIfBack();
  }

  #settleIfBack(): void {
    if (this.#stage === 'back' && this.#held.size === 0) this.#settle({});
  }

  #giveUp(): void {
    if (this.#stage === 'settled') return;
    const what = {
      holding: 'not all sessions could be held',
      ready: 'it was not restarted',
      gone: 'it has not come back',
      back: 'some wait still',
    };
    this.#parts.report('warn', 'restart_timeout', `The restart of ${this.backend} is over: ${what[this.#stage]} in time.`);
    if (this.#stage !== 'back') this.#takeBack();
    this.#settle({});
  }

  /** As it was, as far as its server connections are still there. */
  #takeBack(): void {
    const { resurrection } = this.#parts;
    this.#disarm();
    this.#letIn();
    resurrection.release(this.backend);
    const held = [...this.#held];
    this.#held.clear();
    for (const absence of held) resurrection.giveBack(absence);
    this.#change({ total: held.length, recoverable: held.length });
  }

  #disarm(): void {
    for (const candidate of this.#candidates.values()) {
      if (!candidate.isArmed) continue;
      candidate.isArmed = false;
      candidate.session.forwarder.disarm();
    }
    this.#candidates.clear();
  }

  #tell(): void {
    if (this.#stage === 'holding' && this.#candidates.size === 0) {
      this.#enter('ready');
      this.#parts.report('info', 'restart_ready', `${this.backend} can be restarted now: ${this.#held.size} sessions are held.`);
      this.#onReady();
    } else if (this.#stage === 'ready' && this.#candidates.size > 0) this.#enter('holding');
    if (this.#row.blockers !== this.#candidates.size || this.#row.total !== this.#held.size) {
      this.#change({ blockers: this.#candidates.size, total: this.#held.size });
    }
  }

  #enter(stage: Stage): void {
    if (this.#stage === stage) return;
    this.#stage = stage;
    const words = {
      holding: 'its sessions are being held',
      ready: 'restart it now',
      gone: 'it is away',
      back: 'its sessions are brought back',
      settled: '',
    }[stage];
    if (stage === 'gone') this.#parts.report('info', 'restart_gone', `${this.backend} is away; ${this.#held.size} sessions wait for it.`);
    this.#change({ label: `Restart ${this.backend}${words === '' ? '' : `: ${words}`}` });
  }

  #settle(change: Partial<OperationRow>): void {
    clearInterval(this.#timer ?? undefined);
    clearTimeout(this.#deadline);
    this.#abort.abort(new Error('the restart is over'));
    // It stays on record for long: not with its sessions.
    this.#disarm();
    this.#held.clear();
    this.#enter('settled');
    this.#change({ ...change, blockers: 0, settledAt: Date.now() });
    this.#onReady();
    this.#onSettled([]);
  }

  #change(change: Partial<OperationRow>): void {
    this.#row = { ...this.#row, ...change };
    this.#parts.changed(this.#row);
  }
}

/** Since when the server runs; empty when it does not say so: it answers all the same. */
async function readStartedAt(connection: ServerConnection): Promise<string> {
  const frames = Buffer.concat([parse('', STARTED_AT), bind('', ''), execute(''), syncMessage]);
  const answer = await connection.exchange(frames, 1, { deadlineMs: ANSWER_MS }).answer;
  const row = answer.find(({ type }) => type === Server.DataRow);
  return (row === undefined ? null : readDataRow(row.body)[0])?.toString('utf8') ?? '';
}
