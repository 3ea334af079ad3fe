/**
 * The scripted world behind the stand-in host: rows that fit the contract and change a little each tick. Nothing here knows
 * how the real host works; it only has its shapes.
 */
import type {
  Delta,
  EndpointRow,
  HostInfo,
  LogEntry,
  MigrationCounters,
  ObservationRow,
  OperationRow,
  PoolRow,
  Sample,
  SessionRow,
  SessionState,
  Snapshot,
  TransferOutcome,
  TransferRow,
} from '../../../core/contract/index.ts';

/** What a scenario is made of. */
export interface WorldOptions {
  /** How many sessions there are. */
  sessions: number;
  /** Zero is a first run. */
  endpoints?: 0 | 2 | 3;
  /** Names as long as the contract and PostgreSQL allow. */
  longNames?: boolean;
  /** A backend that is down, failed transfers, errors in the log. */
  trouble?: boolean;
  /** How many settled transfers there are to begin with. */
  transfers?: number;
}

const states: readonly SessionState[] = ['active', 'idle', 'idle', 'idle', 'idle in transaction', 'active', 'waiting'];
const apps = ['checkout', 'billing-worker', 'psql', 'reports', 'web', 'etl nightly', ''];
const kinds = ['SELECT', 'INSERT', 'UPDATE', 'COMMIT', 'BEGIN', 'SET', 'LISTEN'];
const long = 'warehouse_replication_and_reconciliation_service_eu_central_1b';

/** The same numbers on every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

function pick<T>(list: readonly T[], at: number): T {
  const item = list[Math.floor(at * list.length) % list.length];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

/** A world that can be asked for a snapshot and be moved on by one tick. */
export class World {
  readonly #random = random(7);
  readonly #options: WorldOptions;
  readonly startedAt = Date.now() - 3_600_000;
  seq = 100;
  endpoints: EndpointRow[];
  sessions = new Map<number, SessionRow>();
  /** Sessions that do nothing of themselves. */
  readonly still = new Set<number>();
  observations: ObservationRow[] = [];
  /** The pools as they are now. */
  pools: () => PoolRow[] = () => this.#pools();
  operations = new Map<number, OperationRow>();
  transfers = new Map<number, TransferRow>();
  samples: Sample[] = [];
  log: LogEntry[] = [];
  host: HostInfo;
  counters: MigrationCounters;
  #changed: Omit<Delta, 'seq' | 'at'> = {};
  #ticks = 0;
  #notes = 1;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.endpoints = this.#makeEndpoints(options.endpoints ?? 2);
    this.host = this.#makeHost();
    for (let id = 1; id <= options.sessions && this.endpoints.length > 0; id += 1) this.addSession(id);
    this.counters = {
      attempted: 0,
      success: 0,
      error_recoverable: 0,
      error_fatal: 0,
      refused: 0,
      inFlight: 0,
      attemptedLatency: none(),
      pause: none(),
    };
    for (let id = 1; id <= (options.transfers ?? 0); id += 1) this.#addSettled(id);
    for (let ago = options.sessions === 0 ? 20 : 899; ago >= 0; ago -= 1) this.samples.push(this.#sample(Date.now() - ago * 1000));
    this.note('info', 'proxy_started', 'The proxy listens on 127.0.0.1:6432.');
    if (options.trouble) {
      this.note('warn', 'client_refused', 'A client from 127.0.0.1:50122 asked for the endpoint "ep-nope", which is not in the map.');
      this.note(
        'error',
        'backend_lost',
        'The backend 127.0.0.1:54330 closed 3 server connections: terminating connection due to administrator command.',
        3,
      );
    }
  }

  snapshot(): Snapshot {
    return {
      seq: this.seq,
      at: Date.now(),
      host: this.host,
      endpoints: this.#counted(),
      sessions: [...this.sessions.values()],
      pools: this.pools(),
      observations: this.observations,
      operations: [...this.operations.values()],
      transfers: [...this.transfers.values()],
      counters: this.counters,
      samples: this.samples.slice(-240),
      log: this.log.slice(-500),
    };
  }

