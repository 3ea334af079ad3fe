/**
 * The stand-in's pools in transaction mode: an exhausted pool with who waits and who holds, pins, observations, and the calls that
 * change them. What a session does here is scripted; it stands still until a call moves it.
 */
import { CallError } from '../../../core/contract/index.ts';
import type { EndpointRow, Handlers, ObservationRow, PinRow, PoolRow, SessionRow } from '../../../core/contract/index.ts';
import type { World } from './standin-world.ts';

/** What the scene has, beside what every scene has: four holders, one of them pinned. */
export interface PoolingScene {
  /** Sessions that wait for one of the four server connections; 3 if left out. */
  waiters?: number;
  /** Further sessions with pins. */
  pinned?: number;
  /** Further pools. */
  pools?: number;
  observations?: number;
  /** In how many milliseconds a pause gives up, whatever was asked for. */
  pauseWithinMs?: number;
  /** An endpoint whose mode cannot be switched. */
  refused?: string;
}

/** The calls that are about pools. */
export type PoolingHandlers = Pick<
  Handlers,
  | 'session.cancel'
  | 'session.rollback'
  | 'endpoints.pooling'
  | 'pool.pause'
  | 'pool.resume'
  | 'pool.reconnect'
  | 'pool.kill'
  | 'observations.clear'
>;

/** Server connections that the exhausted pool may have. */
export const POOL_SIZE = 4;
/** How long a call takes that a server has to answer. */
const ANSWER_MS = 250;

const lock: Omit<PinRow, 'since'> = {
  code: 'advisory_lock',
  reason: 'it holds advisory locks: 4711',
  statement: 'SELECT pg_advisory_lock($1)',
  endsWhen: 'pg_advisory_unlock of each, or pg_advisory_unlock_all',
};
const basket: Omit<PinRow, 'since'> = {
  code: 'temp_object',
  reason: 'it has temporary objects: basket',
  statement: 'CREATE TEMP TABLE basket (item int, amount numeric)',
  endsWhen: 'they are dropped, or DISCARD TEMP or DISCARD ALL',
};

/** Puts the scene into a world with at least two endpoints. Ids from 1: four holders, then the waiters, the pinned, the rest detached. */
export function arrangePooling(world: World, scene: PoolingScene): void {
  const [a, b, c] = world.endpoints;
  if (!a || !b) throw new Error('a scene of pools needs two endpoints');
  world.endpoints = [
    { ...a, poolMode: 'transaction', profile: 'strict' },
    b,
    ...(c ? [{ ...c, poolMode: 'transaction' as const, profile: 'observe' as const }] : []),
  ];
  const now = Date.now();
  const waiters = scene.waiters ?? 3;
  for (const row of [...world.sessions.values()]) {
    if (row.endpoint !== a.id && row.id > POOL_SIZE + waiters) continue;
    world.still.add(row.id);
    world.putSession({ ...arranged(row, waiters, now, a), pins: row.id <= POOL_SIZE + waiters ? [] : pinsOf(row.id, waiters, scene, now) });
  }
  const third = world.sessions.get(3);
  if (third) world.putSession({ ...third, pins: [{ ...lock, since: now - 600_000 }] });
  world.observations = observationsOf(scene.observations ?? 0, c?.id ?? b.id, now);
  world.pools = () => [...poolRowsOf(world, a), ...furtherPools(scene.pools ?? 0, b)];
}

function arranged(row: SessionRow, waiters: number, now: number, endpoint: EndpointRow): SessionRow {
  const base: SessionRow = {
    ...row,
    endpoint: endpoint.id,
    backend: endpoint.backend,
    requestedEndpoint: endpoint.id,
    poolMode: 'transaction',
    pool: `${endpoint.backend}/${row.database}/${row.user}`,
    assignments: 40 + row.id * 7,
    waitMs: row.id * 31,
    serverPid: null,
    state: 'idle',
    transaction: 'I',
    outstanding: 0,
  };
  const holding = { ...base, serverPid: 4_000 + row.id };
  switch (row.id) {
    case 1:
      return {
        ...holding,
        application: 'billing-worker',
        state: 'active',
        statementKind: 'UPDATE',
        stateSince: now - 3_000,
        outstanding: 1,
        transaction: 'T',
      };
    case 2:
      return {
        ...holding,
        application: 'checkout',
        state: 'idle in transaction',
        transaction: 'T',
        statementKind: 'SELECT',
        stateSince: now - 95_000,
      };
    case 3:
      return { ...holding, application: 'etl nightly', state: 'idle', statementKind: 'SELECT', stateSince: now - 41_000 };
    case 4:
      return {
        ...holding,
        application: 'psql',
        state: 'idle in transaction',
        transaction: 'T',
        statementKind: 'INSERT',
        stateSince: now - 7_000,
      };
  }
  const place = row.id - POOL_SIZE;
  if (place > waiters) return base;
  return { ...base, application: `web ${place}`, state: 'waiting', stateSince: now - 12_000 + place * 10, statementKind: 'SELECT' };
}

