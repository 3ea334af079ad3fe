/** Starts transfers, one or many at a time, keeps their records and counts their outcomes. */
import { CallError, type BlockerRow, type MigrationCounters, type OperationRow, type TransferRow } from '../contract/index.ts';
import type { EndpointMap } from '../endpoints/map.ts';
import { MigrationTally } from '../metrics/migration-counters.ts';
import type { Pools } from '../pool/pools.ts';
import type { Session } from '../session/session.ts';
import type { Preflight } from './preflight.ts';
import { Transfer, type TransferContext } from './transfer.ts';

/** What the planner needs. */
export interface PlannerOptions {
  readonly sessions: ReadonlyMap<number, Session>;
  readonly map: EndpointMap;
  readonly pools: Pools;
  readonly preflight: Preflight;
  /** A transfer began, changed its phase, or settled. */
  onTransfer(row: TransferRow): void;
  onOperation(row: OperationRow): void;
}

/** A request of the operator under way: its id, and its transfers' rows once all are settled. */
export interface RunningOperation {
  readonly id: number;
  readonly settled: Promise<TransferRow[]>;
}

/** Transfers that dial and authenticate at the same time. */
const PREPARING_AT_ONCE = 8;
const RECORDS_KEPT = 1_000;

/** What is to be moved where. */
export interface Plan {
  readonly kind: OperationRow['kind'];
  readonly label: string;
  readonly to: string;
  /** The backend that is left, of a drain or a remap. */
  readonly backend: string | null;
  readonly sessions: readonly Session[];
  readonly withinMs: number;
}

interface Operation {
  row: OperationRow;
  /** Those under way: a settled one would keep its session, and what was captured of it, long after both are gone. */
  readonly underWay: Set<Transfer>;
}

/** See the head of this file. */
export class Planner {
  readonly #options: PlannerOptions;
  readonly #tally = new MigrationTally();
  readonly #operations = new Map<number, Operation>();
  readonly #settled: TransferRow[] = [];
  readonly #running = new Set<Transfer>();
  readonly #context: TransferContext;
  readonly #slots = new Slots(PREPARING_AT_ONCE);
  #nextTransfer = 1;
  #nextOperation = 1;

