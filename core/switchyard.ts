/**
 * The facade: everything that the window, the console and a script can see and do. It composes the core and owns its life;
 * each of its parts decides for itself.
 */
import { randomBytes } from 'node:crypto';
import { ConsoleSession } from './console/console-session.ts';
import { PasswordFile } from './backend/passfile.ts';
import type { ConsoleHost } from './console/host.ts';
import {
  CallError,
  type Delta,
  type DemoInfo,
  type EndpointRow,
  type Handlers,
  type HostInfo,
  type SessionRow,
  type Settings,
  type SettingsInput,
  type SettingsView,
  type Snapshot,
  type TransferRow,
} from './contract/index.ts';
import { BackendColors } from './endpoints/colors.ts';
import { backendId, EndpointMap, type EndpointSpec } from './endpoints/map.ts';
import { Redirects } from './endpoints/redirects.ts';
import { poolCalls } from './facade/pool-calls.ts';
import { removeEndpoint, saveEndpoint, testEndpoint, type EndpointCallsContext } from './facade/endpoint-calls.ts';
import { applyChanges } from './facade/endpoint-apply.ts';
import { EndpointStatus } from './facade/endpoint-status.ts';
import { ClosedDoors } from './facade/closed-doors.ts';
import { connectLines } from './facade/connect-lines.ts';
import { makeConsoleHost } from './facade/console-host.ts';
import { Departure } from './facade/departure.ts';
import { endpointRows } from './facade/endpoint-rows.ts';
import { Feed } from './facade/feed.ts';
import { History, historyCalls } from './facade/history.ts';
import { Observations } from './facade/observations.ts';
import { MetricsPage } from './facade/metrics-page.ts';
import { Pending } from './facade/pending.ts';
import { Restarts } from './facade/restarts.ts';
import { Sampler } from './facade/sampler.ts';
import { poolingOf } from './facade/pooling.ts';
import { ServedSettings, type SettingsFile } from './facade/settings.ts';
import { Migrations } from './facade/migrations.ts';
import { settledEntry } from './facade/settled-entry.ts';
import { StatsBook } from './facade/stats-book.ts';
import { timelineCalls, Timelines } from './facade/timelines.ts';
import { captureCalls, noteCapture } from './facade/capture-calls.ts';
import { SessionDetails } from './facade/session-detail.ts';
import type { FindClientProcess } from './facade/session-detail-process.ts';
import { EventLoopMonitor } from './metrics/event-loop.ts';
import { EventLog } from './metrics/log.ts';
import { Resurrection } from './session/resurrection/resurrection.ts';
import { StatementCapture } from './session/statement-capture.ts';
import { SharedStatements } from './session/statements/shared.ts';
import { ServerStates } from './session/server-states.ts';
import { Preflight } from './migration/preflight/preflight.ts';
import type { TransferDeadlines } from './migration/transfer/deadlines.ts';
import { Pools } from './pool/pools.ts';
import { Proxy } from './proxy/proxy.ts';
import { ClientTls } from './tls/client-tls.ts';
import type { LocalAuthorityFiles } from './tls/local-authority.ts';

/** How a switchyard is set up. */
export interface SwitchyardOptions {
  readonly version: string;
  readonly listen: { readonly host: string; readonly port: number; readonly portFallback?: boolean };
  readonly endpoints?: readonly EndpointSpec[];
  readonly defaultEndpoint?: string | null;
  /** Colours of backends from an earlier run. */
  readonly backendColors?: Readonly<Record<string, number>>;
  /** How clients may come in, and within which limits; every one left out has its default. */
  readonly settings?: SettingsInput;
  /** Where changed settings are kept; null or left out: in memory only. */
  readonly settingsFile?: SettingsFile | null;
  /** Makes the local certificate authority in a folder of the host's, or gives the one that is there. */
  readonly makeLocalAuthority?: () => Promise<LocalAuthorityFiles>;
  /** libpq's password file: asked for the passwords of backends that are not stored here. Null or left out: none. */
  readonly passwordFile?: string | null;
  /**
   * 32 random bytes that stay the same over restarts, so that unknown users keep their made-up salts as known ones keep theirs; asked
   * for by the first login that needs it. Left out: new ones, and a salt that is another after a restart tells an unknown user.
   */
  readonly mockSecret?: () => Buffer;
  /** Most server connections per pool, whatever the settings say. */
  readonly poolSize?: number;
  /** Let sessions move to servers of an older major version. Default false. */
  readonly allowOlderServer?: boolean;
  /** How long the phases of a transfer may take, where not as usual (tests). */
  readonly deadlines?: Partial<TransferDeadlines>;
  /** An operation has changed a line of the endpoint map: for the host to keep it. */
  readonly onRemapped?: () => void;
  /** Ends the program, as the console's SHUTDOWN asks for it. Left out: the console cannot. */
  readonly onShutdown?: () => void;
  /** Looks behind clients' connections for their programs. Left out: nobody does. */
  readonly findClientProcess?: FindClientProcess;
  /** Puts to work what is the host's of the settings; answers what could not be, in words. `note` makes an event of what came of it. */
  readonly onSettings?: (settings: Settings, note: (code: string, message: string) => void) => Promise<string[]>;
}

