import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PoolExhausted } from '../../core/pool/pool.ts';
import { cleanWant } from '../../core/pool/want.ts';
import { PREFER_TLS } from '../../core/tls/backend-tls.ts';
import { discarded, loginOf as login, makePool, ready } from '../support/pool-rig.ts';

const signal = new AbortController().signal;

describe('a pool', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('tells a session that waited in vain how long, for what, and what to do', async () => {
    const { pool, figures } = makePool({ size: 1 });
    await pool.acquire(cleanWant(login(), 'ep-a'), signal);
    const waiting = pool.acquire(cleanWant(login(), 'ep-a'), signal).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(120_000);
    const error = await waiting;
    expect(error).toBeInstanceOf(PoolExhausted);
    expect(String(error)).toContain('no server connection to h:1 became free within 120 s: all 1 of pool h:1/d/r are in use');
    expect((error as PoolExhausted).hint).toContain('--pool-size');
    expect(figures().waiting).toBe(0);
  });

  it('hands out the connection that is being reset rather than opening another', async () => {
    const { pool, sockets, figures } = makePool({ size: 5 });
    const first = await pool.acquire(cleanWant(login(), 'ep-a'), signal);
    pool.release(first, 'reset');
    const second = pool.acquire(cleanWant(login(), 'ep-a'), signal);
    expect(sockets.length).toBe(1);
    sockets[0]?.emit('data', discarded);
    expect(await second).toBe(first);
    expect(figures()).toMatchObject({ opened: 1, reused: 1, resetting: 0, waiting: 0 });
  });

  it.each([
    ['another answer', ready],
    ['the beginning of a message', Buffer.from('D\0')],
    ['its goodbye', Buffer.from('E\0\0\0\x0dSFATAL\0\0')],
    ['a notice', Buffer.from('N\0\0\0\x05\0')],
  ])('hands nobody a connection whose server says %s behind the reset', async (_, more) => {
    const { pool, sockets, figures } = makePool({ size: 5 });
    pool.release(await pool.acquire(cleanWant(login(), 'ep-a'), signal), 'reset');
    sockets[0]?.emit('data', Buffer.concat([discarded, more]));
    await vi.waitFor(() => expect(figures().resetting).toBe(0));
    await pool.acquire(cleanWant(login(), 'ep-a'), signal);
    expect(figures()).toMatchObject({ opened: 2, reused: 0, idle: 0 });
  });

  it('hands nobody a connection whose server answers the reset with something else', async () => {
    const { pool, sockets, figures } = makePool({ size: 5 });
    pool.release(await pool.acquire(cleanWant(login(), 'ep-a'), signal), 'reset');
    sockets[0]?.emit('data', ready);
    await vi.waitFor(() => expect(figures().resetting).toBe(0));
    await pool.acquire(cleanWant(login(), 'ep-a'), signal);
    expect(figures()).toMatchObject({ opened: 2, reused: 0, idle: 0 });
  });

  it('hands nobody a connection that is encrypted in another way than asked for', async () => {
    const { pool, sockets, figures } = makePool({ size: 5 });
    pool.release(await pool.acquire(cleanWant(login('a', PREFER_TLS), 'ep-a'), signal), 'reset');
    sockets[0]?.emit('data', discarded);
    await vi.waitFor(() => expect(figures().idle).toBe(1));
    await pool.acquire(cleanWant(login('a', { ...PREFER_TLS, mode: 'verify-full', rootCert: '/root.pem' }), 'ep-a'), signal);
    expect(sockets.length).toBe(2);
    await pool.acquire(cleanWant(login('a', { ...PREFER_TLS }), 'ep-a'), signal);
    expect(figures()).toMatchObject({ opened: 2, reused: 1 });
  });

  it('opens another when the reset takes long', async () => {
    const { pool, sockets, figures } = makePool({ size: 5 });
    pool.release(await pool.acquire(cleanWant(login(), 'ep-a'), signal), 'reset');
    const second = pool.acquire(cleanWant(login(), 'ep-a'), signal);
    await vi.advanceTimersByTimeAsync(250);
    await second;
    expect(sockets.length).toBe(2);
    expect(figures()).toMatchObject({ active: 1, connecting: 0, waiting: 0, resetting: 1 });
  });

  it('opens one each for as many as come while one is being reset', async () => {
    const { pool, sockets } = makePool({ size: 5 });
    pool.release(await pool.acquire(cleanWant(login(), 'ep-a'), signal), 'reset');
    const asked = [login(), login(), login('b')].map((each) => pool.acquire(cleanWant(each, 'ep-a'), signal));
    await Promise.all([asked[0], asked[2]]);
    expect(sockets.length).toBe(3);
    sockets[0]?.emit('data', discarded);
    await asked[1];
    expect(sockets.length).toBe(3);
  });

  it('closes a connection whose reset failed or got no answer, and serves who waits', async () => {
    const { pool, sockets, reports, figures } = makePool({ size: 1 });
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
    expect(figures()).toMatchObject({ resetting: 0, idle: 0 });
  });

  it('waits with the reset for a cancel on its way', async () => {
    const { pool, sockets } = makePool({ size: 1 });
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
    const { pool, sockets } = makePool({ size: 1 });
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
    const { pool, sockets, figures } = makePool({ size: 2 });
    pool.release(await pool.acquire(cleanWant(login(), 'ep-a'), signal), 'reset');
    sockets[0]?.emit('data', discarded);
    await vi.advanceTimersByTimeAsync(0);
    expect(figures().idle).toBe(1);
    sockets[0]?.emit('data', Buffer.from('N\0\0\0\x05\0'));
    expect(figures().idle).toBe(0);
    expect(pool.isUnused).toBe(true);
  });
});
