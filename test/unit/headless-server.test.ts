import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { CallError, type Delta, type Handlers } from '../../core/contract/index.ts';
import { serveWindow, type WindowServer } from '../../main/headless/window-server.ts';
import { contentSecurityPolicy } from '../../main/static-files.ts';

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

let outside = '';
let server: WindowServer;
let listeners: Set<(delta: Delta) => void>;
const log = vi.fn();
const metrics = (): string => 'up 1\n';
const sessionClose = vi.fn<Handlers['session.close']>();

/** Only what these tests call; any other call fails as unexpected. */
const handlers = {
  'session.close': sessionClose,
  'endpoints.remove': () => {
    throw new CallError('in_use', 'It is in use.', 'Move its sessions first.');
  },
  'demo.stop': () => {
    throw new Error('a mistake in the program');
  },
} as unknown as Handlers;

beforeEach(async () => {
  outside = await mkdtemp(path.join(tmpdir(), 'window-server-test-'));
  const folder = path.join(outside, 'window');
  await mkdir(path.join(folder, 'assets'), { recursive: true });
  await writeFile(path.join(outside, 'secret.txt'), 'secret');
  await mkdir(path.join(outside, 'window-not'));
  await writeFile(path.join(outside, 'window-not/secret.txt'), 'secret');
  await writeFile(path.join(folder, 'index.html'), '<!doctype html><title>Switchyard</title>');
  await writeFile(path.join(folder, 'assets/app.js'), 'export {};');
  await symlink(path.join(outside, 'secret.txt'), path.join(folder, 'link.txt'));
  log.mockReset();
  sessionClose.mockReset().mockResolvedValue({});
  listeners = new Set();
  server = await serveWindow({
    port: 0,
    folder,
    handlers,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    metrics,
    log,
  });
});

afterEach(async () => {
  await server.stop();
  await rm(outside, { recursive: true, force: true });
});

function ask(target: string, options: { method?: string; headers?: Record<string, string> } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port: server.port, path: target, agent: false, ...options }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    request.on('error', reject);
    request.end();
  });
}

const ours = (): string => `http://127.0.0.1:${server.port}`;

function dial(options: { origin?: string | null; protocols?: string[]; headers?: Record<string, string>; path?: string } = {}): WebSocket {
  const origin = options.origin === undefined ? ours() : options.origin;
  return new WebSocket(
    `ws://127.0.0.1:${server.port}${options.path ?? '/ws'}`,
    options.protocols ?? ['switchyard', `token.${server.token}`],
    {
      headers: options.headers ?? {},
      ...(origin === null ? {} : { origin }),
      perMessageDeflate: true,
    },
  );
}

async function open(): Promise<WebSocket> {
  const socket = dial();
  await once(socket, 'open');
  return socket;
}

/** The status an upgrade was refused with. */
async function refusalOf(socket: WebSocket): Promise<number> {
  socket.on('error', () => undefined);
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number; destroy(): void }];
  response.destroy();
  return response.statusCode;
}

async function call(socket: WebSocket, frame: unknown): Promise<unknown> {
  socket.send(JSON.stringify(frame));
  const [data] = (await once(socket, 'message')) as [Buffer];
  return JSON.parse(data.toString());
}

async function closeCodeOf(socket: WebSocket): Promise<number> {
  socket.on('error', () => undefined);
  const [code] = (await once(socket, 'close')) as [number];
  return code;
}