function pinsOf(id: number, waiters: number, scene: PoolingScene, now: number): PinRow[] {
  const place = id - POOL_SIZE - waiters;
  if (place > (scene.pinned ?? 0)) return [];
  return place % 2 === 0 ? [{ ...lock, since: now - place * 900 }] : [{ ...basket, since: now - place * 900 }];
}

/** One row for each pool that sessions come from. */
function poolRowsOf(world: World, exhausted: EndpointRow): PoolRow[] {
  const keys = new Map<string, SessionRow[]>();
  for (const row of world.sessions.values()) keys.set(row.pool, [...(keys.get(row.pool) ?? []), row]);
  return [...keys].map(([key, rows]) => {
    const isExhausted = rows[0]?.backend === exhausted.backend;
    const active = rows.filter((row) => row.serverPid !== null).length;
    const waits = rows.filter((row) => row.state === 'waiting' && row.serverPid === null).map((row) => Date.now() - row.stateSince);
    const [backend = '', database = '', role = ''] = key.split('/');
    return pool({
      key,
      backend,
      database,
      role,
      mode: isExhausted ? 'transaction' : 'session',
      size: isExhausted ? POOL_SIZE : 20,
      active,
      idle: isExhausted ? Math.max(0, POOL_SIZE - active) : 3,
      waiting: waits.length,
      maxWaitMs: Math.max(0, ...waits),
      opened: active + 5,
      reused: isExhausted ? 9_211 : 40,
      assignments: isExhausted ? 9_220 : active + 45,
      wait: { count: 9_220, p50: 0, p95: 4.2, p99: 310, max: 12_400 },
    });
  });
}

function furtherPools(count: number, endpoint: EndpointRow): PoolRow[] {
  return Array.from({ length: count }, (_, i) =>
    pool({
      key: `${endpoint.backend}/tenant_${i + 1}/app`,
      backend: endpoint.backend,
      database: `tenant_${i + 1}`,
      role: 'app',
      mode: 'transaction',
      size: 20,
      active: (i * 3) % 9,
      idle: i % 4,
      resetting: i % 3,
      checking: i % 2,
      connecting: i % 5 === 0 ? 1 : 0,
      cancelling: i % 7 === 0 ? 1 : 0,
      opened: 12 + i,
      assignments: 400 + i * 31,
      failure: i % 10 === 1 ? 'password authentication failed for user "app" (28P01)' : null,
    }),
  );
}

function pool(row: Partial<PoolRow> & Pick<PoolRow, 'key' | 'backend' | 'database' | 'role' | 'mode' | 'size'>): PoolRow {
  const counts = { active: 0, idle: 0, resetting: 0, checking: 0, cancelling: 0, connecting: 0, waiting: 0, maxWaitMs: 0 };
  const wait = { count: 0, p50: 0, p95: 0, p99: 0, max: 0 };
  return { ...counts, opened: 0, reused: 0, assignments: 0, wait, failure: null, ...row };
}

function observationsOf(count: number, endpoint: string, now: number): ObservationRow[] {
  return Array.from({ length: count }, (_, i) => {
    const isLock = i % 2 === 0;
    return {
      endpoint,
      application: i % 3 === 0 ? 'reports' : 'etl, "nightly"',
      code: isLock ? 'advisory_lock' : 'custom_setting',
      message: isLock
        ? 'a session advisory lock stays with the server connection: nobody can unlock it'
        : 'a custom setting is lost to this client, and stays behind for others',
      fix: isLock ? 'pg_advisory_xact_lock' : null,
      statement: isLock ? `SELECT pg_advisory_lock($${i + 1})` : `SET my.tenant_${i} = $1`,
      count: 1 + ((i * 37) % 410),
      firstAt: now - 3_600_000,
      lastAt: now - i * 1_000,
    };
  });
}

