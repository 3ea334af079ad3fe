/**
 * A stand-in for the headless host: serves the built page and plays a scripted world over the contract. Requests, replies and
 * deltas go through the contract's own schemas, so that a page tested here cannot rely on what the contract does not give.
 */
import { randomBytes } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { CallError, clientFrame, delta as deltaSchema, dispatch } from '../../../core/contract/index.ts';
import type { Handlers, SettingsView, TransferRow } from '../../../core/contract/index.ts';
import { noDesktop } from '../../../main/no-desktop.ts';
import { historyHandlers } from './standin-history.ts';
import { endpointHandlers } from './standin-endpoints.ts';
import { detailHandlers } from './standin-detail.ts';
import { arrangePooling, poolingHandlers } from './standin-pooling.ts';
import type { PoolingScene } from './standin-pooling.ts';
import { standinSettings } from './standin-settings.ts';
import type { SettingsHandlers } from './standin-settings.ts';
import { World } from './standin-world.ts';
import type { WorldOptions } from './standin-world.ts';

const pages = fileURLToPath(new URL('../../../dist/renderer', import.meta.url));
const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export interface StandinHost {
  /** The address with its token. */
  url: string;
  world: World;
  /** Closes every window's connection and refuses new ones until `reconnect`. */
  disconnect(): void;
  reconnect(): void;
  /** Keeps the connections but says nothing more, as a host that hangs, until called with false. */
  hang(hangs: boolean): void;
  /** Leaves out a delta, so that windows see a gap. */
  skipDelta(): void;
  /** How many snapshots were asked for. */
  snapshots(): number;
  /** The settings at work. */
  settings(): SettingsView;
  close(): Promise<void>;
}

/** What the scripted world is made of. */
export interface StandinOptions extends WorldOptions {
  /** Pools in transaction mode, the first of them exhausted. */
  pooling?: PoolingScene;
  /** Deltas per second; 4 as the real host sends them, if left out. */
  hz?: number;
}

/** Starts a stand-in on a free port of 127.0.0.1. */
export async function startStandin(options: StandinOptions): Promise<StandinHost> {
  const world = new World(options);
  if (options.pooling) arrangePooling(world, options.pooling);
  const settings = standinSettings();
  const token = randomBytes(16).toString('hex');
  const sockets = new Set<WebSocket>();
  const moves = new Set<ReturnType<typeof setTimeout>>();
  let reachable = true;
  let snapshots = 0;
  const files = await readPages();

  const http = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://host');
    const name = pathname === '/' ? '/index.html' : pathname;
    const body = files.get(name);
    if (!body) return void response.writeHead(404).end();
    response.writeHead(200, {
      'content-type': types[extname(name)] ?? 'application/octet-stream',
      'content-security-policy': policy,
      'cache-control': 'no-store',
    });
    response.end(body);
  });

  const handlers = handlersOf(world, settings.handlers, options.pooling ?? {}, moves, () => (snapshots += 1));
  const server = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has('switchyard') ? 'switchyard' : false),
  });
  http.on('upgrade', (request, socket, head) => {
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(/,\s*/);
    if (!reachable || !offered.includes(`token.${token}`)) return void socket.destroy();
    server.handleUpgrade(request, socket, head, (client) => {
      sockets.add(client);
      client.on('close', () => sockets.delete(client));
      client.on('message', (text: Buffer) => {
        const frame = clientFrame.parse(JSON.parse(text.toString('utf8')));
        void dispatch(handlers, frame.call, frame.request, (error) => console.error(error)).then((result) =>
          client.send(JSON.stringify({ kind: 'reply', id: frame.id, result })),
        );
      });
    });
  });

  let hangs = false;
  const feed = setInterval(
    () => {
      if (hangs) return;
      const frame = JSON.stringify({ kind: 'delta', delta: deltaSchema.parse(world.tick()) });
      for (const client of sockets) client.send(frame);
    },
    1_000 / (options.hz ?? 4),
  );

  await new Promise<void>((ready) => http.listen(0, '127.0.0.1', ready));
  const { port } = http.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/#token=${token}`,
    world,
    disconnect() {
      reachable = false;
      for (const client of sockets) client.terminate();
    },
    reconnect() {
      reachable = true;
    },
    hang(next) {
      hangs = next;
    },
    skipDelta() {
      world.tick();
    },
    snapshots: () => snapshots,
    settings: settings.view,
    async close() {
      clearInterval(feed);
      for (const move of moves) clearTimeout(move);
      for (const client of sockets) client.terminate();
      server.close();
      http.closeAllConnections();
      await new Promise<void>((closed) => http.close(() => closed()));
    },
  };
}

