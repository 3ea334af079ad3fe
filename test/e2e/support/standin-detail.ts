/** The stand-in's answers about one session, and a capture that never hears a statement of a real client. */
import { CallError } from '../../../core/contract/index.ts';
import type { CapturedStatement, Handlers, SessionDetail, SessionRow } from '../../../core/contract/index.ts';
import type { World } from './standin-world.ts';

type DetailHandlers = Pick<Handlers, 'session.detail' | 'capture.start' | 'capture.stop' | 'capture.clear' | 'capture.read'>;

const longName = 'checkout_worker_of_the_third_shift_with_a_name_that_goes_on_for_far_longer_than_any_column';

/** The calls about one session. Sessions whose id divides by 4 are at work and cannot be asked. */
export function detailHandlers(world: World): DetailHandlers {
  let captured: CapturedStatement[] = [];
  return {
    'session.detail': ({ sessionId }) => {
      const row = world.sessions.get(sessionId);
      if (row === undefined) throw new CallError('unknown_session', `There is no session ${sessionId} any more.`);
      return detailOf(row, covers(world, sessionId));
    },
    'capture.start': ({ sessionIds, seconds }) => {
      const state = { until: Date.now() + seconds * 1_000, sessions: sessionIds };
      world.putHost({ capture: state });
      captured = (sessionIds ?? [...world.sessions.keys()].slice(0, 20)).flatMap((id, index) => scene(id, index));
      return state;
    },
    'capture.stop': () => {
      world.putHost({ capture: null });
      return {};
    },
    'capture.clear': () => {
      captured = [];
      return {};
    },
    'capture.read': ({ after, sessionId }) => {
      const statements = captured.filter((each) => each.id > after && (sessionId === undefined || each.sessionId === sessionId));
      const { capture } = world.host;
      return {
        statements,
        next: statements.at(-1)?.id ?? after,
        dropped: 0,
        capture,
        keptUntil: captured.length === 0 ? null : (capture?.until ?? Date.now()) + 600_000,
      };
    },
  };
}

function covers(world: World, id: number): boolean {
  const { capture } = world.host;
  return capture !== null && (capture.sessions?.includes(id) ?? true);
}

function scene(sessionId: number, index: number): CapturedStatement[] {
  const base = { sessionId, at: Date.now() - 900, name: null, isCut: false, isRedacted: false, error: null };
  return [
    { ...base, id: index * 3, via: 'query', text: "SELECT count(*) FROM orders WHERE placed > now() - interval '1 day'", ms: 3.2 },
    { ...base, id: index * 3 + 1, via: 'query', text: 'ALTER ROLE clerk PASSWORD ?', isRedacted: true, ms: 1.1 },
    { ...base, id: index * 3 + 2, via: 'execute', name: 'next_job', text: null, ms: null },
  ];
}

function detailOf(row: SessionRow, captured: boolean): SessionDetail {
  const isBusy = row.id % 4 === 0;
  const now = Date.now();
  const known = isBusy
    ? {
        source: 'tracked' as const,
        at: null,
        missing:
          'It is not asked while it is at work: busy with a query since 14:03:12 (38 s). These are what its client gave at its start and what its server reports by itself; there may be more.',
      }
    : { source: 'server' as const, at: now - 1_200, missing: null };
  return {
    sessionId: row.id,
    at: now,
    process: row.id % 5 === 0 ? null : { pid: 71_000 + row.id, name: row.id % 3 === 0 ? longName : 'node' },
    processReason: row.id % 5 === 0 ? 'It belongs to another user of this machine.' : null,
    routing: {
      routedBy: row.routedBy,
      requestedEndpoint: row.requestedEndpoint,
      endpoint: row.endpoint,
      backend: row.backend,
      database: row.database,
      role: row.user,
      user: row.user,
      poolMode: row.poolMode,
      steps: [
        `Its client named ${row.requestedEndpoint} in the startup options (endpoint=${row.requestedEndpoint}).`,
        ...(row.migrations > 0
          ? [`Moved ${row.migrations} times since: it is on ${row.backend} now, as a session of ${row.endpoint}.`]
          : []),
      ],
    },
    server:
      row.serverPid === null
        ? null
        : { pid: row.serverPid, version: '18.4', tls: null, openedAt: row.connectedAt, assignedAt: row.connectedAt + 20 },
    serverReason: row.serverPid === null ? 'It waits for one.' : null,
    settings: {
      ...known,
      rows: [
        { name: 'TimeZone', value: 'Europe/Berlin', unit: null, standard: 'UTC', from: 'session' },
        { name: 'search_path', value: `shop, ${longName}, public`, unit: null, standard: '"$user", public', from: 'session' },
        { name: 'statement_timeout', value: '30000', unit: 'ms', standard: '0', from: 'user' },
        { name: 'app.api_token', value: null, unit: null, standard: null, from: 'session' },
      ],
    },
    statements: isBusy
      ? { source: 'nowhere', at: null, missing: 'It is not asked while it is at work: busy with a query since 14:03:12 (38 s).', rows: [] }
      : {
          ...known,
          rows: [
            { name: 'next_job', kind: 'SELECT', by: 'parse', parameters: 1, bytes: 214, preparedAt: now - 60_000, text: null },
            {
              name: longName,
              kind: 'INSERT',
              by: 'prepare',
              parameters: 12,
              bytes: 2_214,
              preparedAt: now - 40_000,
              text: captured ? 'INSERT INTO orders (customer, item) VALUES ($1, $2)' : null,
            },
          ],
        },
    waits: {
      now: row.state === 'waiting' ? `It waits for a server connection of pool ${row.pool}.` : null,
      assignments: row.assignments,
      waitMs: row.waitMs,
    },
    safePoint: {
      isSafe: !isBusy,
      reason: isBusy ? 'busy with a query since 14:03:12 (38 s)' : null,
      clock: 813,
      request: row.lastRequest,
      response: row.lastResponse,
      outstanding: isBusy ? 1 : 0,
      transaction: row.transaction,
      since: row.stateSince,
      transactionSince: row.transaction === 'T' ? row.stateSince : null,
      isPipelineOpen: false,
      isCopying: false,
      isSuspended: false,
      isArmed: false,
      heldBytes: 0,
    },
    captured,
  };
}
