/** One request of the operator, or a round of the balancer: its sessions, its progress, and how it ends. */
import type { BlockerRow, OperationRow, TransferRow } from '../../contract/index.ts';
import type { Errand, Moved, Plan, Terms } from './plan.ts';
import { SessionTask, type TaskContext, type TaskEnd } from './session-task.ts';

/** What an operation needs of its planner. */
export interface OperationContext extends Pick<TaskContext, 'watch'> {
  begin(operationId: number, errand: Errand, terms: Terms, onChange: () => void): ReturnType<TaskContext['begin']>;
  /** Something in `row` changed. */
  changed(operation: Operation): void;
}

/** What every operation has settled when it begins. */
export const NOTHING_SETTLED = {
  settledAt: null,
  total: 0,
  success: 0,
  recoverable: 0,
  fatal: 0,
  refused: 0,
  forced: 0,
  cancelled: false,
  undoable: false,
  blockers: 0,
} as const satisfies Partial<OperationRow>;

const BY_OUTCOME = { success: 'success', error_recoverable: 'recoverable', error_fatal: 'fatal', refused: 'refused' } as const;

/** See the head of this file. */
export class Operation {
  /** See `Plan.restore`. */
  readonly restore: Plan['restore'];
  /** The last transfer of each session that had one, once all are settled. */
  readonly settled: Promise<TransferRow[]>;
  readonly #context: OperationContext;
  readonly #cancelled = new AbortController();
  readonly #over = new AbortController();
  /** Those under way: a settled one would keep its session long after it is gone. */
  readonly #tasks = new Set<SessionTask>();
  readonly #blocking = new Set<SessionTask>();
  /** Sessions that are or were part of it. */
  readonly #known = new Set<number>();
  readonly #rows: TransferRow[] = [];
  /** Null once it has settled: it names sessions. */
  #plan: Plan | null;
  #row: OperationRow;
  #moved: Moved[] = [];
  #settle: (rows: TransferRow[]) => void = () => {};
  #forcing: NodeJS.Timeout | null = null;

  constructor(id: number, plan: Plan, context: OperationContext) {
    const { kind, label, to, backend, withinMs, forceAfterMs } = plan;
    const startedAt = Date.now();
    const forceAt = forceAfterMs === null ? null : startedAt + forceAfterMs;
    this.restore = plan.restore;
    this.#plan = plan;
    this.#context = context;
    this.#row = {
      id,
      kind,
      label,
      to,
      backend,
      startedAt,
      // Who may be ended may move until then.
      deadlineAt: forceAt ?? startedAt + withinMs,
      forceAt,
      ...NOTHING_SETTLED,
    };
    this.settled = new Promise((resolve) => (this.#settle = resolve));
  }

  get row(): OperationRow {
    return this.#row;
  }

  /** What it has moved. */
  get moved(): readonly Moved[] {
    return this.#moved;
  }

  start(): void {
    if (this.#plan === null) return;
    const { forceAfterMs, errands } = this.#plan;
    if (forceAfterMs !== null) this.#forcing = setTimeout(() => this.#force(), forceAfterMs);
    this.#add(this.#plan, errands);
    this.#settleIfDone();
  }

  /** Stops what can still be stopped. */
  cancel(): void {
    if (this.#row.settledAt !== null) return;
    this.#cancelled.abort();
    for (const task of this.#tasks) task.stop('cancelled by the operator');
    this.#change({ cancelled: true });
  }

  /** It has been undone: it cannot be again. */
  undone(): void {
    this.#moved = [];
    this.#change({ undoable: false });
  }

  /** The sessions it waits for. */
  blockers(): BlockerRow[] {
    return [...this.#tasks].flatMap((task) => task.blocker() ?? []);
  }

  #force(): void {
    this.#over.abort();
    for (const task of this.#tasks) task.stop('the time that the operator gave it is over');
  }

  #add(plan: Plan, errands: readonly Errand[]): void {
    const added = errands.filter(({ session }) => !this.#known.has(session.id));
    for (const { session } of added) this.#known.add(session.id);
    this.#change({ total: this.#known.size });
    const context: TaskContext = {
      plan,
      deadlineAt: this.#row.deadlineAt,
      watch: this.#context.watch,
      cancelled: this.#cancelled.signal,
      over: this.#over.signal,
      begin: (errand, withinMs, onChange) => this.#context.begin(this.#row.id, errand, { ...plan, withinMs }, onChange),
      changed: (task) => this.#noteBlocker(task),
    };
    const tasks = added.map((errand) => new SessionTask(errand, context));
    for (const task of tasks) this.#tasks.add(task);
    for (const task of tasks) void task.run().then((end) => this.#taskEnded(task, end));
  }

  #noteBlocker(task: SessionTask): void {
    if (!this.#tasks.has(task) || (task.blocker() !== null) === this.#blocking.has(task)) return;
    if (!this.#blocking.delete(task)) this.#blocking.add(task);
    this.#change({ blockers: this.#blocking.size });
  }

  #taskEnded(task: SessionTask, { outcome, row, forced }: TaskEnd): void {
    this.#tasks.delete(task);
    this.#blocking.delete(task);
    if (row !== null) this.#rows.push(row);
    if (row?.outcome === 'success') {
      this.#moved.push({ sessionId: row.sessionId, from: task.errand.from, endpoint: row.toEndpoint, backend: row.toBackend });
    }
    const count = BY_OUTCOME[outcome];
    this.#change({
      [count]: this.#row[count] + 1,
      forced: this.#row.forced + Number(forced),
      blockers: this.#blocking.size,
    });
    this.#settleIfDone();
  }

  #settleIfDone(): void {
    if (this.#tasks.size > 0 || this.#plan === null) return;
    if (!this.#cancelled.signal.aborted && !this.#over.signal.aborted && Date.now() < this.#row.deadlineAt) {
      this.#add(this.#plan, this.#plan.stragglers());
      if (this.#tasks.size > 0) return;
    }
    clearTimeout(this.#forcing ?? undefined);
    this.#plan = null;
    const hasEffect = this.#moved.length > 0 || this.restore !== null;
    this.#change({ settledAt: Date.now(), blockers: 0, undoable: hasEffect && this.#row.kind !== 'undo' });
    this.#settle(this.#rows);
  }

  #change(change: Partial<OperationRow>): void {
    this.#row = { ...this.#row, ...change };
    this.#context.changed(this);
  }
}