/** The built page as it is now, so that a build during the test does not pull it from under the browser. */
async function readPages(): Promise<Map<string, Buffer>> {
  const entries = await readdir(pages, { recursive: true, withFileTypes: true });
  const files = new Map<string, Buffer>();
  for (const entry of entries.filter((each) => each.isFile())) {
    const file = join(entry.parentPath, entry.name);
    files.set(`/${relative(pages, file).replaceAll(sep, '/')}`, await readFile(file));
  }
  if (!files.has('/index.html')) throw new Error(`${pages} holds no page: run "npm run build" first`);
  return files;
}

function handlersOf(
  world: World,
  settings: SettingsHandlers,
  pooling: PoolingScene,
  moves: Set<ReturnType<typeof setTimeout>>,
  onSnapshot: () => void,
): Handlers {
  const later = (ms: number, work: () => void): void => {
    const timer = setTimeout(() => {
      moves.delete(timer);
      work();
    }, ms);
    moves.add(timer);
  };
  const verdictOf = (sessionId: number) => {
    const row = world.sessions.get(sessionId);
    if (sessionId % 11 === 0) {
      const message = 'The session owns the temporary table "basket".';
      const hint = 'DROP TABLE basket lets it move.';
      return {
        sessionId,
        verdict: 'refused' as const,
        reason: message,
        findings: [{ level: 'block' as const, code: 'temp_object', message, hint }],
      };
    }
    const info = { level: 'info' as const, code: 'not_checked', message: 'Not checked: differences between the schemas.', hint: null };
    if (row?.transaction === 'T')
      return { sessionId, verdict: 'waits' as const, reason: 'In a transaction; moves after COMMIT or ROLLBACK.', findings: [] };
    return { sessionId, verdict: 'ready' as const, reason: null, findings: sessionId % 3 === 0 ? [info] : [] };
  };
  return {
    ...noDesktop,
    ...settings,
    ...detailHandlers(world),
    ...poolingHandlers(world, pooling, later),
    ...historyHandlers(world),
    snapshot: () => {
      onSnapshot();
      return world.snapshot();
    },
    ...endpointHandlers(world),
    'endpoints.test': ({ url }) =>
      url.includes('verify-full') && !url.includes('sslrootcert=')
        ? {
            ok: false,
            message: 'The certificate of 127.0.0.1:54330 does not lead to a root that is trusted here: self-signed certificate.',
            hint: 'This direction needs one of two things:\n- the file of the authority that signed it, as sslrootcert\n- sslmode=require, which encrypts without asking who answers',
            serverVersion: null,
            ms: 9,
          }
        : url.includes(':1/')
          ? { ok: false, message: 'Nothing listens on 127.0.0.1:1.', hint: 'Is the server started?', serverVersion: null, ms: 3 }
          : { ok: true, message: 'Logged in as postgres.', hint: null, serverVersion: '18.4', ms: 11.2 },
    'endpoints.check': ({ id }) => {
      world.putEndpoints(world.endpoints.map((each) => (each.id === id ? { ...each, checkedAt: Date.now() } : each)));
      return {};
    },
    preflight: ({ sessionIds }) => ({ verdicts: sessionIds.filter((id) => world.sessions.has(id)).map(verdictOf) }),
    migrate: ({ sessionIds, to, withinMs }) => {
      const operationId = world.operations.size + 100;
      const target = world.endpoints.find((each) => each.id === to);
      if (!target) throw new CallError('unknown_endpoint', `There is no endpoint ${to}.`);
      const label = `Migrate ${sessionIds.length === 1 ? '1 session' : `${sessionIds.length} sessions`} to ${to}`;
      const startedAt = Date.now();
      const base = { id: operationId, label, to, startedAt, deadlineAt: startedAt + withinMs, settledAt: null, total: sessionIds.length };
      const none = { success: 0, recoverable: 0, fatal: 0, refused: 0, forced: 0, cancelled: false, undoable: false, blockers: 0 };
      world.putOperation({ ...base, ...none, kind: 'migrate', backend: null, forceAt: null });
      sessionIds.forEach((sessionId, i) => {
        const row = world.sessions.get(sessionId);
        if (!row) return;
        const id = world.transfers.size + 1000;
        const transfer: TransferRow = {
          id,
          operationId,
          sessionId,
          application: row.application,
          fromEndpoint: row.endpoint,
          toEndpoint: to,
          fromBackend: row.backend,
          toBackend: target.backend,
          phase: 'armed',
          outcome: null,
          reason: 'Waits for the end of the query under way.',
          requestedAt: startedAt,
          settledAt: null,
          mode: null,
          dialect: 'postgres',
          phases: [{ name: 'dial', ms: 12 }],
          holdsMs: [],
          heldBytes: 0,
          attempts: 0,
          pauseMs: null,
          stateBytes: null,
          findings: [],
        };
        world.putTransfer(transfer);
        world.putSession({ ...row, transfer: { id, phase: 'armed', to } });
        later(500 + i * 20, () => {
          const now = world.sessions.get(sessionId) ?? row;
          const fails = i % 7 === 5;
          const pauseMs = 8.4 + (i % 5);
          const outcome = fails ? 'error_recoverable' : 'success';
          world.putTransfer({
            ...transfer,
            phase: 'settled',
            outcome,
            reason: fails ? 'The target closed the connection during restore.' : null,
            settledAt: Date.now(),
            phases: [...transfer.phases, { name: 'armed', ms: 40 }, { name: 'capture', ms: 3 }, { name: 'restore', ms: 5.4 }],
            pauseMs,
          });
          world.putSession({
            ...now,
            transfer: null,
            ...(fails ? {} : { endpoint: to, backend: target.backend, migrations: now.migrations + 1 }),
          });
          world.count(outcome, pauseMs);
          const operation = world.operations.get(operationId);
          if (!operation) return;
          const success = operation.success + (fails ? 0 : 1);
          const recoverable = operation.recoverable + (fails ? 1 : 0);
          const settledAt = success + recoverable === operation.total ? Date.now() : null;
          world.putOperation({ ...operation, success, recoverable, settledAt });
        });
      });
      return { operationId };
    },
    'operation.cancel': ({ operationId }) => {
      const operation = world.operations.get(operationId);
      if (operation) world.putOperation({ ...operation, cancelled: true });
      return {};
    },
    'endpoints.remap': () => {
      throw notStaged('endpoints.remap');
    },
    'backend.drain': () => {
      throw notStaged('backend.drain');
    },
    'backend.undrain': () => {
      throw notStaged('backend.undrain');
    },
    'backend.restart': () => {
      throw notStaged('backend.restart');
    },
    'operation.undo': () => {
      throw notStaged('operation.undo');
    },
    'operation.blockers': () => ({ blockers: [] }),
    'session.timeline': () => {
      throw notStaged('session.timeline');
    },
    'timelines.export': () => ({ exportedAt: 0, version: '0', sessions: [] }),
    'clients.admit': ({ admit }) => {
      world.putAdmitting(admit);
      return {};
    },
    'session.close': ({ sessionId }) => {
      world.removeSession(sessionId);
      return {};
    },
    'demo.start': () => {
      world.putEndpoints([world.endpoint('ep-a', 54_329, true), world.endpoint('ep-b', 54_330, false)]);
      world.putDemo({ state: 'running' });
      return {};
    },
    'demo.stop': () => {
      world.putDemo({ state: 'off', workload: false });
      return {};
    },
    'demo.workload': ({ on }) => {
      world.putDemo({ workload: on });
      return {};
    },
  };
}

/** The scripted world plays no such scene. */
function notStaged(call: string): CallError {
  return new CallError('unavailable', `The stand-in does not play ${call}.`);
}