/** The calls about pools. `later` runs work after a time, and not when the stand-in was closed before. */
export function poolingHandlers(world: World, scene: PoolingScene, later: (ms: number, work: () => void) => void): PoolingHandlers {
  const answered = (work: () => void): Promise<Record<string, never>> =>
    new Promise((resolve, reject) => {
      later(ANSWER_MS, () => {
        try {
          work();
          resolve({});
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
  const pauses = new Map<string, (error: CallError | null) => void>();
  const setEndpoint = (id: string, change: Partial<EndpointRow>): void =>
    world.putEndpoints(world.endpoints.map((each) => (each.id === id ? { ...each, ...change } : each)));
  const holdersOf = (id: string): SessionRow[] =>
    [...world.sessions.values()].filter((row) => row.endpoint === id && row.serverPid !== null);
  const found = (sessionId: number): SessionRow => {
    const row = world.sessions.get(sessionId);
    if (!row) throw new CallError('unknown_session', `There is no session ${sessionId} any more.`);
    return row;
  };
  /** Takes the server connection from a session and hands it to who waits longest. */
  const release = (row: SessionRow): void => {
    world.putSession({ ...row, state: 'idle', transaction: 'I', outstanding: 0, serverPid: null, stateSince: Date.now(), pins: [] });
    const paused = world.endpoints.find((each) => each.id === row.endpoint)?.paused ?? false;
    const next = [...world.sessions.values()]
      .filter((each) => each.pool === row.pool && each.state === 'waiting' && each.serverPid === null)
      .sort((a, b) => a.stateSince - b.stateSince)[0];
    if (next && !paused) {
      world.putSession({ ...next, state: 'active', serverPid: row.serverPid, stateSince: Date.now(), assignments: next.assignments + 1 });
    }
    if (holdersOf(row.endpoint).length === 0) pauses.get(row.endpoint)?.(null);
  };
  return {
    'session.cancel': ({ sessionId }) =>
      answered(() => {
        const row = found(sessionId);
        if (row.state === 'waiting') world.putSession({ ...row, state: 'idle', stateSince: Date.now() });
        else if (row.state === 'active') release(row);
      }),
    'session.rollback': ({ sessionId }) =>
      answered(() => {
        const row = found(sessionId);
        if (row.poolMode === 'session')
          throw new CallError('session_mode', `Session ${sessionId} is in session mode.`, 'Close it instead.');
        if (row.state === 'active') throw new CallError('busy', `Session ${sessionId} runs a statement.`, 'Cancel it first.');
        if (row.transaction !== 'T') throw new CallError('not_in_transaction', `Session ${sessionId} is in no transaction.`);
        release(row);
      }),
    'endpoints.pooling': ({ id, mode, profile }) =>
      answered(() => {
        if (id === scene.refused) throw new CallError('in_use', `${id} has replication clients, which need session mode.`);
        if (world.endpoints.every((each) => each.id !== id)) throw new CallError('unknown_endpoint', `There is no endpoint ${id}.`);
        setEndpoint(id, { poolMode: mode, profile });
      }),
    'pool.pause': ({ endpoint, withinMs }) =>
      new Promise((resolve, reject) => {
        setEndpoint(endpoint, { paused: true });
        const settle = (error: CallError | null): void => {
          pauses.delete(endpoint);
          if (error) reject(error);
          else resolve({});
        };
        if (holdersOf(endpoint).length === 0) return settle(null);
        pauses.set(endpoint, settle);
        later(scene.pauseWithinMs ?? withinMs, () => {
          if (!pauses.has(endpoint)) return;
          setEndpoint(endpoint, { paused: false });
          const [first] = holdersOf(endpoint);
          settle(
            new CallError(
              'pause_timeout',
              `Session ${first?.id} still holds a server connection.`,
              'Roll its transaction back, or close it.',
            ),
          );
        });
      }),
    'pool.resume': ({ endpoint }) => {
      setEndpoint(endpoint, { paused: false });
      pauses.get(endpoint)?.(new CallError('resumed', `${endpoint} was resumed before it was paused.`));
      return {};
    },
    'pool.reconnect': () => answered(() => undefined),
    'pool.kill': ({ endpoint }) =>
      answered(() => {
        for (const row of [...world.sessions.values()]) if (row.endpoint === endpoint) world.removeSession(row.id);
        setEndpoint(endpoint, { paused: true });
      }),
    'observations.clear': () => {
      world.putObservations([]);
      return {};
    },
  };
}
