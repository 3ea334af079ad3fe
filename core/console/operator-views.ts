/** The views that PgBouncer has no name for: who waits and who holds, what pins, what moved, what happened. */
import type { LogEntry, ObservationRow, OperationRow, PinRow, SessionRow, TransferRow } from '../contract/index.ts';
import { waitingMs } from './connection-views.ts';
import type { ConsoleBlocker, ConsoleHost, ConsolePrepared } from './host.ts';
import { microseconds, milliseconds, seconds, view, wholeSeconds, type View } from './view.ts';

const pins = view<{ session: SessionRow; pin: PinRow }>(
  'why clients in transaction mode keep their server connection',
  (host) => host.sessions().flatMap((session) => session.pins.map((pin) => ({ session, pin }))),
  {
    client: ({ session }) => session.id,
    application_name: ({ session }) => session.application,
    user: ({ session }) => session.user,
    endpoint: ({ session }) => session.endpoint,
    server_pid: ({ session }) => session.serverPid,
    code: ({ pin }) => pin.code,
    reason: ({ pin }) => pin.reason,
    since: ({ pin }) => seconds(pin.since),
    statement: ({ pin }) => pin.statement,
    ends_when: ({ pin }) => pin.endsWhen,
  },
);

/** A waiter, and one of those who hold what it waits for. */
interface Wait {
  readonly waiter: SessionRow;
  /** 1 is served first. */
  readonly position: number;
  readonly why: string;
  /** All of its pool. */
  readonly holders: number;
  readonly holder: SessionRow | null;
}

/** Holders named per waiter: two thousand waiters for two hundred connections would make a table that nobody reads. */
const NAMED_HOLDERS = 20;

function waits(host: ConsoleHost): Wait[] {
  const holders = new Map<string, SessionRow[]>();
  const queues = new Map<string, SessionRow[]>();
  for (const session of host.sessions()) {
    if (session.serverPid !== null) entry(holders, session.pool).push(session);
    else if (session.state === 'waiting') entry(queues, session.pool).push(session);
  }
  const poolRows = new Map(host.pools().map((pool) => [pool.key, pool]));
  const paused = new Set(host.endpoints().flatMap((endpoint) => (endpoint.paused ? [endpoint.id] : [])));
  return [...queues].flatMap(([pool, queue]) => {
    const own = (holders.get(pool) ?? []).toSorted(byBlame);
    const row = poolRows.get(pool);
    return queue
      .toSorted((a, b) => a.stateSince - b.stateSince)
      .flatMap((waiter, index): Wait[] => {
        const why = paused.has(waiter.endpoint)
          ? 'the endpoint is paused'
          : row !== undefined && row.waiting === 0 && row.connecting > 0
            ? 'a server connection is being opened'
            : 'all server connections are in use';
        const line = { waiter, position: index + 1, why, holders: own.length };
        return own.length === 0 ? [{ ...line, holder: null }] : own.slice(0, NAMED_HOLDERS).map((holder) => ({ ...line, holder }));
      });
  });
}

function entry(map: Map<string, SessionRow[]>, key: string): SessionRow[] {
  const list = map.get(key) ?? [];
  map.set(key, list);
  return list;
}

const blame = ['idle in transaction (aborted)', 'idle in transaction', 'idle', 'active'];

/** Who holds without doing anything comes first, and of these who has done so for longest. */
function byBlame(a: SessionRow, b: SessionRow): number {
  const rank = ({ state }: SessionRow): number => (blame.indexOf(state) + blame.length + 1) % (blame.length + 1);
  return rank(a) - rank(b) || a.stateSince - b.stateSince;
}

const waitsView = view<Wait>(
  `who waits for a server connection, and who holds those of its pool (${NAMED_HOLDERS} per waiter, the idle ones first)`,
  waits,
  {
    client: ({ waiter }) => waiter.id,
    application_name: ({ waiter }) => waiter.application,
    user: ({ waiter }) => waiter.user,
    endpoint: ({ waiter }) => waiter.endpoint,
    pool: ({ waiter }) => waiter.pool,
    position: ({ position }) => position,
    wait: ({ waiter }, now) => wholeSeconds(waitingMs(waiter, now)),
    wait_us: ({ waiter }, now) => microseconds(waitingMs(waiter, now)),
    why: ({ why }) => why,
    holders: ({ holders }) => holders,
    holder: ({ holder }) => holder?.id ?? null,
    holder_application_name: ({ holder }) => holder?.application ?? null,
    holder_server_pid: ({ holder }) => holder?.serverPid ?? null,
    holder_state: ({ holder }) => holder?.state ?? null,
    holder_since: ({ holder }) => seconds(holder?.stateSince ?? null),
    holder_statement_kind: ({ holder }) => holder?.statementKind ?? null,
    holder_pins: ({ holder }) => holder?.pins.map((pin) => pin.reason).join('; ') || null,
  },
);

