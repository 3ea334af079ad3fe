/** What becomes of sessions that take longer than they may: looked at by one timer for all, so that a session costs none of its own. */
import type { Settings } from '../contract/index.ts';
import { idleEnd, type SessionEnd } from './idle.ts';
import type { Session } from './session.ts';

type Times = Settings['times'];

/** What was under way at the last look, and since when. */
interface Progress {
  readonly mark: number;
  since: number;
}

/** What the owner of the sessions hears. */
export interface DeadlineEvents {
  report(level: 'info' | 'warn', code: string, message: string, sessionId: number): void;
}

/** See the head of this file. */
export class Deadlines {
  /** Which request it was at the last look: a pipeline is no single statement, and its session is never idle. */
  readonly #progress = new WeakMap<Session, Progress>();
  readonly #events: DeadlineEvents;
  #lastSweep = 0;

  constructor(events: DeadlineEvents) {
    this.#events = events;
  }

  /** Ends or cancels what is over its time; `now` in milliseconds since the epoch. */
  sweep(sessions: Iterable<Session>, times: Times, now: number): void {
    const { idleClient, idleInTransaction, query, transaction } = times;
    if (idleClient === 0 && idleInTransaction === 0 && query === 0 && transaction === 0) return;
    for (const session of sessions) {
      const end = idleEnd(session, times, now) ?? transactionEnd(session, transaction, now);
      if (end !== null) this.#end(session, end);
      else if (query > 0) this.#limitStatement(session, query, now);
    }
    this.#lastSweep = now;
  }

  #end(session: Session, end: SessionEnd): void {
    const code = end.sqlState === '25P04' ? 'transaction_timeout' : 'idle_closed';
    this.#events.report('info', code, `${nameOf(session)} was closed: ${end.message}.`, session.id);
    session.end(end.sqlState, end.message, end.hint);
  }

  #limitStatement(session: Session, limit: number, now: number): void {
    const { forwarder } = session;
    const { link } = forwarder;
    const mark = isRunning(session) ? (link.expected.outstanding > 0 ? link.queries - link.expected.outstanding : -link.requestAt) : null;
    if (mark === null) {
      this.#progress.delete(session);
      return;
    }
    const known = this.#progress.get(session);
    if (known?.mark !== mark) {
      // It began at some moment since the last look; `busySince` says when, unless it stood in a pipeline.
      const since = link.expected.outstanding > 0 ? Math.max(link.busySince, this.#lastSweep) : now;
      this.#progress.set(session, { mark, since: Math.min(since, now) });
      return;
    }
    if (now - known.since < limit * 1000) return;
    // A cancel can come to nothing (in COPY FROM STDIN the server hears it with the next data): said again after the same time.
    known.since = now;
    this.#events.report(
      'info',
      'query_timeout',
      `A statement of ${nameOf(session)} was cancelled: it ran for more than ${limit} s.`,
      session.id,
    );
    if (!forwarder.response.inMessage)
      forwarder.notice({
        sqlState: '57014',
        message: `Switchyard: the statement is cancelled because it has run for more than ${limit} s`,
        hint: 'times.query in the settings of Switchyard.',
      });
    forwarder.cancel();
  }
}

/** Something of the client's runs on a server, and it is time that a client can be held to. */
function isRunning({ identity, forwarder }: Session): boolean {
  const { link, server, isEnded, isDeparting } = forwarder;
  if (server === null || link.suspended || isEnded || isDeparting || identity.replication || link.streaming) return false;
  // In an open cycle only a Flush brings answers: what came last is the client's, or nothing runs.
  return link.expected.outstanding > 0 || (link.expected.cycleOpen && link.requestAt > link.responseAt);
}

function transactionEnd({ identity, forwarder }: Session, limit: number, now: number): SessionEnd | null {
  const { link, isEnded, isDeparting, server } = forwarder;
  if (limit === 0 || server === null || link.suspended || isEnded || isDeparting || identity.replication || link.streaming) return null;
  if (link.transactionSince === 0 || now - link.transactionSince < limit * 1000) return null;
  return {
    sqlState: '25P04',
    message: 'terminating connection due to transaction timeout',
    hint: `Switchyard allows ${limit} s for a transaction (times.transaction).`,
  };
}

function nameOf(session: Session): string {
  return `session ${session.id} (${session.application || 'unnamed'})`;
}
