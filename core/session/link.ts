/**
 * What the two processors of a session share: the logical clock, the expected answers, the transaction status, the counters.
 * The first seed's clock and last message types explain a session's state to an operator; the decision is made by counting
 * (cockroach-migration.md 1.3).
 */
import { Status } from '../wire/codes.ts';
import { ExpectedAnswers } from './expected-answers.ts';
import type { StatementNames } from './statements/names.ts';
import type { StatementTap } from './statement-tap.ts';

/** Shared state of one session's two directions. Times are milliseconds since the epoch. */
export class Link {
  /** Counts messages of both directions. */
  clock = 0;
  readonly expected = new ExpectedAnswers();
  /** What the client's prepared-statement names stand for, where they are not the server's; null: they are. Changed at safe points only. */
  names: StatementNames | null = null;
  /** Transaction status byte of the last ReadyForQuery. */
  status: number = Status.Idle;
  /** Hears the session's statements; null: nobody asked for them. */
  capture: StatementTap | null = null;
  /** While true nothing of the client's is forwarded. */
  suspended = false;
  /** A transfer waits for the next safe point: input is held behind every request until its answer is in. */
  armed = false;
  /** The server has begun to stream both ways (CopyBothResponse): its answer ends only when the client ends it. */
  streaming = false;
  /** Last message type and clock of the request and the response processor; 0 before the first. */
  requestType = 0;
  requestAt = 0;
  responseType = 0;
  responseAt = 0;
  /** Since when the session is busy or idle. */
  busySince = Date.now();
  /** Since when the transaction is open; 0 when none is. */
  transactionSince = 0;
  queries = 0;
  transactions = 0;
  bytesIn = 0;
  bytesOut = 0;
  /** Time with an answer outstanding, and with a transaction open, in milliseconds. */
  queryMs = 0;
  transactionMs = 0;
  parses = 0;
  binds = 0;
  /** Called at each ReadyForQuery with nothing outstanding and no transaction open, in the middle of reading; null: nobody waits for it. */
  onIdle: (() => void) | null = null;

  /** A request that will be answered goes out. */
  requested(): void {
    this.queries++;
    if (this.expected.outstanding !== 1) return;
    this.busySince = Date.now();
    if (this.transactionSince === 0) this.transactionSince = this.busySince;
  }

  /** ReadyForQuery came in. */
  ready(status: number): void {
    this.expected.ready();
    if (this.capture !== null) this.capture.ready();
    this.streaming = false;
    this.status = status;
    const done = this.expected.outstanding === 0;
    if (!done && status !== Status.Idle) return;
    const now = Date.now();
    if (done) {
      this.queryMs += now - this.busySince;
      this.busySince = now;
    }
    if (status === Status.Idle) {
      this.transactions++;
      this.transactionMs += this.transactionSince === 0 ? 0 : now - this.transactionSince;
      this.transactionSince = done ? 0 : now;
      if (done) this.onIdle?.();
    }
  }
}
