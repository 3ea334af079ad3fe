import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { NO_CREDENTIAL } from '../../core/backend/credential.ts';
import { startupKey, type Login } from '../../core/backend/dial.ts';
import { ServerConnection } from '../../core/backend/server-connection.ts';
import { Pool, PoolExhausted } from '../../core/pool/pool.ts';
import { cleanWant } from '../../core/pool/want.ts';
import { PREFER_TLS, type BackendTls } from '../../core/tls/backend-tls.ts';

/** A socket that nothing is connected to; what is written is kept, what the server says is emitted. */
class FakeSocket extends EventEmitter {
  readonly written: Buffer[] = [];
  destroyed = false;
  write(bytes: Buffer): boolean {
    this.written.push(bytes);
    return true;
  }
  resume(): this {
    return this;
  }
  end(bytes?: Buffer): void {
    if (bytes !== undefined) this.written.push(bytes);
  }
  destroy(): void {
    this.destroyed = true;
  }
}

const ready = Buffer.from('Z\0\0\0\x05I');
const discarded = Buffer.concat([Buffer.from('C\0\0\0\x10DISCARD ALL\0'), ready]);

function login(application = 'a', tls: BackendTls = PREFER_TLS): Login {
  return {
    backend: { id: 'h:1', connect: { host: 'h', port: 1 } },
    tls,
    database: 'd',
    role: 'r',
    credential: NO_CREDENTIAL,
    startup: new Map([['application_name', application]]),
  };
}

/** A pool of fake connections; `sockets` in the order in which they were opened. */
function makePool(size: number): { pool: Pool; sockets: FakeSocket[]; reports: string[] } {
  const sockets: FakeSocket[] = [];
  const reports: string[] = [];
  const pool = new Pool({ backend: 'h:1', database: 'd', role: 'r' }, size, {
    dial: (request) => {
      const socket = new FakeSocket();
      sockets.push(socket);
      const { backend, tls, database, role, startup } = request;
      return Promise.resolve(
        // The pool needs of a socket only what the fake has.
        new ServerConnection(
          { socket: socket as unknown as Socket, tls: null },
          {
            backend,
            tls,
            database,
            role,
            startupKey: startupKey(startup),
            pid: sockets.length,
            secret: Buffer.alloc(4),
            parameters: new Map(),
            rest: Buffer.alloc(0),
          },
        ),
      );
    },
    report: (_level, code) => reports.push(code),
  });
  return { pool, sockets, reports };
}

const signal = new AbortController().signal;

