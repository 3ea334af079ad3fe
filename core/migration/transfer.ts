/**
 * A transfer: moving one session's server side to another backend. One owner, one outcome. Prepare first, pause last; the old
 * server connection is kept, untouched, until the new one is verified, so that no step before the swap is fatal (DESIGN.md 5).
 */
import type { ServerConnection } from '../backend/server-connection.ts';
import type { Finding, TransferOutcome, TransferPhase, TransferRow } from '../contract/index.ts';
import type { Pools } from '../pool/pools.ts';
import type { Rehearsal } from '../session/carried-session.ts';
import type { Session, SessionTransfer } from '../session/session.ts';
import { block, Refusal, type Dialect, type Source } from './dialect.ts';
import { loginBlocker } from './login-blocker.ts';
import { DEADLINES, FactsFailure, type Preflight, type Target } from './preflight.ts';
import { postgresDialect } from './postgres/dialect.ts';

/** What a transfer needs from its planner. */
export interface TransferContext {
  readonly pools: Pools;
  readonly preflight: Preflight;
  /** Limits how many transfers prepare (dial, authenticate) at once; the returned function gives the place back. */
  prepareSlot(signal: AbortSignal): Promise<() => void>;
  /** Something in `row()` changed. */
  changed(transfer: Transfer): void;
}

/** A step failed before the swap: the session lives on where it was. */
class Recoverable extends Error {}

/** See the head of this file. */
export class Transfer implements SessionTransfer {
  readonly id: number;
  readonly to: string;
  readonly session: Session;
  phase: TransferPhase = 'preflight';
  readonly #operationId: number;
  readonly #context: TransferContext;
  readonly #dialect: Dialect<unknown, unknown, unknown> = postgresDialect;
  readonly #requestedAt = Date.now();
  readonly #from: { endpoint: string; backend: string };
  readonly #abort = new AbortController();
  readonly #phases: { name: TransferPhase; ms: number }[] = [];
  #phaseStarted = performance.now();
  #target: Target | null = null;
  #outcome: TransferOutcome | null = null;
  #reason: string | null = null;
  #settledAt: number | null = null;
  #suspendedAt = 0;
  #pauseMs: number | null = null;
  #stateBytes: number | null = null;
  #findings: Finding[] = [];
  #deadlineAt: number;

  constructor(id: number, operationId: number, session: Session, to: string, withinMs: number, context: TransferContext) {
    this.id = id;
    this.to = to;
    this.session = session;
    this.#operationId = operationId;
    this.#context = context;
    this.#deadlineAt = this.#requestedAt + withinMs;
    this.#from = { endpoint: session.place.endpoint, backend: session.backend };
  }

  get outcome(): TransferOutcome | null {
    return this.#outcome;
  }

  get pauseMs(): number | null {
    return this.#pauseMs;
  }

