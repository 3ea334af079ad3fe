/**
 * One move of one session: its owner, which gives it exactly one outcome. Prepare first, hold last: the old server connection is kept,
 * untouched, until the new one is verified, so that no step before the swap is fatal (DESIGN.md 5). How it is done is a mode's business:
 * `ahead`, `one-hold`, or without a hold at all for a session that carries its state (`relocated`).
 */
import type { CarryOptions, Finding, TransferMode, TransferOutcome, TransferPhase, TransferRow } from '../../contract/index.ts';
import type { EndpointSpec } from '../../endpoints/map.ts';
import type { Pools } from '../../pool/pools.ts';
import type { Session, SessionTransfer } from '../../session/session.ts';
import { block, Refusal } from '../dialect.ts';
import { dialectOf } from '../dialects.ts';
import { FactsFailure, type Preflight } from '../preflight/preflight.ts';
import { moveAhead } from './ahead.ts';
import type { TransferDeadlines } from './deadlines.ts';
import { Move, raced } from './move.ts';
import { moveInOneHold } from './one-hold.ts';
import { Recoverable, SessionLost } from './outcomes.ts';
import { TransferRecord } from './record.ts';
import { rehearse, relocate, type Rehearsed } from './relocated.ts';
import { TargetSides } from './target-sides.ts';

/** What a transfer needs from its planner. */
export interface TransferContext {
  readonly pools: Pools;
  readonly preflight: Preflight;
  readonly deadlines: TransferDeadlines;
  /** Limits how many transfers prepare (dial, authenticate) at once; the returned function gives the place back. */
  prepareSlot(signal: AbortSignal): Promise<() => void>;
  /** Something in `row()` changed. */
  changed(transfer: Transfer): void;
}

/** What is asked of one transfer. */
export interface TransferRequest {
  readonly id: number;
  readonly operationId: number;
  readonly session: Session;
  /** Where it goes; need not stand in the map, or not so any more. */
  readonly to: EndpointSpec;
  readonly withinMs: number;
  /** Null: whichever suits. */
  readonly mode: TransferMode | null;
  readonly carry: CarryOptions;
}

/** How often a session that carries its state is tried out on the target before it is taken there attached. */
const REHEARSALS = 2;

/** See the head of this file. */
export class Transfer implements SessionTransfer {
  readonly id: number;
  readonly to: string;
  readonly session: Session;
  readonly #request: TransferRequest;
  readonly #context: TransferContext;
  readonly #record: TransferRecord;
  readonly #abort = new AbortController();
  #move: Move | null = null;

  constructor(request: TransferRequest, context: TransferContext) {
    this.id = request.id;
    this.to = request.to.id;
    this.session = request.session;
    this.#request = request;
    this.#context = context;
    this.#record = new TransferRecord(request.id, request.operationId, request.session, this.to, () => context.changed(this));
  }

  get phase(): TransferPhase {
    return this.#record.phase;
  }

  get outcome(): TransferOutcome | null {
    return this.#record.outcome;
  }

  /** See `TransferRow.pauseMs`. */
  get pauseMs(): number | null {
    return this.#record.pauseMs;
  }

  /** From the request to the settlement. */
  get latencyMs(): number {
    return this.#record.latencyMs;
  }

  row(): TransferRow {
    return this.#record.row();
  }

  /** Stops it, where it can still be stopped: a hold that ends with the swap runs to its end. The reason is shown. */
  cancel(reason: string): void {
    this.#abort.abort(new Recoverable(reason));
  }

  bereaved(): 'lives' | null {
    return this.#move?.onBereaved?.() ?? null;
  }

  /** Runs it to its one outcome. Never rejects. */
  async run(): Promise<void> {
    const { session } = this;
    if (session.transfer !== null || session.forwarder.isEnded) {
      const reason = session.forwarder.isEnded ? 'the client has left' : `it is already being moved to ${session.transfer?.to ?? '?'}`;
      this.#record.settle('refused', reason);
      return;
    }
    session.transfer = this;
    try {
      await this.#run();
      this.#settle('success', null);
    } catch (error) {
      if (error instanceof Refusal) this.#record.findings.unshift(...error.findings);
      const outcome = error instanceof Refusal ? 'refused' : error instanceof SessionLost ? 'error_fatal' : 'error_recoverable';
      this.#settle(outcome, error instanceof Error ? error.message : String(error));
    }
  }