describe('a pool', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('tells a session that waited in vain how long, for what, and what to do', async () => {
    const { pool } = makePool(1);
    await pool.acquire(cleanWant(login(), 'ep-a'), signal);
    const waiting = pool.acquire(cleanWant(login(), 'ep-a'), signal).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(120_000);
    const error = await waiting;
    expect(error).toBeInstanceOf(PoolExhausted);
    expect(String(error)).toContain('no server connection to h:1 became free within 120 s: all 1 of pool h:1/d/r are in use');
    expect((error as PoolExhausted).hint).toContain('--pool-size');
    expect(pool.waiting).toBe(0);
  });

  it('hands out the connection that is being reset rather than opening another', async () => {
    const { pool, sockets } = makePool(5);
    const first = await pool.acquire(cleanWant(login(), 'ep-a'), signal);
    pool.release(first, 'reset');
    const second = pool.acquire(cleanWant(login(), 'ep-a'), signal);
    expect(sockets.length).toBe(1);
    sockets[0]?.emit('data', discarded);
    expect(await second).toBe(first);
    expect(pool).toMatchObject({ opened: 1, reused: 1, resetting: 0, waiting: 0 });
  });

  it.each([
    ['another answer', ready],
    ['the beginning of a message', Buffer.from('D\0')],
    ['its goodbye', Buffer.from('E\0\0\0\x0dSFATAL\0\0')],
    ['a notice', Buffer.from('N\0\0\0\x05\0')],
  ])('hands nobody a connection whose server says %s behind the reset', async (_, more) => {
    const { pool, sockets } = makePool(5);
    pool.release(await pool.acquire(cleanWant(login(), 'ep-a'), signal), 'reset');
    sockets[0]?.emit('data', Buffer.concat([discarded, more]));
    await vi.waitFor(() => expect(pool.resetting).toBe(0));
    await pool.acquire(cleanWant(login(), 'ep-a'), signal);
    expect(pool).toMatchObject({ opened: 2, reused: 0, idle: 0 });
  });

  it('hands nobody a connection whose server answers the reset with something else', async () => {
    const { pool, sockets } = makePool(5);
    pool.release(await pool.acquire(cleanWant(login(), 'ep-a'), signal), 'reset');
    sockets[0]?.emit('data', ready);
    await vi.waitFor(() => expect(pool.resetting).toBe(0));
    await pool.acquire(cleanWant(login(), 'ep-a'), signal);
    expect(pool).toMatchObject({ opened: 2, reused: 0, idle: 0 });
  });

  it('hands nobody a connection that is encrypted in another way than asked for', async () => {
    const { pool, sockets } = makePool(5);
    pool.release(await pool.acquire(cleanWant(login('a', PREFER_TLS), 'ep-a'), signal), 'reset');
    sockets[0]?.emit('data', discarded);
    await vi.waitFor(() => expect(pool.idle).toBe(1));
    await pool.acquire(cleanWant(login('a', { ...PREFER_TLS, mode: 'verify-full', rootCert: '/root.pem' }), 'ep-a'), signal);
    expect(sockets.length).toBe(2);
    await pool.acquire(cleanWant(login('a', { ...PREFER_TLS }), 'ep-a'), signal);
    expect(pool).toMatchObject({ opened: 2, reused: 1 });
  });

  it('opens another when the reset takes long', async () => {
    const { pool, sockets } = makePool(5);
    pool.release(await pool.acquire(cleanWant(login(), 'ep-a'), signal), 'reset');
    const second = pool.acquire(cleanWant(login(), 'ep-a'), signal);
    await vi.advanceTimersByTimeAsync(250);
    await second;
    expect(sockets.length).toBe(2);
    expect(pool).toMatchObject({ active: { size: 1 }, connecting: 0, waiting: 0, resetting: 1 });
  });

  it('opens one each for as many as come while one is being reset', async () => {
    const { pool, sockets } = makePool(5);
    pool.release(await pool.acquire(cleanWant(login(), 'ep-a'), signal), 'reset');
    const waiting = pool.acquire(cleanWant(login(), 'ep-a'), signal);
    const others = [pool.acquire(cleanWant(login(), 'ep-a'), signal), pool.acquire(cleanWant(login('b'), 'ep-a'), signal)];
    await Promise.all(others);
    expect(sockets.length).toBe(3);
    sockets[0]?.emit('data', discarded);
    await waiting;
    expect(sockets.length).toBe(3);
  });

  it('closes a connection whose reset failed or got no answer, and serves who waits', async () => {
    const { pool, sockets, reports } = makePool(1);
    pool.release(await pool.acquire(cleanWant(login(), 'ep-a'), signal), 'reset');
    const second = pool.acquire(cleanWant(login(), 'ep-a'), signal);
    await vi.advanceTimersByTimeAsync(5_000);
    const connection = await second;
    expect(sockets[0]?.destroyed).toBe(true);
    expect(reports).toEqual(['reset_failed']);
    pool.release(connection, 'reset');
    const third = pool.acquire(cleanWant(login(), 'ep-a'), signal);
    sockets[1]?.emit('data', Buffer.concat([Buffer.from('E\0\0\0\x05\0'), ready]));
    await third;
    expect(sockets.length).toBe(3);
    expect(pool).toMatchObject({ resetting: 0, idle: 0 });
  });

  it('waits with the reset for a cancel on its way', async () => {
    const { pool, sockets } = makePool(1);
    const connection = await pool.acquire(cleanWant(login(), 'ep-a'), signal);
    connection.cancelsInFlight = 1;
    pool.release(connection, 'reset');
    await vi.advanceTimersByTimeAsync(100);
    expect(sockets[0]?.written).toEqual([]);
    connection.cancelsInFlight = 0;
    connection.onCancelsSettled?.();
    await vi.advanceTimersByTimeAsync(0);
    expect(sockets[0]?.written.length).toBe(1);
  });

  it('forgets a session that stops waiting, and gives its turn to the next', async () => {
    const { pool, sockets } = makePool(1);
    const first = await pool.acquire(cleanWant(login(), 'ep-a'), signal);
    const leaver = new AbortController();
    const left = pool.acquire(cleanWant(login(), 'ep-a'), leaver.signal).catch((error: unknown) => error);
    const next = pool.acquire(cleanWant(login(), 'ep-a'), signal);
    leaver.abort(new Error('the client left'));
    expect(String(await left)).toContain('the client left');
    pool.release(first, 'reset');
    sockets[0]?.emit('data', discarded);
    expect(await next).toBe(first);
    await expect(pool.acquire(cleanWant(login(), 'ep-a'), AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('keeps nothing that talks while nobody uses it', async () => {
    const { pool, sockets } = makePool(2);
    pool.release(await pool.acquire(cleanWant(login(), 'ep-a'), signal), 'reset');
    sockets[0]?.emit('data', discarded);
    await vi.advanceTimersByTimeAsync(0);
    expect(pool.idle).toBe(1);
    sockets[0]?.emit('data', Buffer.from('N\0\0\0\x05\0'));
    expect(pool.idle).toBe(0);
    expect(pool.isUnused).toBe(true);
  });
});