/** The calls the core answers; those of the demo and of the desktop are the host's. */
export type CoreHandlers = Omit<
  Handlers,
  Extract<keyof Handlers, `demo.${string}` | `shell.${string}`> | 'endpoints.import' | 'endpoints.discover'
>;

const SAMPLE_MS = 1_000;
const CHECK_MS = 5_000;
/** Lines of the event log that a snapshot brings. */
const LOG_AT_ONCE = 500;
/** How long SHUTDOWN WAIT_FOR_SERVERS waits for them. */
const LAST_PAUSE_MS = 3_600_000;

/** See the head of this file. */
export class Switchyard {
  readonly handlers: CoreHandlers;
  readonly #options: SwitchyardOptions;
  readonly #map: EndpointMap;
  readonly #redirects: Redirects;
  readonly #colors: BackendColors;
  readonly #log = new EventLog();
  readonly #passwordFile: PasswordFile | null;
  #mockSecret: Buffer | null = null;
  #clientTls = ClientTls.off;
  readonly #status: EndpointStatus;
  readonly #pools: Pools;
  readonly #states: ServerStates;
  readonly #statements = new SharedStatements();
  readonly #resurrection: Resurrection;
  readonly #capture: StatementCapture;
  readonly #details: SessionDetails;
  readonly #proxy: Proxy;
  readonly #settings: ServedSettings;
  readonly #preflight: Preflight;
  readonly #migrations: Migrations;
  readonly #restarts: Restarts;
  readonly #feed: Feed;
  readonly #pending: Pending;
  readonly #sampler = new Sampler();
  readonly #history = new History({ log: () => this.#log.list(), operations: () => this.#migrations.planner.operations() });
  readonly #stats = new StatsBook();
  readonly #metrics = new MetricsPage();
  readonly #timelines = new Timelines(() => this.#proxy.sessions);
  readonly #closed = new ClosedDoors();
  readonly #departure: Departure;
  readonly #observations = new Observations();
  readonly #eventLoop = new EventLoopMonitor();
  readonly #startedAt = Date.now();
  #address = { host: '', port: 0 };
  #demo: DemoInfo = { state: 'off', reason: null, workload: false, available: false };
  #kept: Pick<HostInfo, 'passwords' | 'endpointsKept'> = {
    passwords: { kept: 'memory', reason: null },
    endpointsKept: { file: null, problem: null },
  };
  #timers: NodeJS.Timeout[] = [];

  constructor(options: SwitchyardOptions) {
    this.#options = options;
    this.#map = new EndpointMap(options.endpoints ?? [], options.defaultEndpoint ?? null);
    this.#redirects = new Redirects(this.#map);
    this.#colors = new BackendColors(() => this.#map.list().map(backendId), options.backendColors);
    this.#log.onEntry((entry) => {
      this.#metrics.noteEvent(entry);
      this.#timelines.noteEvent(entry);
      this.#pending.noteLog(entry);
    });
    this.#passwordFile =
      options.passwordFile == null
        ? null
        : new PasswordFile(options.passwordFile, (message) => this.#log.add('warn', 'password_file', `The ${message}.`));
    this.#status = new EndpointStatus(this.#passwordFile, (backend, now, before) => {
      if (now.status === 'up') this.#pools.answered(backend);
      if (now.status === 'down' && before.status !== 'down')
        this.#log.add('error', 'backend_down', `${backend} is down: ${now.statusReason ?? 'no reason given'}.`);
      if (now.status !== 'up' || before.status !== 'down') return;
      this.#log.add('info', 'backend_up', `${backend} answers again.`);
      this.#migrations.cameBack();
    });
    this.#states = new ServerStates(this.#passwordFile);
    this.#pools = new Pools({
      settings: () => this.#settings.current.pooling,
      modeOf: (endpoint) => poolingOf(this.#settings.current, endpoint).mode,
      present: () => [...this.#proxy.sessions.values()].map(({ place }) => place.login),
      passwordFile: this.#passwordFile,
      keepalive: () => this.#settings.current.times.keepalive,
      report: (level, code, message) => this.#log.add(level, code, message),
      onReset: (connection) => {
        this.#states.wasReset(connection);
        this.#statements.forget(connection);
      },
      onDial: (backend, failure, version) => {
        // A role that a client brings along and that is refused says nothing against the server.
        const guessed = failure?.kind === 'authentication' && !this.#hasOwnLogin(backend);
        this.#status.note(backend, guessed ? null : failure, version);
      },
    });
    this.#settings = new ServedSettings(withPoolSize(options), {
      host: options.listen.host,
      file: options.settingsFile ?? null,
      makeLocalAuthority: options.makeLocalAuthority ?? null,
      isEndpoint: (id) => this.#map.has(id),
      listeners: () => this.#proxy.doors.view(),
      apply: (settings, authority) => this.#applySettings(settings, authority),
    });
    this.#resurrection = new Resurrection({
      pools: this.#pools,
      settings: () => this.#settings.current,
      atOnce: () => this.#settings.current.migration.loginsPerBackend,
      report: (level, code, message, sessionId) => this.#log.add(level, code, message, sessionId),
      onResurrected: ({ id, backend }, awayMs) => {
        const message = `${backend} went away, and came back after ${(awayMs / 1_000).toFixed(1)} s.`;
        this.#timelines.noteEvent({ sessionId: id, code: 'resurrected', message });
      },
    });
    this.#proxy = new Proxy({
      map: this.#map,
      redirects: this.#redirects,
      leases: {
        pools: this.#pools,
        states: this.#states,
        statements: this.#statements,
        sequenceReaders: new Set(),
        resurrection: this.#resurrection,
        abandoned: () => this.#settings.current.pooling.abandoned,
        observed: (session, before, now, pins, statement) =>
          this.#observations.note({ endpoint: session.place.endpoint, application: session.application }, before, now, pins, statement),
        loginFailed: (login) => this.#proxy.loginFailed(login),
        report: (level, code, message, sessionId) => this.#log.add(level, code, message, sessionId),
      },
      pooling: (endpoint) => poolingOf(this.#settings.current, endpoint),
      passwordFile: this.#passwordFile,
      mockSecret: () => (this.#mockSecret ??= options.mockSecret?.() ?? randomBytes(32)),
      settings: () => this.#settings.current,
      tls: () => this.#clientTls,
      console: {
        databases: new Set(['switchyard', 'pgbouncer']),
        open: (socket, client) => new ConsoleSession(socket, client.rest, this.#consoleHost(), this.#log, client),
      },
      report: (level, code, message, sessionId) => this.#log.add(level, code, message, sessionId ?? null),
      closed: (endpoint) => this.#closed.refusal(endpoint),
      onSession: (session) => this.#capture.joined(session),
      onEnded: (session, end) => {
        this.#details.ended(session.id);
        this.#stats.book(session);
        this.#timelines.noteEnd(session, end.message);
        this.#migrations.planner.ended(session);
        const spec = this.#map.get(session.place.endpoint);
        if (end.kind === 'server_lost' && spec !== undefined) void this.#status.check(spec);
      },
    });
    this.#capture = new StatementCapture({
      sessions: () => this.#proxy.sessions,
      onChange: (why) => {
        this.#details.forgetTexts();
        noteCapture(this.#log, this.#capture, why);
        this.#pending.noteHost();
      },
    });
    this.#details = new SessionDetails({
      sessions: () => this.#proxy.sessions,
      pools: () => this.#pools.rows(),
      capture: this.#capture,
      findClientProcess: options.findClientProcess ?? null,
    });
    this.#preflight = new Preflight(this.#map, {
      allowOlderServer: options.allowOlderServer ?? false,
      passwordFile: this.#passwordFile,
    });
    this.#migrations = new Migrations({
      sessions: this.#proxy.sessions,
      map: this.#map,
      redirects: this.#redirects,
      pools: this.#pools,
      preflight: this.#preflight,
      deadlines: options.deadlines,
      passwordFile: this.#passwordFile,
      log: this.#log,
      settings: () => this.#settings.current,
      isDown: (backend) => this.#status.of(backend).status === 'down',
      onTransfer: (row) => this.#noteTransfer(row),
      onOperation: (row) => this.#pending.noteOperation(row),
      onRemapped: () => options.onRemapped?.(),
    });
    this.#restarts = new Restarts({
      sessions: this.#proxy.sessions,
      map: this.#map,
      pools: this.#pools,
      planner: this.#migrations.planner,
      resurrection: this.#resurrection,
      changed: (row) => this.#pending.noteOperation(row),
      report: (level, code, message) => this.#log.add(level, code, message),
    });
    this.#map.onChange(() => {
      // An endpoint that comes or goes takes its own port along.
      void this.#proxy.doors.apply(options.listen.host, this.#settings.current.listeners);
      this.#preflight.forget();
      this.#pending.noteHost();
    });
    this.#feed = new Feed({ sessions: () => this.#sessionRows(), changes: () => this.#pending.take() });
    this.#pending = new Pending({
      isWatched: () => this.#feed.isWatched,
      endpoints: () => this.#endpointRows(),
      pools: () => this.#pools.rows(),
      observations: () => this.#observations.rows(),
      host: () => this.#hostInfo(),
      counters: () => this.#migrations.planner.counters(),
    });
    this.handlers = this.#makeHandlers();
    this.#departure = new Departure({
      doors: this.#closed,
      end: options.onShutdown ?? null,
      pauseAll: async () => {
        await Promise.all(
          this.#map.list().map(async ({ id }) => await this.handlers['pool.pause']({ endpoint: id, withinMs: LAST_PAUSE_MS })),
        );
      },
      clients: () => this.#proxy.sessions.size,
      report: (level, code, message) => this.#log.add(level, code, message),
    });
  }

  /** Starts to listen. Rejects when no port can be bound. */
  async start(): Promise<{ host: string; port: number }> {
    await this.#settings.start();
    for (const problem of this.#settings.view().problems) this.#log.add('warn', 'settings_problem', problem);
    this.#address = await this.#proxy.listen(this.#options.listen);
    if (this.#wantedPort() !== null) {
      this.#log.add('warn', 'port_taken', `Port ${this.#options.listen.port} is taken; listening on ${this.#address.port} instead.`);
    }
    this.#eventLoop.start();
    const sample = setInterval(() => this.#sample(), SAMPLE_MS);
    const check = setInterval(() => this.#checkEndpoints(), CHECK_MS);
    this.#timers = [sample, check];
    for (const timer of this.#timers) timer.unref();
    for (const spec of this.#map.list()) void this.#status.check(spec);
    return this.#address;
  }

  /** Ends every session and closes every connection. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#departure.stop();
    this.#feed.stop();
    this.#eventLoop.stop();
    this.#restarts.stop();
    this.#capture.close();
    this.#migrations.stop();
    await this.#proxy.stop();
    this.#pools.close();
  }

  subscribe(listener: (delta: Delta) => void): () => void {
    return this.#feed.subscribe(listener);
  }

  /** The page that Prometheus reads. */
  metrics(): string {
    return this.#metrics.text(this.#consoleHost(), {
      eventLoopP99Ms: this.#sampler.samples.at(-1)?.eventLoopP99Ms ?? 0,
      ownParses: this.#statements.ownParses,
      door: this.#proxy.tally,
      resurrection: this.#resurrection.counters(),
    });
  }

  /** The settings at work, as a window sees them. */
  settings(): SettingsView {
    return this.#settings.view();
  }

  /** Puts other settings to work for clients that come from now on, without keeping them. Rejects with `CallError`. */
  applySettings(settings: SettingsInput): Promise<void> {
    return this.#settings.apply(settings);
  }

  /** Shows the state of the host's demo to windows. */
  setDemo(demo: DemoInfo): void {
    this.#demo = demo;
    this.#pending.noteHost();
  }

  /** Shows where the host keeps endpoints and their passwords; a new problem is an event as well. */
  setKept(kept: Pick<HostInfo, 'passwords' | 'endpointsKept'>): void {
    const { problem } = kept.endpointsKept;
    if (problem !== null && problem !== this.#kept.endpointsKept.problem) this.#log.add('warn', 'endpoints_not_kept', problem);
    this.#kept = kept;
    this.#pending.noteHost();
  }

  /** The map with its passwords: for the host to keep, never for a window. */
  endpoints(): { endpoints: EndpointSpec[]; defaultEndpoint: string | null; colors: Record<string, number> } {
    return { endpoints: this.#map.list(), defaultEndpoint: this.#map.defaultId, colors: this.#colors.mapped() };
  }

  /** Adds or replaces a line of the map and asks its backend. */
  addEndpoint(spec: EndpointSpec): void {
    this.#map.set(spec);
    void this.#status.check(spec);
  }

  /** Removes a line, its sessions closed first when asked to; throws `CallError` (`unknown_endpoint`, `in_use`). */
  async removeEndpoint(id: string, options: { closeSessions: boolean } = { closeSessions: false }): Promise<void> {
    if (options.closeSessions) {
      for (const session of [...this.#proxy.sessions.values()]) {
        if (session.place.endpoint === id) session.end('57P01', `endpoint ${id} was removed`);
      }
    }
    removeEndpoint(this.#endpointCalls(), id);
    await Promise.resolve();
  }

  #makeHandlers(): CoreHandlers {
    return {
      snapshot: () => this.#snapshot(),
      ...this.#settings.handlers,
      'endpoints.save': (request) => {
        const reply = saveEndpoint(this.#endpointCalls(), request);
        this.#log.add('info', 'endpoint_changed', `Endpoint ${reply.id} points at ${reply.backend}.`);
        return reply;
      },
      'endpoints.remove': ({ id }) => {
        removeEndpoint(this.#endpointCalls(), id);
        this.#log.add('info', 'endpoint_removed', `Endpoint ${id} was removed.`);
        return {};
      },
      'endpoints.apply': (request) =>
        applyChanges(
          {
            ...this.#endpointCalls(),
            colors: this.#colors,
            settings: () => this.#settings.current,
            setPooling: (lines) => this.#settings.setPooling(lines),
            report: (code, message) => void this.#log.add('info', code, message),
          },
          request,
        ),
      'endpoints.test': (request) => testEndpoint(this.#endpointCalls(), request),
      'endpoints.check': async ({ id }) => {
        await this.#status.check(this.#map.require(id));
        return {};
      },
      ...this.#restarts.handlers,
      ...this.#migrations.calls,
      ...poolCalls({
        sessions: this.#proxy.sessions,
        observations: this.#observations,
        pools: this.#pools,
        log: this.#log,
        requireEndpoint: (id) => this.#map.require(id),
      }),
      ...historyCalls(this.#history, this.#log),
      ...captureCalls(this.#capture, this.#proxy.sessions),
      ...this.#details.calls,
      ...timelineCalls(this.#timelines, this.#options.version),
      'clients.admit': ({ admit }) => {
        if (this.#closed.admitting === admit) return {};
        this.#closed.admit(admit);
        this.#log.add('info', 'clients_admitted', `New clients are ${admit ? 'let in' : 'refused'}.`);
        this.#pending.noteHost();
        return {};
      },
      'session.close': ({ sessionId }) => {
        const session = this.#proxy.sessions.get(sessionId);
        if (session === undefined) throw new CallError('unknown_session', `There is no session ${sessionId} any more.`);
        session.end('57P01', 'terminating connection due to administrator command', 'The operator of Switchyard closed this session.');
        this.#log.add('info', 'session_closed', `Session ${sessionId} was closed by the operator.`, sessionId);
        return {};
      },
    };
  }

  async #applySettings(settings: Settings, authority: LocalAuthorityFiles | null): Promise<string[]> {
    const { tls, problems } = await ClientTls.serve(settings.tls, authority, this.#clientTls);
    // Clients that are connected keep what they have.
    this.#clientTls = tls;
    const { method, verifiersFrom, users } = settings.authentication;
    if (method !== 'trust' && verifiersFrom === null && users.length === 0) problems.push('Nobody can log in: there are no users.');
    await this.#proxy.doors.apply(this.#options.listen.host, settings.listeners);
    const note = (code: string, message: string): void => void this.#log.add('info', code, message);
    problems.push(...((await this.#options.onSettings?.(settings, note)) ?? []));
    this.#proxy.applyPooling();
    this.#migrations.apply();
    if (this.#address.port !== 0)
      this.#log.add('info', 'settings_changed', 'The settings were changed; they hold for clients that come from now on.');
    for (const problem of problems) this.#log.add('warn', 'settings_problem', problem);
    this.#pending.noteHost();
    return problems;
  }

  /** An endpoint there says who logs in. */
  #hasOwnLogin(backend: string): boolean {
    return this.#map.list().some((spec) => backendId(spec) === backend && (spec.user !== '' || spec.password !== null));
  }

  #endpointCalls(): EndpointCallsContext {
    return {
      map: this.#map,
      status: this.#status,
      passwordFile: this.#passwordFile,
      sessions: () => this.#proxy.sessions.values(),
      onUnused: (backend) => {
        this.#pools.forget(backend);
        this.#status.forget(backend);
      },
    };
  }

  #consoleHost(): ConsoleHost {
    return makeConsoleHost({
      sessions: this.#proxy.sessions,
      pools: this.#pools,
      states: this.#states,
      statements: this.#statements,
      planner: this.#migrations.planner,
      restarts: this.#restarts,
      stats: this.#stats,
      log: this.#log,
      doors: this.#closed,
      departure: this.#departure,
      calls: this.handlers,
      endpoints: () => this.#endpointRows(),
      observations: () => this.#observations.rows(),
      hostInfo: () => this.#hostInfo(),
      settings: () => this.#settings.current,
      reload: () => this.#settings.reload(),
    });
  }

  #sessionRows(): SessionRow[] {
    return [...this.#proxy.sessions.values()].map((session) => session.row());
  }

  #endpointRows(): EndpointRow[] {
    return endpointRows(this.#map, this.#status, this.#proxy.sessions.values(), (spec) => ({
      poolMode: poolingOf(this.#settings.current, spec.id).mode,
      profile: poolingOf(this.#settings.current, spec.id).profile,
      paused: this.#pools.gate.isPaused(spec.id),
      redirectedTo: this.#redirects.of(backendId(spec)),
      color: this.#colors.of(backendId(spec)),
    }));
  }

  #hostInfo(): HostInfo {
    return {
      version: this.#options.version,
      startedAt: this.#startedAt,
      proxy: this.#address,
      wantedPort: this.#wantedPort(),
      admitting: this.#closed.admitting,
      defaultEndpoint: this.#map.defaultId,
      unknownEndpoint: this.#settings.current.unknownEndpoint,
      demo: this.#demo,
      ...this.#kept,
      capture: this.#capture.state,
      connectLines: connectLines(this.#address, this.#map.list(), {
        clients: this.#clientTls.mode,
        authorityFile: this.#settings.view().authorityFile,
      }),
    };
  }

  #wantedPort(): number | null {
    const wanted = this.#options.listen.port;
    return wanted !== 0 && this.#address.port !== 0 && wanted !== this.#address.port ? wanted : null;
  }

  #snapshot(): Snapshot {
    // What is pending goes out first: the next delta must hold nothing that the snapshot holds already.
    this.#feed.flush();
    return {
      seq: this.#feed.seq,
      at: Date.now(),
      host: this.#hostInfo(),
      endpoints: this.#endpointRows(),
      sessions: this.#sessionRows(),
      pools: this.#pools.rows(),
      observations: [...this.#observations.rows()],
      operations: this.#migrations.planner.operations(),
      transfers: this.#migrations.planner.transfers(),
      counters: this.#migrations.planner.counters(),
      samples: this.#sampler.samples,
      log: this.#log.newest(LOG_AT_ONCE),
    };
  }

  #noteTransfer(row: TransferRow): void {
    this.#pending.noteTransfer(row);
    if (row.phase !== 'settled' || row.outcome === null) return;
    this.#sampler.settled(row);
    this.#history.settled(row);
    this.#metrics.noteSettled(row);
    this.#timelines.noteTransfer(row);
    const { level, code, message } = settledEntry(row);
    this.#log.add(level, code, message, row.sessionId);
  }

  #sample(): void {
    this.#stats.bookAll(this.#proxy.sessions.values());
    const pools = this.#pools.rows();
    const sessions = this.#sessionRows();
    this.#metrics.notePools(pools);
    this.#timelines.notePins(sessions);
    const sample = this.#sampler.take({
      sessions,
      pools,
      counters: this.#migrations.planner.counters(),
      sums: this.#stats.sum(),
      resurrected: this.#resurrection.counters().resurrected,
      eventLoopP99Ms: this.#eventLoop.takeP99Ms(),
    });
    this.#history.note(sample);
    this.#pending.noteSample(sample);
  }

  /** Backends that are down are asked again, so that the window shows when they are back; others speak for themselves. */
  #checkEndpoints(): void {
    for (const spec of this.#map.list()) {
      if (this.#status.of(backendId(spec)).status === 'down') void this.#status.check(spec);
    }
  }
}

function withPoolSize({ settings = {}, poolSize }: SwitchyardOptions): SettingsInput {
  return poolSize === undefined ? settings : { ...settings, pooling: { ...settings.pooling, size: poolSize } };
}