  /** From the request to the settlement. */
  get latencyMs(): number {
    return (this.#settledAt ?? Date.now()) - this.#requestedAt;
  }

  /** Stops it if it has not suspended the session yet; the reason is shown. */
  cancel(reason: string): void {
    if (this.#suspendedAt === 0) this.#abort.abort(new Recoverable(reason));
  }

  /** Runs it to its one outcome. Never rejects. */
  async run(): Promise<void> {
    const { session } = this;
    if (session.transfer !== null || session.forwarder.isEnded) {
      this.#settle(
        'refused',
        session.forwarder.isEnded ? 'the client has left' : `it is already being moved to ${session.transfer?.to ?? '?'}`,
      );
      return;
    }
    session.transfer = this;
    try {
      await this.#move();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (error instanceof Refusal) this.#findings = [...error.findings, ...this.#findings];
      if (this.#sessionLost)
        this.#settle(
          'error_fatal',
          `the old server was lost during the move (${this.#serverLost ?? 'closed'}), and the new one was not ready: ${message}`,
        );
      else this.#settle(error instanceof Refusal ? 'refused' : 'error_recoverable', message);
    }
  }

  row(): TransferRow {
    return {
      id: this.id,
      operationId: this.#operationId,
      sessionId: this.session.id,
      application: this.session.application,
      fromEndpoint: this.#from.endpoint,
      toEndpoint: this.to,
      fromBackend: this.#from.backend,
      toBackend: this.#target?.backend ?? '',
      phase: this.phase,
      outcome: this.#outcome,
      reason: this.#reason ?? (this.phase === 'armed' ? this.session.forwarder.unsafeReason() : null),
      requestedAt: this.#requestedAt,
      settledAt: this.#settledAt,
      phases: this.#phases,
      pauseMs: this.#pauseMs,
      stateBytes: this.#stateBytes,
      findings: this.#findings,
    };
  }

  async #move(): Promise<void> {
    const target = this.#context.preflight.target(this.session, this.to);
    this.#target = target;
    this.#refuseIfBlocked(this.#context.preflight.obvious(this.session, target));
    for (let attempt = 1; !(await this.#attempt(target, attempt <= REHEARSALS)); attempt++);
  }

  /** False: what was rehearsed is not what the session carries any more. */
  async #attempt(target: Target, mayRehearse: boolean): Promise<boolean> {
    const place = await this.#context.prepareSlot(this.#abort.signal);
    let prepared: Prepared;
    try {
      prepared = await this.#prepare(target, mayRehearse);
    } finally {
      place();
    }
    const { connection, baseline, rehearsal } = prepared;
    const { lease } = this.session;
    let outcome: 'relocated' | 'swapped' | 'stale' | 'failed' = 'failed';
    try {
      if (rehearsal === null) await lease.hold(this.#abort.signal);
      outcome = await this.#safePoint(connection, target, rehearsal);
      if (rehearsal === null) outcome = (await this.#pause(connection, baseline, target)) ? 'swapped' : 'failed';
    } finally {
      if (outcome === 'stale' || outcome === 'failed') this.#context.pools.release(connection, 'close');
      lease.unhold(outcome === 'swapped');
    }
    return outcome !== 'stale';
  }

  /** Preflight, then dial, authenticate and warm the target: everything that can be done while the client runs. */
  async #prepare(target: Target, mayRehearse: boolean): Promise<Prepared> {
    const { preflight, pools } = this.#context;
    try {
      this.#refuseIfBlocked(await raced(preflight.compare(this.session, target), this.#abort.signal));
    } catch (error) {
      if (!(error instanceof FactsFailure)) throw error;
      throw error.blocker === null ? new Recoverable(error.message) : new Refusal([error.blocker]);
    }
    this.#begin('dial');
    const dialDeadline = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(DIAL_DEADLINE_MS)]);
    const connection = await pools
      .acquire(this.session.lease.wantAt({ endpoint: target.spec.id, login: target.login }), dialDeadline)
      .catch((error: unknown) => {
        const blocker = loginBlocker(error);
        if (blocker !== null) throw new Refusal([blocker]);
        if (this.#abort.signal.aborted || !dialDeadline.aborted) throw error;
        throw new Recoverable(`no server connection to ${target.backend} within ${DIAL_DEADLINE_MS} ms`);
      });
    try {
      const rehearsal = mayRehearse
        ? await this.session.lease.rehearse(connection, { endpoint: target.spec.id, login: target.login })
        : null;
      const baseline = rehearsal === null ? await this.#dialect.prepare(connection, this.session.forwarder.journal, DEADLINES) : null;
      return { connection, baseline, rehearsal };
    } catch (error) {
      pools.release(connection, 'close');
      throw error;
    }
  }

  #refuseIfBlocked(findings: readonly Finding[]): void {
    const blockers = findings.filter((finding) => finding.level === 'block');
    this.#findings.push(...findings.filter((finding) => finding.level !== 'block'));
    if (blockers.length > 0) throw new Refusal(blockers);
  }