describe('files', () => {
  it('serves the window with every protecting header', async () => {
    const answer = await ask('/');
    expect(answer.status).toBe(200);
    expect(answer.body).toContain('Switchyard');
    expect(answer.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': contentSecurityPolicy,
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
    });
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    expect(answer.headers).not.toHaveProperty('set-cookie');
    expect((await ask('/assets/app.js?v=1')).headers['content-type']).toContain('javascript');
  });

  it('serves the metrics without a token, to nobody who calls it by another name', async () => {
    const answer = await ask('/metrics');
    expect([answer.status, answer.body]).toEqual([200, metrics()]);
    expect(answer.headers).toMatchObject({
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
      'cross-origin-resource-policy': 'same-origin',
    });
    expect((await ask('/metrics', { headers: { host: 'evil.example' } })).status).toBe(421);
    expect((await ask('/metrics', { headers: { 'sec-fetch-site': 'same-site' } })).status).toBe(403);
    expect((await ask('/metrics', { method: 'POST' })).status).toBe(405);
  });

  it('protects refusals too', async () => {
    const answer = await ask('/nothing');
    expect(answer.status).toBe(404);
    expect(answer.headers['content-security-policy']).toBe(contentSecurityPolicy);
    expect(answer.headers['x-content-type-options']).toBe('nosniff');
  });

  it('answers HEAD without a body', async () => {
    const answer = await ask('/', { method: 'HEAD' });
    expect(answer.status).toBe(200);
    expect(answer.body).toBe('');
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('refuses %s', async (method) => {
    const answer = await ask('/', { method });
    expect(answer.status).toBe(405);
    expect(answer.headers.allow).toBe('GET, HEAD');
  });

  it.each([
    '/../secret.txt',
    '/assets/../../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/%2e%2e%2fsecret.txt',
    '/..%5csecret.txt',
    '/..\\secret.txt',
    '/../window-not/secret.txt',
    '//etc/passwd',
    '/link.txt',
    '/index.html%00.js',
    '/%',
    '/%ff',
    '/assets',
    '/assets/',
    '/index.html/',
  ])('keeps to its folder: %s', async (target) => {
    const answer = await ask(target);
    expect(answer.status).toBe(404);
    expect(answer.body).toBe('There is no such file.\n');
  });

  it('refuses other names for this machine', async () => {
    for (const host of [
      `localhost:${server.port}`,
      'attacker.example',
      `127.0.0.1:${server.port + 1}`,
      '127.0.0.1',
      `127.0.0.1.nip.example:${server.port}`,
    ]) {
      expect((await ask('/', { headers: { host } })).status, host).toBe(421);
    }
  });

  it.each(['cross-site', 'same-site', 'nonsense'])('refuses what a page of another place asks for (%s)', async (site) => {
    expect((await ask('/', { headers: { 'sec-fetch-site': site } })).status).toBe(403);
  });

  it.each(['none', 'same-origin'])('serves the address bar and itself (%s)', async (site) => {
    expect((await ask('/', { headers: { 'sec-fetch-site': site } })).status).toBe(200);
  });

  it('survives what is no HTTP', async () => {
    const socket = connect(server.port, '127.0.0.1');
    socket.end('\x16\x03\x01 rubbish\r\n\r\n');
    const [data] = (await once(socket, 'data')) as [Buffer];
    expect(data.toString()).toContain('400');
    expect((await ask('/')).status).toBe(200);
  });
});

describe('the WebSocket', () => {
  it('opens for the page with the token, under its subprotocol, uncompressed', async () => {
    const socket = await open();
    expect(socket.protocol).toBe('switchyard');
    expect(socket.extensions).toBe('');
    socket.close();
  });

  it('puts 256 bits of token into the fragment, others at every start', () => {
    expect(server.url).toBe(`${ours()}/#token=${server.token}`);
    expect(Buffer.from(server.token, 'base64url')).toHaveLength(32);
  });

  it.each<[string, number, () => WebSocket]>([
    ['another origin', 403, () => dial({ origin: 'https://attacker.example' })],
    ['another port of this machine', 403, () => dial({ origin: `http://127.0.0.1:${server.port + 1}` })],
    ['our name with https', 403, () => dial({ origin: `https://127.0.0.1:${server.port}` })],
    ['no origin', 403, () => dial({ origin: null })],
    ['a null origin', 403, () => dial({ origin: 'null' })],
    ['another host', 421, () => dial({ headers: { host: `localhost:${server.port}` } })],
    ['a page elsewhere', 403, () => dial({ headers: { 'sec-fetch-site': 'cross-site' } })],
    ['no token', 401, () => dial({ protocols: ['switchyard'] })],
    ['an empty token', 401, () => dial({ protocols: ['switchyard', 'token.'] })],
    ['a wrong token', 401, () => dial({ protocols: ['switchyard', `token.${'A'.repeat(43)}`] })],
    ['half the token', 401, () => dial({ protocols: ['switchyard', `token.${server.token.slice(0, 20)}`] })],
    ['the token alone', 401, () => dial({ protocols: [`token.${server.token}`] })],
    ['no subprotocol', 401, () => dial({ protocols: [] })],
    ['another path', 404, () => dial({ path: '/other' })],
    ['the token in the query', 401, () => dial({ protocols: ['switchyard'], path: `/ws?token=${server.token}` })],
  ])('refuses %s with %i', async (_what, status, dialled) => {
    expect(await refusalOf(dialled())).toBe(status);
  });

  it('answers calls in the order of their ids, errors as data', async () => {
    const socket = await open();
    expect(await call(socket, { id: 1, call: 'session.close', request: { sessionId: 7 } })).toEqual({
      kind: 'reply',
      id: 1,
      result: { ok: true, reply: {} },
    });
    expect(sessionClose).toHaveBeenCalledWith({ sessionId: 7 });
    expect(await call(socket, { id: 2, call: 'endpoints.remove', request: { id: 'ep-a' } })).toEqual({
      kind: 'reply',
      id: 2,
      result: { ok: false, error: { code: 'in_use', message: 'It is in use.', hint: 'Move its sessions first.' } },
    });
    expect(log).not.toHaveBeenCalled();
    expect(await call(socket, { id: 3, call: 'demo.stop', request: {} })).toMatchObject({
      id: 3,
      result: { ok: false, error: { code: 'internal' } },
    });
    expect(log).toHaveBeenCalledOnce();
    socket.close();
  });

  it.each<[string, unknown, string]>([
    ['an unknown call', { id: 1, call: 'format.disk', request: {} }, 'unknown_call'],
    ['a name of every object', { id: 1, call: 'constructor', request: {} }, 'unknown_call'],
    ['a request that does not fit', { id: 1, call: 'session.close', request: { sessionId: -1 } }, 'invalid_request'],
    ['unknown keys', { id: 1, call: 'session.close', request: { sessionId: 1, force: true } }, 'invalid_request'],
  ])('answers %s with %s', async (_what, frame, code) => {
    const socket = await open();
    expect(await call(socket, frame)).toMatchObject({ result: { ok: false, error: { code } } });
    expect(sessionClose).not.toHaveBeenCalled();
    socket.close();
  });

  it.each<[string, string | Buffer, number]>([
    ['no JSON', '{', 1008],
    ['JSON that is no frame', '[]', 1008],
    ['null', 'null', 1008],
    ['a frame without an id', '{"call":"snapshot","request":{}}', 1008],
    ['a frame with more in it', '{"id":1,"call":"snapshot","request":{},"as":"root"}', 1008],
    ['a binary frame', Buffer.from('{}'), 1003],
    ['more than 1 MiB', 'x'.repeat(1_048_577), 1009],
  ])('closes on %s', async (_what, data, code) => {
    const socket = await open();
    socket.send(data, { compress: false });
    expect(await closeCodeOf(socket)).toBe(code);
    expect(sessionClose).not.toHaveBeenCalled();
    expect((await ask('/')).status).toBe(200);
  });

  it('cuts off a flood, and nobody else', async () => {
    const other = await open();
    const socket = await open();
    const closed = closeCodeOf(socket);
    for (let id = 0; id < 1_000; id++) socket.send(JSON.stringify({ id, call: 'session.close', request: { sessionId: 1 } }));
    expect(await closed).toBe(1008);
    expect(sessionClose.mock.calls.length).toBeLessThan(400);
    expect(await call(other, { id: 1, call: 'session.close', request: { sessionId: 2 } })).toMatchObject({ result: { ok: true } });
    other.close();
  });

  it('pushes deltas to every window', async () => {
    const windows = [await open(), await open()];
    const received = windows.map((socket) => once(socket, 'message') as Promise<[Buffer]>);
    for (const listener of listeners) listener({ seq: 1, at: 5 });
    for (const [data] of await Promise.all(received)) {
      expect(JSON.parse(data.toString())).toEqual({ kind: 'delta', delta: { seq: 1, at: 5 } });
    }
    for (const socket of windows) socket.close();
  });

  it('drops deltas for a window that does not read, and goes on when it does', async () => {
    const socket = await open();
    const seen: number[] = [];
    socket.on('message', (data: Buffer) => seen.push((JSON.parse(data.toString()) as { delta: { seq: number } }).delta.seq));
    socket.pause();
    const big = 'x'.repeat(400_000);
    const sent = 60;
    for (let seq = 1; seq <= sent; seq++) {
      for (const listener of listeners)
        listener({ seq, at: 0, log: [{ id: 1, at: 0, level: 'info', code: 'x', message: big, sessionId: null, repeats: 1 }] });
      // The kernel's buffers take what they can before anything counts as queued.
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.resume();
    await expect.poll(() => seen.length).toBeGreaterThan(0);
    const push = (seq: number): void => listeners.forEach((listener) => listener({ seq, at: 0 }));
    await expect.poll(() => (push(1_000), seen.includes(1_000))).toBe(true);
    expect(seen.filter((seq) => seq <= sent).length).toBeLessThan(sent);
    socket.close();
  });

  it('ends open windows when it stops, and lets go of the deltas', async () => {
    const socket = await open();
    const code = closeCodeOf(socket);
    await server.stop();
    expect(await code).toBe(1001);
    expect(listeners.size).toBe(0);
    await expect(ask('/')).rejects.toThrow(/ECONNREFUSED/);
    server = await serveWindow({ port: 0, folder: outside, handlers, subscribe: () => () => undefined, metrics, log });
  });

  it('names the port when it is taken', async () => {
    const again = serveWindow({ port: server.port, folder: outside, handlers, subscribe: () => () => undefined, metrics, log });
    await expect(again).rejects.toThrow(`Port ${server.port} on 127.0.0.1 is taken`);
  });
});
