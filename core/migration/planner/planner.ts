/** Starts transfers, one or many at a time, keeps their records and counts their outcomes. */
import {
  CallError,
  type BlockerRow,
  type MigrationCounters,
  type OperationRow,
  type Settings,
  type TransferRow,
  type CarryOptions,
} from '../../contract/index.ts';
import { backendId, type EndpointMap, type EndpointSpec } from '../../endpoints/map.ts';
import type { Redirects } from '../../endpoints/redirects.ts';
import { MigrationTally } from '../../metrics/migration-counters.ts';
import type { Pools } from '../../pool/pools.ts';
import type { Session } from '../../session/session.ts';
import type { Preflight } from '../preflight/preflight.ts';
import { transferDeadlines, type TransferDeadlines } from '../transfer/deadlines.ts';
import { Transfer, type TransferContext } from '../transfer/transfer.ts';
import { Operation } from './operation.ts';
import { Pace } from './pace.ts';
import type { Errand, Plan, Terms } from './plan.ts';
import { balancePlan, drainPlan, migratePlan, remapPlan, undoPlan } from './plans.ts';
import { SessionWatch } from './session-watch.ts';

/** What the planner needs. */
export interface PlannerOptions {
  readonly sessions: ReadonlyMap<number, Session>;
  readonly map: EndpointMap;
  readonly redirects: Redirects;
  readonly pools: Pools;
  readonly preflight: Preflight;
  /** Where not as usual. */
  readonly deadlines?: Partial<TransferDeadlines> | undefined;
  /** Of the moment. */
  settings(): Settings['migration'];
  /** A transfer began, changed its phase, or settled. */
  onTransfer(row: TransferRow): void;
  onOperation(row: OperationRow): void;
  /** A session is on another backend. */
  onMoved(session: Session): void;
}

/** A request of the operator under way: its id, and the last transfer of each session once all are settled. */
export interface RunningOperation {
  readonly id: number;
  readonly settled: Promise<TransferRow[]>;
}

/** Terms of which all but the time may be left out: then as the settings say, and nobody is ended. */
export type TermsInput = Pick<Terms, 'withinMs'> & { readonly [K in keyof Omit<Terms, 'withinMs'>]?: Terms[K] | undefined };

/** An operation that moves nobody: it has a number and a record like all others. */
export interface HostedOperation {
  readonly row: OperationRow;
  readonly settled: Promise<TransferRow[]>;
  cancel(): void;
  blockers(): BlockerRow[];
}

const RECORDS_KEPT = 1_000;

/** See the head of this file. */
export class Planner {
  readonly #options: PlannerOptions;
  readonly #tally = new MigrationTally();
  readonly #operations = new Map<number, Operation | HostedOperation>();
  readonly #settled: TransferRow[] = [];
  /** With the backend that each goes to. */
  readonly #running = new Map<Transfer, string>();
  readonly #watch = new SessionWatch();
  readonly #pace: Pace;
  #nextTransfer = 1;
  #nextOperation = 1;

  constructor(options: PlannerOptions) {
    this.#options = options;
    this.#pace = new Pace(() => options.settings());
  }

  /**
   * Moves sessions to endpoint `to`, each at its own next safe point. Throws `CallError`: `unknown_endpoint`, `draining`, `unknown_session`
   * when none of the ids is there.
   */
  migrate(sessionIds: readonly number[], to: string, terms: TermsInput): RunningOperation {
    return this.#start(migratePlan(this.#options, sessionIds, this.#target(to), this.#terms(terms)));
  }

  /**
   * Points endpoint `after.id` where `after` says, and moves its sessions there. Throws `CallError`: `unknown_endpoint`, `same_backend`,
   * `draining`.
   */
  remap(after: EndpointSpec, terms: TermsInput): RunningOperation {
    const { map } = this.#options;
    const before = map.require(after.id);
    const backend = backendId(after);
    if (backend === backendId(before)) throw new CallError('same_backend', `Endpoint ${after.id} points at ${backend} already.`);
    this.#refuseDrained(backend);
    map.set(after);
    return this.#start(remapPlan(this.#options, before, after, this.#terms(terms)));
  }

