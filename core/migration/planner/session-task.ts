/** One session of an operation: its transfers, one after the other, until it has moved or it is given up. */
import type { BlockerRow, TransferOutcome, TransferRow } from '../../contract/index.ts';
import type { Transfer } from '../transfer/transfer.ts';
import { endForced } from './forced-end.ts';
import type { Errand, Plan } from './plan.ts';
import { Retry } from './retry.ts';
import type { SessionWatch } from './session-watch.ts';

/** What a task needs of its operation. */
export interface TaskContext {
  readonly plan: Plan;
  /** Milliseconds since the epoch. */
  readonly deadlineAt: number;
  readonly watch: SessionWatch;
  /** The operator has cancelled the operation. */
  readonly cancelled: AbortSignal;
  /** The time after which sessions are ended is over; never, where there is none. */
  readonly over: AbortSignal;
  /** Begins a transfer; `onChange` hears of each of its phases. */
  begin(errand: Errand, withinMs: number, onChange: () => void): { readonly transfer: Transfer; readonly settled: Promise<TransferRow> };
  /** Whether it is waited for has changed. */
  changed(task: SessionTask): void;
}

/** How a task ended. */
export interface TaskEnd {
  readonly outcome: TransferOutcome;
  /** Its last transfer; null: there was none. */
  readonly row: TransferRow | null;
  /** The session was ended because it had not moved in time. */
  readonly forced: boolean;
}

/** See the head of this file. */
export class SessionTask {
  readonly errand: Errand;
  readonly #context: TaskContext;
  readonly #retry: Retry;
  /** Either of the two ends what it waits for. */
  readonly #stop: AbortSignal;
  #transfer: Transfer | null = null;
  #last: TransferRow | null = null;
  /** What it waits for between two transfers. */
  #pending: { readonly reason: string; readonly since: number } | null = null;

  constructor(errand: Errand, context: TaskContext) {
    this.errand = errand;
    this.#context = context;
    this.#stop = AbortSignal.any([context.cancelled, context.over]);
    this.#retry = new Retry(errand.session, context.watch, this.#stop, context.deadlineAt);
  }

  /** Stops what can be stopped of the transfer under way. */
  stop(reason: string): void {
    this.#transfer?.cancel(reason);
  }

  /** What the operation waits for in this session; null: for nothing that the session could do something about. */
  blocker(): BlockerRow | null {
    const { id, application, forwarder } = this.errand.session;
    const { link, journal } = forwarder;
    const armed = this.#transfer?.phase === 'armed' ? forwarder.unsafeReason() : null;
    const waits = armed === null ? this.#pending : { reason: armed, since: link.transactionSince || link.busySince };
    if (waits === null) return null;
    return { sessionId: id, application, ...waits, statementKind: journal.kind === '' ? null : journal.kind };
  }

  /** Runs it to its end. Never rejects. */
  async run(): Promise<TaskEnd> {
    const { session } = this.errand;
    const { plan, deadlineAt } = this.#context;
    while (!this.#stop.aborted) {
      if (plan.isDone(session)) return this.#end('success');
      if (session.transfer !== null && plan.persists) {
        this.#waitFor(`it is already being moved to ${session.transfer.to}`);
        if (!(await this.#retry.change()) || session.forwarder.isEnded) break;
        continue;
      }
      const { outcome, reason, findings } = await this.#attempt();
      if (outcome === 'success') return this.#end('success');
      if (session.forwarder.isEnded || !plan.persists || Date.now() >= deadlineAt) break;
      this.#waitFor(reason ?? 'it did not move');
      if (!(await this.#retry.wait({ outcome, findings }))) break;
    }
    if (plan.isDone(session)) return this.#end('success');
    return this.#end(this.#last?.outcome ?? 'refused', await this.#endForced());
  }

  async #attempt(): Promise<TransferRow> {
    const context = this.#context;
    const before = this.#pending;
    this.#pending = null;
    const { transfer, settled } = context.begin(this.errand, Math.max(0, context.deadlineAt - Date.now()), () => context.changed(this));
    this.#transfer = transfer;
    const row = await settled;
    this.#transfer = null;
    this.#last = row;
    // The same reason again: it has held all the time.
    if (before !== null && before.reason === row.reason) this.#pending = before;
    return row;
  }

  #waitFor(reason: string): void {
    if (this.#pending?.reason !== reason) this.#pending = { reason, since: Date.now() };
    this.#context.changed(this);
  }

  /** Ends a session that has not moved, if the operator wants that, when it is time. */
  async #endForced(): Promise<boolean> {
    const { session } = this.errand;
    const { plan, cancelled, over } = this.#context;
    const isStill = (): boolean => !session.forwarder.isEnded && !cancelled.aborted && !plan.isDone(session);
    if (plan.forceAfterMs === null || !isStill()) return false;
    this.#waitFor(this.#last?.reason ?? 'it did not move');
    await aborted(this.#stop);
    if (!over.aborted || !isStill()) return false;
    await endForced(session, plan.forcedEnd);
    return true;
  }

  #end(outcome: TransferOutcome, forced = false): TaskEnd {
    this.#pending = null;
    return { outcome, row: this.#last, forced };
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
