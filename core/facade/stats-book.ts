/** Totals per endpoint that never fall: what sessions have done is booked as they do it, not when they leave. */
import { averageFigures, type ConsoleStats, type StatFigures } from '../console/host.ts';
import type { Session } from '../session/session.ts';

const NOTHING: StatFigures = {
  serverAssignments: 0,
  transactions: 0,
  queries: 0,
  received: 0,
  sent: 0,
  transactionUs: 0,
  queryUs: 0,
  waitUs: 0,
  clientParses: 0,
  serverParses: 0,
  binds: 0,
  clientLogins: 0,
};
/** PgBouncer's stats_period. */
const PERIOD_MS = 60_000;

/** See the head of this file. */
export class StatsBook {
  readonly #totals = new Map<string, StatFigures>();
  readonly #booked = new WeakMap<Session, StatFigures>();
  #periodStart = Date.now();
  #atPeriodStart = new Map<string, StatFigures>();
  #averages = new Map<string, StatFigures>();

  /** Books what a session has done since it was last booked, on the endpoint it belongs to now. */
  book(session: Session): void {
    const now = figuresOf(session);
    const before = this.#booked.get(session) ?? NOTHING;
    this.#booked.set(session, now);
    this.#totals.set(session.place.endpoint, combine(this.#totals.get(session.place.endpoint) ?? NOTHING, now, before));
  }

  /** Books all and, once a minute, starts a new period for the averages. */
  bookAll(sessions: Iterable<Session>): void {
    for (const session of sessions) this.book(session);
    const now = Date.now();
    if (now - this.#periodStart < PERIOD_MS) return;
    this.#averages = new Map(
      [...this.#totals].map(([id, total]) => [
        id,
        averageFigures(this.#atPeriodStart.get(id) ?? NOTHING, total, (now - this.#periodStart) / 1000),
      ]),
    );
    this.#atPeriodStart = new Map(this.#totals);
    this.#periodStart = now;
  }

  rows(): ConsoleStats[] {
    return [...this.#totals].map(([database, total]) => ({ database, total, average: this.#averages.get(database) ?? NOTHING }));
  }

  /** Over all endpoints. */
  sum(): { queries: number; received: number; sent: number } {
    let queries = 0;
    let received = 0;
    let sent = 0;
    for (const total of this.#totals.values()) {
      queries += total.queries;
      received += total.received;
      sent += total.sent;
    }
    return { queries, received, sent };
  }
}

function figuresOf(session: Session): StatFigures {
  const { link } = session.forwarder;
  return {
    serverAssignments: session.assignments,
    transactions: link.transactions,
    queries: link.queries,
    received: link.bytesIn,
    sent: link.bytesOut,
    transactionUs: link.transactionMs * 1000,
    queryUs: link.queryMs * 1000,
    waitUs: session.waitMs * 1000,
    clientParses: link.parses,
    serverParses: link.parses,
    binds: link.binds,
    clientLogins: 1,
  };
}

function combine(total: StatFigures, now: StatFigures, before: StatFigures): StatFigures {
  const names = Object.keys(NOTHING) as (keyof StatFigures)[];
  return Object.fromEntries(names.map((name) => [name, total[name] + now[name] - before[name]])) as unknown as StatFigures;
}