  constructor(options: PlannerOptions) {
    this.#options = options;
    this.#context = {
      pools: options.pools,
      preflight: options.preflight,
      prepareSlot: (signal) => this.#slots.take(signal),
      changed: (transfer) => options.onTransfer(transfer.row()),
    };
  }

  /**
   * Moves sessions to endpoint `to`, each at its own next safe point within `withinMs`. Throws `CallError`: `unknown_endpoint`,
   * `unknown_session` when none of the ids is there.
   */
  migrate(sessionIds: readonly number[], to: string, withinMs: number): RunningOperation {
    const sessions = [...new Set(sessionIds)].flatMap((id) => this.#options.sessions.get(id) ?? []);
    if (sessions.length === 0) {
      throw new CallError(
        'unknown_session',
        sessionIds.length === 1 ? `There is no session ${sessionIds[0]} any more.` : 'None of these sessions is there any more.',
      );
    }
    const label = sessions.length === 1 ? `Migrate session ${sessions[0]?.id} to ${to}` : `Migrate ${sessions.length} sessions to ${to}`;
    return this.start({ kind: 'migrate', label, to, backend: null, sessions, withinMs });
  }

  /** Moves these sessions. Throws `CallError` (`unknown_endpoint`). */
  start({ kind, label, to, backend, sessions, withinMs }: Plan): RunningOperation {
    this.#options.map.require(to);
    const id = this.#nextOperation++;
    const now = Date.now();
    const transfers = sessions.map((session) => new Transfer(this.#nextTransfer++, id, session, to, withinMs, this.#context));
    const row: OperationRow = {
      id,
      kind,
      label,
      to,
      backend,
      startedAt: now,
      deadlineAt: now + withinMs,
      forceAt: null,
      settledAt: transfers.length === 0 ? now : null,
      total: transfers.length,
      success: 0,
      recoverable: 0,
      fatal: 0,
      refused: 0,
      forced: 0,
      cancelled: false,
      undoable: false,
      blockers: 0,
    };
    const operation: Operation = { row, underWay: new Set(transfers) };
    this.#operations.set(id, operation);
    if (this.#operations.size > RECORDS_KEPT) this.#operations.delete(this.#operations.keys().next().value ?? 0);
    this.#options.onOperation(row);
    const settled = Promise.all(transfers.map((transfer) => this.#run(transfer, operation)));
    return { id, settled };
  }

  /** Stops what can still be stopped of an operation. Throws `CallError` (`unknown_operation`). */
  cancel(operationId: number): void {
    const operation = this.#operations.get(operationId);
    if (operation === undefined) throw new CallError('unknown_operation', `There is no operation ${operationId}.`);
    for (const transfer of operation.underWay) transfer.cancel('cancelled by the operator');
    this.#change(operation, { cancelled: true });
  }

  /** Which sessions an operation waits for. Throws `CallError` (`unknown_operation`). */
  blockers(operationId: number): BlockerRow[] {
    const operation = this.#operations.get(operationId);
    if (operation === undefined) throw new CallError('unknown_operation', `There is no operation ${operationId}.`);
    return [...operation.underWay].flatMap((transfer) => {
      const { phase, reason, requestedAt } = transfer.row();
      if (phase !== 'armed') return [];
      const { id, application, forwarder } = transfer.session;
      const statementKind = forwarder.journal.kind === '' ? null : forwarder.journal.kind;
      return [{ sessionId: id, application, reason: reason ?? 'it is about to move', since: requestedAt, statementKind }];
    });
  }

  /** What an operation was. Throws `CallError` (`unknown_operation`). */
  operation(operationId: number): OperationRow {
    const operation = this.#operations.get(operationId);
    if (operation === undefined) throw new CallError('unknown_operation', `There is no operation ${operationId}.`);
    return operation.row;
  }

  counters(): MigrationCounters {
    return this.#tally.snapshot();
  }

  /** Newest last: settled ones as they ended, then those under way. */
  transfers(): TransferRow[] {
    return [...this.#settled, ...[...this.#running].map((transfer) => transfer.row())];
  }

  operations(): OperationRow[] {
    return [...this.#operations.values()].map((operation) => operation.row);
  }

  async #run(transfer: Transfer, operation: Operation): Promise<TransferRow> {
    this.#tally.begin();
    this.#running.add(transfer);
    this.#options.onTransfer(transfer.row());
    await transfer.run();
    this.#running.delete(transfer);
    operation.underWay.delete(transfer);
    const row = transfer.row();
    const outcome = row.outcome ?? 'error_recoverable';
    this.#tally.settle(outcome, transfer.latencyMs, outcome === 'success' ? transfer.pauseMs : null);
    this.#settled.push(row);
    if (this.#settled.length > RECORDS_KEPT) this.#settled.shift();
    const { success, recoverable, fatal, refused } = operation.row;
    const counts = {
      success: success + Number(outcome === 'success'),
      recoverable: recoverable + Number(outcome === 'error_recoverable'),
      fatal: fatal + Number(outcome === 'error_fatal'),
      refused: refused + Number(outcome === 'refused'),
    };
    const done = counts.success + counts.recoverable + counts.fatal + counts.refused === operation.row.total;
    this.#change(operation, { ...counts, settledAt: done ? Date.now() : null });
    return row;
  }

  #change(operation: Operation, change: Partial<OperationRow>): void {
    operation.row = { ...operation.row, ...change };
    this.#options.onOperation(operation.row);
  }
}

/** A counting semaphore whose waiters can give up; p-limit was considered, but its queued tasks cannot be aborted one by one. */
class Slots {
  #free: number;
  readonly #queue: (() => void)[] = [];

  constructor(size: number) {
    this.#free = size;
  }

  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free--;
      return () => this.#give();
    }
    await new Promise<void>((resolve, reject) => {
      const turn = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      const onAbort = (): void => {
        this.#queue.splice(this.#queue.indexOf(turn), 1);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#queue.push(turn);
    });
    return () => this.#give();
  }

  #give(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}