  /**
   * Moves every session off a backend, and takes new clients to endpoint `to`. Throws `CallError`: `unknown_backend`, `unknown_endpoint`,
   * `same_backend`, `draining`.
   */
  drain(backend: string, to: string, terms: TermsInput): RunningOperation {
    const { map, redirects, sessions } = this.#options;
    const target = this.#target(to);
    const isKnown =
      map.list().some((spec) => backendId(spec) === backend) || [...sessions.values()].some((each) => each.backend === backend);
    if (!isKnown) {
      throw new CallError('unknown_backend', `No endpoint points at ${backend}, and no session is there.`);
    }
    redirects.set(backend, to);
    for (const [transfer, at] of this.#running) if (at === backend) transfer.cancel(`${backend} is being drained`);
    const operation = this.#start(drainPlan(this.#options, backend, target, this.#terms(terms)));
    this.#renew(backend);
    void operation.settled.then(() => {
      if (redirects.of(backend) !== null) this.#renew(backend);
    });
    return operation;
  }

  /** Lets new clients come to a backend again. Throws `CallError` (`not_drained`). */
  undrain(backend: string): void {
    if (!this.#options.redirects.delete(backend)) throw new CallError('not_drained', `${backend} is not being drained.`);
  }

  /** See the call of that name. Throws `CallError`: `unknown_operation`, `not_undoable`. */
  undo(operationId: number, terms: TermsInput): RunningOperation {
    const operation = this.#require(operationId);
    const { row } = operation;
    if (!row.undoable || !(operation instanceof Operation)) {
      throw new CallError(
        'not_undoable',
        row.settledAt === null ? `${row.label} has not ended yet.` : `${row.label} has nothing that could be undone.`,
        row.settledAt === null ? 'Cancel it first.' : null,
      );
    }
    const { restore, moved } = operation;
    const plan = undoPlan(this.#options, row, moved, this.#terms(terms));
    if (plan.errands.length === 0 && restore === null) {
      throw new CallError('not_undoable', 'None of the sessions that it moved is still where it was moved to.');
    }
    // A drain's own server takes sessions again as soon as that is restored.
    for (const { to } of plan.errands) if (row.kind !== 'drain' || backendId(to) !== row.backend) this.#refuseDrained(backendId(to));
    restore?.();
    operation.undone();
    return this.#start(plan);
  }

  /** A round of the balancer: `sessions` go to endpoint `to`. Throws `CallError`: `unknown_endpoint`, `draining`. */
  balance(group: string, to: string, sessions: readonly Session[], withinMs: number): RunningOperation {
    return this.#start(balancePlan(this.#options, group, this.#target(to), sessions, this.#terms({ withinMs })));
  }

  /** Keeps an operation of somebody else's beside its own, under the number that `make` is given. */
  host<T extends HostedOperation>(make: (id: number) => T): T {
    const id = this.#nextOperation++;
    const operation = make(id);
    this.#keep(id, operation);
    return operation;
  }

  /** Stops what can still be stopped of an operation. Throws `CallError` (`unknown_operation`). */
  cancel(operationId: number): void {
    this.#require(operationId).cancel();
  }

  /** Which sessions an operation waits for. Throws `CallError` (`unknown_operation`). */
  blockers(operationId: number): BlockerRow[] {
    return this.#require(operationId).blockers();
  }

  /** The last transfer of each session of an operation, once all are settled. Throws `CallError` (`unknown_operation`). */
  settled(operationId: number): Promise<TransferRow[]> {
    const operation = this.#require(operationId);
    return operation instanceof Operation ? operation.settled : Promise.resolve([]);
  }

  /** Where sessions go, or how, has changed: what was refused is worth another try. */
  lookAgain(): void {
    this.#watch.changedAll();
  }

  /** A session is over. */
  ended(session: Session): void {
    this.#watch.changed(session);
  }

  /** Ends every wait. */
  close(): void {
    for (const operation of this.#operations.values()) operation.cancel();
  }

  counters(): MigrationCounters {
    return this.#tally.snapshot();
  }

  /** Newest last: settled ones as they ended, then those under way. */
  transfers(): TransferRow[] {
    return [...this.#settled, ...[...this.#running.keys()].map((transfer) => transfer.row())];
  }

  operations(): OperationRow[] {
    return [...this.#operations.values()].map((operation) => operation.row);
  }

  #start(plan: Plan): RunningOperation {
    const id = this.#nextOperation++;
    const operation = new Operation(id, plan, {
      watch: this.#watch,
      begin: (operationId, errand, terms, onChange) => this.#begin(operationId, errand, terms, onChange),
      changed: ({ row }) => this.#options.onOperation(row),
    });
    this.#keep(id, operation);
    operation.start();
    return { id, settled: operation.settled };
  }

  #begin(
    operationId: number,
    { session, to }: Errand,
    { withinMs, mode, carry }: Terms,
    onChange: () => void,
  ): { transfer: Transfer; settled: Promise<TransferRow> } {
    const backend = backendId(to);
    const { pools, preflight } = this.#options;
    const context: TransferContext = {
      pools,
      preflight,
      deadlines: transferDeadlines(this.#options.deadlines),
      prepareSlot: (signal) => this.#pace.take(backend, signal),
      changed: (each) => {
        this.#options.onTransfer(each.row());
        onChange();
      },
    };
    const transfer = new Transfer({ id: this.#nextTransfer++, operationId, session, to, withinMs, mode, carry }, context);
    return { transfer, settled: this.#run(transfer, backend) };
  }

  async #run(transfer: Transfer, backend: string): Promise<TransferRow> {
    this.#tally.begin();
    this.#running.set(transfer, backend);
    this.#options.onTransfer(transfer.row());
    await transfer.run();
    this.#running.delete(transfer);
    const row = transfer.row();
    const outcome = row.outcome ?? 'error_recoverable';
    this.#tally.settle(outcome, transfer.latencyMs, outcome === 'success' ? transfer.pauseMs : null);
    this.#settled.push(row);
    if (this.#settled.length > RECORDS_KEPT) this.#settled.shift();
    if (outcome === 'success') this.#options.onMoved(transfer.session);
    this.#watch.changed(transfer.session);
    return row;
  }

  /** Server connections that nobody uses are closed now, others as they are given back. */
  #renew(backend: string): void {
    for (const pool of this.#options.pools.all()) if (pool.backend === backend) pool.renew();
  }

  #keep(id: number, operation: Operation | HostedOperation): void {
    this.#operations.set(id, operation);
    if (this.#operations.size > RECORDS_KEPT) this.#forgetOldest();
  }

  #require(operationId: number): Operation | HostedOperation {
    const operation = this.#operations.get(operationId);
    if (operation === undefined) throw new CallError('unknown_operation', `There is no operation ${operationId}.`);
    return operation;
  }

  /** The line of an endpoint that sessions may move to. Throws `CallError`: `unknown_endpoint`, `draining`. */
  #target(id: string): EndpointSpec {
    const spec = this.#options.map.require(id);
    this.#refuseDrained(backendId(spec));
    return spec;
  }

  #refuseDrained(backend: string): void {
    if (this.#options.redirects.of(backend) === null) return;
    throw new CallError('draining', `${backend} is being drained.`, `UNDRAIN BACKEND ${backend}, or undo the drain, first.`);
  }

  /** What is carried along where nobody says otherwise. */
  get carry(): CarryOptions {
    return this.#options.settings().carry;
  }

  #terms({ withinMs, forceAfterMs, mode, carry }: TermsInput): Terms {
    return { withinMs, forceAfterMs: forceAfterMs ?? null, mode: mode ?? null, carry: carry ?? this.carry };
  }

  /** One that is under way is not forgotten. */
  #forgetOldest(): void {
    for (const [id, { row }] of this.#operations) {
      if (row.settledAt === null) continue;
      this.#operations.delete(id);
      return;
    }
  }
}