const prepared = view<ConsolePrepared>('prepared statements of clients in transaction mode', (host) => host.prepared(), {
  client: (row) => row.sessionId,
  name: (row) => row.name,
  server_name: (row) => row.serverName,
  shared: (row) => row.isShared,
  statement: (row) => row.statement,
});

const events = view<LogEntry>('what happened, newest last', (host) => host.log(), {
  id: (row) => row.id,
  at: (row) => seconds(row.at),
  level: (row) => row.level,
  code: (row) => row.code,
  message: (row) => row.message,
  client: (row) => row.sessionId,
  repeats: (row) => row.repeats,
});

const transfers = view<TransferRow>('transfers, running and settled', (host) => host.transfers(), {
  id: (row) => row.id,
  operation: (row) => row.operationId,
  client: (row) => row.sessionId,
  application_name: (row) => row.application,
  from_endpoint: (row) => row.fromEndpoint,
  to_endpoint: (row) => row.toEndpoint,
  from_backend: (row) => row.fromBackend,
  to_backend: (row) => row.toBackend,
  phase: (row) => row.phase,
  outcome: (row) => row.outcome,
  reason: (row) => row.reason,
  pause_ms: (row) => milliseconds(row.pauseMs),
  latency_ms: (row) => (row.settledAt === null ? null : milliseconds(row.settledAt - row.requestedAt)),
  state_bytes: (row) => row.stateBytes,
  requested_at: (row) => seconds(row.requestedAt),
  settled_at: (row) => seconds(row.settledAt),
  mode: (row) => row.mode,
  attempts: (row) => row.attempts,
  held_bytes: (row) => row.heldBytes,
});

const operations = view<OperationRow>('what was asked to move, one line per request', (host) => host.operations(), {
  id: (row) => row.id,
  label: (row) => row.label,
  to_endpoint: (row) => row.to,
  started_at: (row) => seconds(row.startedAt),
  deadline_at: (row) => seconds(row.deadlineAt),
  settled_at: (row) => seconds(row.settledAt),
  total: (row) => row.total,
  success: (row) => row.success,
  recoverable: (row) => row.recoverable,
  fatal: (row) => row.fatal,
  refused: (row) => row.refused,
  cancelled: (row) => row.cancelled,
  kind: (row) => row.kind,
  backend: (row) => row.backend,
  force_at: (row) => seconds(row.forceAt),
  forced: (row) => row.forced,
  blockers: (row) => row.blockers,
  undoable: (row) => row.undoable,
});

const blockers = view<ConsoleBlocker>('sessions that operations under way wait for', (host) => host.blockers(), {
  operation: (row) => row.operationId,
  client: (row) => row.sessionId,
  application_name: (row) => row.application,
  reason: (row) => row.reason,
  since: (row) => seconds(row.since),
  statement_kind: (row) => row.statementKind,
});

const observations = view<ObservationRow>(
  'what would have broken behind a transaction pooler (profile observe)',
  (host) => host.observations(),
  {
    endpoint: (row) => row.endpoint,
    application_name: (row) => row.application,
    code: (row) => row.code,
    count: (row) => row.count,
    message: (row) => row.message,
    fix: (row) => row.fix,
    statement: (row) => row.statement,
    first_at: (row) => seconds(row.firstAt),
    last_at: (row) => seconds(row.lastAt),
  },
);

/** See the head of this file. */
export const operatorViews = {
  WAITS: waitsView,
  PINS: pins,
  PREPARED: prepared,
  OBSERVATIONS: observations,
  EVENTS: events,
  MIGRATIONS: transfers,
  TRANSFERS: { ...transfers, help: 'the same as SHOW MIGRATIONS' },
  OPERATIONS: operations,
  BLOCKERS: blockers,
} satisfies Record<string, View>;