  /** Lets a fifth of the sessions do something, and returns what changed. */
  tick(): Delta {
    this.#ticks += 1;
    for (const row of this.sessions.values()) {
      if (row.transfer || this.still.has(row.id) || this.#random() > 0.2) continue;
      const state = pick(states, this.#random());
      this.putSession({
        ...row,
        state,
        transaction: state === 'idle in transaction' ? 'T' : 'I',
        stateSince: state === row.state ? row.stateSince : Date.now(),
        statementKind: pick(kinds, this.#random()),
        queries: row.queries + 1 + Math.floor(this.#random() * 5),
        bytesIn: row.bytesIn + 180,
        bytesOut: row.bytesOut + 2400,
      });
    }
    this.#change({ endpoints: this.#counted(), pools: this.pools() });
    if (this.#ticks % 4 === 0) {
      const sample = this.#sample(Date.now());
      this.samples = [...this.samples, sample].slice(-900);
      this.#change({ sample });
    }
    this.seq += 1;
    const delta: Delta = { seq: this.seq, at: Date.now(), ...this.#changed };
    this.#changed = {};
    return delta;
  }

  addSession(id: number): void {
    const endpoint = this.endpoints[id % Math.min(2, this.endpoints.length)];
    if (!endpoint) return;
    const state = pick(states, this.#random());
    const name = pick(apps, this.#random());
    this.putSession({
      id,
      application: this.#options.longNames ? `${long}_${id}` : name,
      user: this.#options.longNames ? `role_with_a_very_long_name_for_${long}`.slice(0, 63) : 'postgres',
      database: this.#options.longNames ? `database_${long}`.slice(0, 63) : 'postgres',
      endpoint: endpoint.id,
      ...this.#route(id, endpoint.id),
      backend: endpoint.backend,
      pool: `${endpoint.backend}/postgres/postgres`,
      poolMode: 'session',
      assignments: 1,
      waitMs: 0,
      pins: [],
      serverPid: 4000 + id,
      clientAddress: '127.0.0.1',
      tls: id % 3 === 0 || id === 5 ? 'TLSv1.3' : null,
      clientPort: 40_000 + id,
      state: this.#options.trouble && id % 5 === 0 ? 'idle in transaction (aborted)' : state,
      transaction: state === 'idle in transaction' ? 'T' : 'I',
      statementKind: pick(kinds, this.#random()),
      stateSince: Date.now() - Math.floor(this.#random() * 90_000),
      connectedAt: Date.now() - 1_800_000 + id * 1000,
      queries: Math.floor(this.#random() * 200_000),
      transactions: 900,
      bytesIn: Math.floor(this.#random() * 9e6),
      bytesOut: Math.floor(this.#random() * 9e8),
      migrations: id % 4,
      resurrections: 0,
      transfer: null,
      outstanding: state === 'active' ? 1 : 0,
      lastRequest: { type: 'S', at: 812 },
      lastResponse: { type: 'Z', at: 813 },
    });
  }

  putSession(row: SessionRow): void {
    this.sessions.set(row.id, row);
    const sessions = (this.#changed.sessions ??= { upsert: [], remove: [] });
    sessions.upsert = [...sessions.upsert.filter((each) => each.id !== row.id), row];
  }

  removeSession(id: number): void {
    this.sessions.delete(id);
    const sessions = (this.#changed.sessions ??= { upsert: [], remove: [] });
    sessions.upsert = sessions.upsert.filter((each) => each.id !== id);
    sessions.remove.push(id);
  }

  putTransfer(row: TransferRow): void {
    this.transfers.set(row.id, row);
    this.#change({ transfers: [...(this.#changed.transfers ?? []).filter((each) => each.id !== row.id), row] });
  }

  putOperation(row: OperationRow): void {
    this.operations.set(row.id, row);
    this.#change({ operations: [...(this.#changed.operations ?? []).filter((each) => each.id !== row.id), row] });
  }

  /** Counts a settled transfer. */
  count(outcome: TransferOutcome, pauseMs: number | null): void {
    const { counters } = this;
    const counted = { ...counters, [outcome]: counters[outcome] + 1 };
    const pause = pauseMs === null ? counters.pause : { count: counters.pause.count + 1, p50: 9.4, p95: 21, p99: 38.2, max: 61 };
    const attempted = counted.success + counted.error_recoverable + counted.error_fatal;
    const attemptedLatency = { count: attempted, p50: 44, p95: 210, p99: 1800, max: 30_012 };
    this.counters = { ...counted, attempted, pause, attemptedLatency };
    this.#change({ counters: this.counters });
  }

  /** Adds a line to the log; one with the words of an earlier line takes its place and counts it, as a host does. */
  note(level: LogEntry['level'], code: string, message: string, sessionId: number | null = null): void {
    const before = this.log.findIndex((each) => each.message === message && each.code === code);
    const repeats = 1 + (before < 0 ? 0 : (this.log.splice(before, 1)[0]?.repeats ?? 0));
    const entry: LogEntry = { id: this.#notes++, at: Date.now(), level, code, message, sessionId, repeats };
    this.log.push(entry);
    this.#change({ log: [...(this.#changed.log ?? []), entry] });
  }

  putEndpoints(endpoints: EndpointRow[]): void {
    this.endpoints = endpoints;
    this.#change({ endpoints: this.#counted() });
  }

  putObservations(observations: ObservationRow[]): void {
    this.observations = observations;
    this.#change({ observations });
  }

  putHost(host: Partial<HostInfo>): void {
    this.host = { ...this.host, ...host };
    this.#change({ host: this.host });
  }

  putAdmitting(admitting: boolean): void {
    this.putHost({ admitting });
  }

  putDemo(demo: Partial<HostInfo['demo']>): void {
    this.putHost({ demo: { ...this.host.demo, ...demo } });
  }

  endpoint(id: string, port: number, isDefault: boolean): EndpointRow {
    return {
      id,
      backend: `127.0.0.1:${port}`,
      host: '127.0.0.1',
      port,
      database: 'postgres',
      user: 'postgres',
      url: `postgresql://postgres@127.0.0.1:${port}/postgres`,
      passwordSet: !isDefault,
      isDefault,
      status: 'up',
      statusReason: null,
      serverVersion: '18.4',
      checkedAt: Date.now() - 4_000,
      sessions: 0,
      poolMode: 'session',
      profile: 'strict',
      paused: false,
      redirectedTo: null,
      color: port % 8,
    };
  }

  /** Most name their endpoint in the options; with trouble one of the first asks for an endpoint that is not there. */
  #route(id: number, endpoint: string): Pick<SessionRow, 'requestedEndpoint' | 'routedBy'> {
    if (this.#options.trouble && id === 4) return { requestedEndpoint: 'ep-staging', routedBy: 'fallback' };
    if (id === 5) return { requestedEndpoint: endpoint, routedBy: 'sni' };
    if (id === 6) return { requestedEndpoint: endpoint, routedBy: 'listener' };
    return { requestedEndpoint: endpoint, routedBy: 'options' };
  }

  #change(part: Partial<Delta>): void {
    Object.assign(this.#changed, part);
  }

  #makeEndpoints(count: number): EndpointRow[] {
    const { longNames, trouble } = this.#options;
    const rows = [
      this.endpoint(longNames ? `ep-${long}`.slice(0, 62).replaceAll('_', '-') : 'ep-a', 54_329, true),
      this.endpoint('ep-b', 54_330, false),
      this.endpoint('ep-upgrade-18', 54_331, false),
    ].slice(0, count);
    const last = rows.at(-1);
    if (trouble && last) {
      Object.assign(last, {
        status: 'down',
        serverVersion: null,
        statusReason: `connect ECONNREFUSED ${last.backend}: nothing listens there. Is the server started?`,
      });
    }
    return rows;
  }

  #makeHost(): HostInfo {
    const first = this.endpoints[0];
    return {
      version: '0.1.0',
      startedAt: this.startedAt,
      proxy: { host: '127.0.0.1', port: 6432 },
      wantedPort: null,
      admitting: true,
      defaultEndpoint: first?.id ?? null,
      unknownEndpoint: 'default',
      demo: { state: first ? 'running' : 'off', reason: null, workload: this.#options.sessions > 0, available: true },
      passwords: { kept: 'memory', reason: null },
      endpointsKept: { file: null, problem: null },
      capture: null,
      connectLines: this.endpoints.slice(0, 2).flatMap(({ id }) => [
        {
          endpoint: id,
          label: `psql to ${id}`,
          text: `psql "host=127.0.0.1 port=6432 dbname=postgres user=postgres options=endpoint=${id}"`,
        },
        { endpoint: id, label: `URL for ${id}`, text: `postgresql://postgres@127.0.0.1:6432/postgres?options=endpoint%3D${id}` },
      ]),
    };
  }

  #counted(): EndpointRow[] {
    const rows = [...this.sessions.values()];
    return this.endpoints.map((endpoint) => ({ ...endpoint, sessions: rows.filter((row) => row.endpoint === endpoint.id).length }));
  }

  #pools(): PoolRow[] {
    const rows = [...this.sessions.values()];
    const first = rows[0];
    return this.endpoints.slice(0, 2).map((endpoint, i) => {
      const active = rows.filter((row) => row.backend === endpoint.backend).length;
      const database = first?.database ?? 'postgres';
      const role = first?.user ?? 'postgres';
      const key = `${endpoint.backend}/${database}/${role}`;
      const waiting = this.#options.trouble && i === 0 ? 7 : 0;
      return {
        key,
        backend: endpoint.backend,
        database,
        role,
        mode: 'session' as const,
        size: Math.max(20, active + 8),
        active,
        idle: 3 + i,
        resetting: i,
        connecting: 0,
        waiting,
        maxWaitMs: waiting * 410,
        opened: active + 14,
        reused: active * 3,
        checking: 0,
        cancelling: 0,
        assignments: active * 4 + 14,
        wait: { count: active * 4 + 14, p50: 0, p95: waiting * 40, p99: waiting * 200, max: waiting * 410 },
        failure: null,
      };
    });
  }

  #sample(at: number): Sample {
    const t = at / 1000;
    const total = this.sessions.size;
    const wave = (period: number, depth: number): number => 1 + depth * Math.sin((2 * Math.PI * t) / period);
    const move = this.transfers.size > 0 && Math.floor(t) % 9 === 0;
    const pools: Sample['pools'] = {};
    for (const pool of this.pools()) pools[pool.key] = [Math.round(pool.active * wave(80, 0.2)), pool.idle, pool.waiting];
    return {
      at,
      sessions: total,
      sessionsActive: Math.round(total * 0.4 * wave(47, 0.3)),
      waiting:
        this.still.size > 0
          ? this.pools().reduce((sum, pool) => sum + pool.waiting, 0)
          : this.#options.trouble
            ? Math.max(0, Math.round(6 * Math.sin(t / 20)))
            : 0,
      maxWaitMs: this.pools().reduce((longest, pool) => Math.max(longest, pool.maxWaitMs), 0),
      pinned: [...this.sessions.values()].filter(({ pins }) => pins.length > 0).length,
      serversActive: Math.round(total * wave(80, 0.2)),
      serversIdle: Math.round(5 * wave(31, 0.5)),
      queriesPerSecond: total * 38 * wave(60, 0.35),
      bytesInPerSecond: total * 4200 * wave(60, 0.35),
      bytesOutPerSecond: total * 61_000 * wave(53, 0.3),
      success: move ? 3 : 0,
      recoverable: move && this.#options.trouble ? 1 : 0,
      fatal: 0,
      refused: move && this.#options.trouble ? 1 : 0,
      resurrections: 0,
      pauseP50Ms: move ? 8 + (Math.floor(t) % 7) : null,
      pauseMaxMs: move ? 14 + (Math.floor(t) % 31) : null,
      eventLoopP99Ms: 2,
      pools,
    };
  }

  #addSettled(id: number): void {
    const [a, b] = this.endpoints;
    if (!a || !b) return;
    const outcome: TransferOutcome = !this.#options.trouble || id % 4 > 1 ? 'success' : id % 8 === 0 ? 'refused' : 'error_recoverable';
    const pauseMs = outcome === 'success' ? 8 + (id % 9) : null;
    const [from, to] = id % 2 === 0 ? [a, b] : [b, a];
    this.transfers.set(id, {
      id,
      operationId: Math.ceil(id / 6),
      sessionId: (id % Math.max(1, this.sessions.size)) + 1,
      application: this.#options.longNames ? long : 'checkout',
      fromEndpoint: from.id,
      toEndpoint: to.id,
      fromBackend: from.backend,
      toBackend: to.backend,
      phase: 'settled',
      outcome,
      reason:
        outcome === 'success'
          ? null
          : outcome === 'refused'
            ? 'The session owns the temporary table "basket_2026"; drop it and try again.'
            : 'Busy in transaction since 14:03:09; the deadline of 30 s passed.',
      requestedAt: Date.now() - (60 - id) * 9000,
      settledAt: Date.now() - (60 - id) * 9000 + 60,
      mode: outcome === 'success' ? 'preconnect' : null,
      dialect: 'postgres',
      holdsMs: pauseMs === null ? [] : [pauseMs],
      heldBytes: 0,
      attempts: Number(outcome === 'success'),
      phases:
        outcome === 'refused'
          ? [{ name: 'preflight', ms: 1.2 }]
          : [
              { name: 'preflight', ms: 1.2 },
              { name: 'dial', ms: 12.4 },
              { name: 'armed', ms: outcome === 'success' ? 18.1 : 30_000 },
              ...(outcome === 'success'
                ? ([
                    { name: 'suspend', ms: 0.2 },
                    { name: 'capture', ms: 2.6 },
                    { name: 'restore', ms: 3.4 },
                    { name: 'verify', ms: 2.1 },
                    { name: 'swap', ms: 0.1 },
                  ] as const)
                : []),
            ],
      pauseMs,
      stateBytes: 812,
      findings: [],
    });
    this.count(outcome, pauseMs);
  }
}

function none() {
  return { count: 0, p50: 0, p95: 0, p99: 0, max: 0 };
}