  #settle(outcome: TransferOutcome, reason: string | null): void {
    if (this.session.transfer === this) this.session.transfer = null;
    this.#move = null;
    this.#record.settle(outcome, reason);
  }

  async #run(): Promise<void> {
    const move = this.#begin();
    this.#move = move;
    const sides = new TargetSides(move, this.#context);
    for (let attempt = 1; ; attempt++) {
      const rehearsed = await this.#prepare(move, sides, attempt);
      if (rehearsed === null) break;
      if (await relocate(move, rehearsed, this.#context.pools)) return;
    }
    await this.#moveAttached(move, sides);
  }

  /** Throws `Refusal` for what can be told without asking a server. */
  #begin(): Move {
    const { session } = this;
    const { to, mode, carry, withinMs } = this.#request;
    const target = this.#context.preflight.target(session, to);
    this.#record.toBackend = target.backend;
    const dialect = dialectOf(session.server);
    this.#record.dialect = dialect.name;
    const move = new Move({
      session,
      target,
      dialect,
      record: this.#record,
      deadlines: this.#context.deadlines,
      patience: { signal: this.#abort.signal, deadlineAt: this.#record.requestedAt + withinMs },
      wanted: mode,
      carry,
    });
    move.consider([...this.#context.preflight.obvious(session, target), ...unsuitedMode(move)]);
    return move;
  }

  /** Preflight, then all that can be done on the target while the client runs. Null: the target is open. */
  async #prepare(move: Move, sides: TargetSides, attempt: number): Promise<Rehearsed | null> {
    const place = await this.#context.prepareSlot(this.#abort.signal);
    try {
      await this.#compare(move);
      this.#record.begin('dial');
      const rehearses = (move.wanted ?? 'detached') === 'detached' && this.session.lease.mode === 'transaction';
      if (rehearses && attempt <= REHEARSALS) return await rehearse(move, sides, this.#context.pools);
      if (move.wanted === 'detached') throw new Recoverable('what it carries was something else each time it was about to move');
      await sides.open();
      return null;
    } finally {
      place();
    }
  }

  async #compare(move: Move): Promise<void> {
    const { deadlines } = move;
    const limit = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(deadlines.preflightMs)]);
    try {
      const { preflight } = this.#context;
      move.consider(await raced(preflight.compare(this.session, move.target), limit));
      const { target, dblinkSchema } = await raced(preflight.arrangements(this.session, move.target), limit);
      move.target = target;
      move.dblinkSchema = dblinkSchema;
    } catch (error) {
      if (error instanceof FactsFailure) throw error.blocker === null ? new Recoverable(error.message) : new Refusal([error.blocker]);
      if (this.#abort.signal.aborted || !limit.aborted) throw error;
      throw new Recoverable(`the servers could not be compared within ${deadlines.preflightMs} ms`);
    }
  }

  async #moveAttached(move: Move, sides: TargetSides): Promise<void> {
    const { lease } = this.session;
    let moved = false;
    try {
      await lease.hold(this.#abort.signal);
      const goesAhead = move.dialect.recheck !== undefined && move.wanted !== 'preconnect';
      if (!goesAhead || !(await moveAhead(move, sides))) await moveInOneHold(move, sides.current);
      moved = true;
    } finally {
      if (!moved) sides.discard();
      lease.unhold(moved);
    }
  }
}

function unsuitedMode({ wanted, dialect, session }: Move): Finding[] {
  if (wanted === null) return [];
  if ((wanted === 'cockroach') !== (dialect.name === 'cockroach') && wanted !== 'detached')
    return [block('mode', `mode ${wanted} is not for sessions on ${dialect.name === 'cockroach' ? 'CockroachDB' : 'PostgreSQL'}`)];
  if (wanted === 'detached' && session.lease.mode !== 'transaction')
    return [block('mode', 'mode detached is for sessions in transaction mode', 'Leave the mode out: whichever suits is chosen.')];
  return [];
}
