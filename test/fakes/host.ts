/** A host without a proxy, for tests of the shells around it: it answers `snapshot` with as many sessions as it is told. */
import { CallError, settings } from '../../core/contract/index.ts';
import type { Delta, Handlers, SettingsView, Snapshot } from '../../core/contract/index.ts';
import { noDesktop } from '../../main/no-desktop.ts';
import { sessionRowOf } from '../support/session-row.ts';

const distribution = { count: 0, p50: 0, p95: 0, p99: 0, max: 0 };

/** A snapshot that fits the contract. */
export function snapshotWith(sessions: number): Snapshot {
  return {
    seq: 0,
    at: 0,
    host: {
      version: '0.0.0',
      startedAt: 0,
      proxy: { host: '127.0.0.1', port: 6432 },
      wantedPort: null,
      admitting: true,
      defaultEndpoint: null,
      unknownEndpoint: 'refuse',
      demo: { state: 'off', reason: null, workload: false, available: true },
      passwords: { kept: 'memory', reason: null },
      endpointsKept: { file: null, problem: null },
      capture: null,
      connectLines: [],
    },
    endpoints: [],
    sessions: Array.from({ length: sessions }, (_, index) => sessionRowOf(index + 1, { user: 'postgres' })),
    pools: [],
    observations: [],
    operations: [],
    transfers: [],
    counters: {
      attempted: 0,
      success: 0,
      error_recoverable: 0,
      error_fatal: 0,
      refused: 0,
      inFlight: 0,
      attemptedLatency: distribution,
      pause: distribution,
    },
    samples: [],
    log: [],
  };
}

const settingsView: SettingsView = { settings: settings.parse({}), authorityFile: null, listeners: [], problems: [], file: null };

/** The stand-in host; counts what was asked of it. */
export class FakeHost {
  sessions = 0;
  started = 0;
  stopped = 0;
  failToStart: Error | null = null;
  private readonly listeners = new Set<(delta: Delta) => void>();

  readonly handlers: Handlers = {
    snapshot: () => snapshotWith(this.sessions),
    'endpoints.save': ({ id }) => ({ id, backend: '127.0.0.1:5432', stranded: [] }),
    'endpoints.remove': () => {
      throw new CallError('in_use', 'ep-a still has 2 sessions.', 'Move them first.');
    },
    'endpoints.test': () => ({ ok: true, message: 'PostgreSQL 18.4', hint: null, serverVersion: '18.4', ms: 1 }),
    'endpoints.apply': () => ({ applied: true, effects: [] }),
    'endpoints.import': () => ({ drafts: [], problems: [] }),
    'endpoints.discover': () => ({ found: [] }),
    'endpoints.check': () => {
      throw new Error('a bug');
    },
    preflight: () => ({ verdicts: [] }),
    migrate: () => ({ operationId: 1 }),
    'endpoints.remap': () => ({ operationId: 2 }),
    'backend.drain': () => ({ operationId: 3 }),
    'backend.restart': () => ({ operationId: 5 }),
    'backend.undrain': () => ({}),
    'operation.cancel': () => ({}),
    'operation.undo': () => ({ operationId: 4 }),
    'operation.blockers': () => ({ blockers: [] }),
    'session.timeline': () => {
      throw new CallError('unknown_session', 'Nothing is known of it.');
    },
    'timelines.export': () => ({ exportedAt: 0, version: '0', sessions: [] }),
    history: () => {
      throw new CallError('unavailable', 'Nothing is remembered.');
    },
    'events.list': () => ({ entries: [] }),
    'clients.admit': () => ({}),
    'session.detail': () => {
      throw new CallError('unknown_session', 'There is no such session.');
    },
    'capture.start': () => ({ until: 0, sessions: null }),
    'capture.stop': () => ({}),
    'capture.clear': () => ({}),
    'capture.read': () => ({ statements: [], next: -1, dropped: 0, capture: null, keptUntil: null }),
    'session.close': () => ({}),
    'session.cancel': () => ({}),
    'session.rollback': () => ({}),
    'endpoints.pooling': () => ({}),
    'pool.pause': () => ({}),
    'pool.resume': () => ({}),
    'pool.reconnect': () => ({}),
    'pool.kill': () => ({}),
    'observations.clear': () => ({}),
    'settings.get': () => settingsView,
    'settings.save': () => settingsView,
    'users.save': () => settingsView,
    'users.remove': () => settingsView,
    'tls.makeLocal': () => settingsView,
    ...noDesktop,
    'demo.start': () => ({}),
    'demo.stop': () => ({}),
    'demo.workload': () => ({}),
  };

  start(): Promise<void> {
    this.started += 1;
    return this.failToStart ? Promise.reject(this.failToStart) : Promise.resolve();
  }
  stop(): Promise<void> {
    this.stopped += 1;
    return Promise.resolve();
  }
  subscribe(listener: (delta: Delta) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
  tell(delta: Delta): void {
    for (const listener of this.listeners) listener(delta);
  }
}