  /**
   * Waits until the session is at a safe point. What was rehearsed needs no pause: it is on the target in the same turn (`relocated`), or
   * has changed (`stale`). Else suspends it there, in the same turn.
   */
  #safePoint(connection: ServerConnection, target: Target, rehearsal: Rehearsal | null): Promise<'relocated' | 'stale' | 'failed'> {
    const { forwarder } = this.session;
    this.#begin('armed');
    return new Promise((resolve, reject) => {
      const { signal } = this.#abort;
      const settle = (error?: Error, outcome: 'relocated' | 'stale' | 'failed' = 'failed'): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        connection.setOwner(null);
        if (error === undefined) {
          resolve(outcome);
          return;
        }
        forwarder.disarm();
        reject(error);
      };
      const onAbort = (): void => settle(signal.reason as Error);
      const timer = setTimeout(
        () => settle(new Recoverable(forwarder.unsafeReason() ?? 'no safe point in time')),
        Math.max(0, this.#deadlineAt - Date.now()),
      );
      if (signal.aborted) {
        onAbort();
        return;
      }
      signal.addEventListener('abort', onAbort);
      connection.setOwner({
        onServerDrain: () => {},
        onServerClosed: (reason) => settle(new Recoverable(`the target connection was lost while waiting: ${reason}`)),
      });
      forwarder.arm(() => {
        if (rehearsal === null) {
          this.#suspend();
          settle();
        } else if (this.session.lease.relocate(rehearsal)) {
          settle(undefined, 'relocated');
          this.#relocated(connection, target);
        } else settle(undefined, 'stale');
      });
    });
  }

  /** The session has no server connection at the moment, or has given it back: its next one is on the target. */
  #relocated(connection: ServerConnection, target: Target): void {
    this.#begin('swap');
    this.#settlePlace(target);
    this.session.transfer = null;
    this.#pauseMs = 0;
    this.#context.pools.release(connection, 'keep');
    this.#settle('success', null);
  }

  #settlePlace(target: Target): void {
    this.session.place = { endpoint: target.spec.id, login: target.login, defaultDatabase: target.spec.database };
    this.session.migrations++;
  }

  #serverLost: string | null = null;
  /** The old server died before the new one was ready: the client had to be told. */
  #sessionLost = false;
  #departure: Promise<never> | null = null;

  #suspend(): void {
    this.#begin('suspend');
    this.#suspendedAt = performance.now();
    let onDeparture = (): void => {};
    this.#departure = new Promise<never>((_, reject) => {
      onDeparture = () => reject(new Recoverable('the client left'));
    });
    this.#departure.catch(() => {});
    this.session.forwarder.suspend({ onDeparture, onServerLost: (reason) => (this.#serverLost = reason) });
  }

  /** The pause: capture, restore, verify, swap, resume. Returns true once the session is on the new server. */
  async #pause(connection: ServerConnection, baseline: unknown, target: Target): Promise<boolean> {
    const { session } = this;
    const { forwarder } = session;
    const old = forwarder.server;
    if (old === null) throw new Recoverable('the session has no server connection');
    const source: Source = {
      server: old,
      journal: forwarder.journal,
      leavesUnnamed: forwarder.link.names !== null,
      onNotification: (frame) => forwarder.deliverNotification(frame),
    };
    this.#begin('capture');
    const run = this.#dialect.capture(source, DEADLINES);
    try {
      const state = await this.#unlessDeparted(run.state);
      this.#stateBytes = this.#dialect.size(state);
      const ties = session.lease.ties().map(({ code, reason, endsWhen }) => block(code, reason, `It can move after this: ${endsWhen}.`));
      this.#refuseIfBlocked([...this.#dialect.judge(state, source), ...ties]);
      this.#begin('restore');
      const restored = await this.#unlessDeparted(this.#dialect.restore(state, baseline, source, connection, DEADLINES));
      this.#begin('verify');
      this.#dialect.verify(state, baseline, restored);
      await run.quiet;
      if (!connection.isOpen) throw new Recoverable('the target connection was lost');
      if (forwarder.isEnded) throw new Recoverable('the session was closed');
      if (forwarder.response.inMessage) throw new Recoverable('the old server is in the middle of a message');
    } catch (error) {
      await run.quiet;
      this.#stayOnOld(old);
      throw error;
    }
    this.#begin('swap');
    const former = forwarder.swap(connection);
    this.#settlePlace(target);
    session.assignments++;
    this.#begin('resume');
    session.transfer = null;
    forwarder.resume();
    this.#pauseMs = performance.now() - this.#suspendedAt;
    // A server that died after the capture is no loss any more: its session has been rescued.
    if (former !== null) session.lease.leave(former);
    this.#settle('success', null);
    return true;
  }

  async #unlessDeparted<T>(step: Promise<T>): Promise<T> {
    // Whatever the step does after the client has left concerns nobody; its rejection must not be an unhandled one.
    step.catch(() => {});
    return this.#departure === null ? step : Promise.race([step, this.#departure]);
  }

  #stayOnOld(old: ServerConnection): void {
    const { forwarder } = this.session;
    this.session.transfer = null;
    if (forwarder.isEnded) return;
    if (this.#serverLost !== null || !old.isOpen) {
      this.#sessionLost = true;
      forwarder.serverLost(this.#serverLost ?? 'the connection was closed');
    } else {
      forwarder.resume();
    }
    this.#pauseMs = performance.now() - this.#suspendedAt;
  }

  #begin(phase: TransferPhase): void {
    const now = performance.now();
    this.#phases.push({ name: this.phase, ms: now - this.#phaseStarted });
    this.#phaseStarted = now;
    this.phase = phase;
    this.#context.changed(this);
  }

  #settle(outcome: TransferOutcome, reason: string | null): void {
    if (this.#outcome !== null) return;
    this.#outcome = outcome;
    this.#reason = reason;
    if (this.session.transfer === this) this.session.transfer = null;
    this.#settledAt = Date.now();
    this.#begin('settled');
  }
}

const DIAL_DEADLINE_MS = 10_000;
/** How often a session that carries its state is tried out on the target before it is taken there attached. */
const REHEARSALS = 2;

/** A connection to the target, and either its state before the move, or what has been rehearsed on it. */
interface Prepared {
  readonly connection: ServerConnection;
  readonly baseline: unknown;
  readonly rehearsal: Rehearsal | null;
}

/** A promise that also rejects when the signal aborts. */
function raced<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(signal.reason as Error);
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
