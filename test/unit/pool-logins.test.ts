import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DialFailure } from '../../core/backend/dial.ts';
import type { ServerConnection } from '../../core/backend/server-connection.ts';
import { cleanWant, type Want } from '../../core/pool/want.ts';
import { loginOf, makePool, type PoolRig } from '../support/pool-rig.ts';

const { signal } = new AbortController();
const unreachable = new DialFailure('unreachable', 'h:1 refused the connection');
const tooMany = new DialFailure('refused', 'sorry, too many clients already', null, {
  severity: 'FATAL',
  sqlState: '53300',
  message: 'sorry, too many clients already',
});
const wrongPassword = new DialFailure('authentication', 'password authentication failed');

function want(application = 'a'): Want {
  return cleanWant(loginOf(application), 'ep-a');
}

/** Asks for as many connections; what came of each. */
function ask(rig: PoolRig, count: number, application = 'a', until: AbortSignal = signal): { value: ServerConnection | Error | null }[] {
  return Array.from({ length: count }, () => {
    const result: { value: ServerConnection | Error | null } = { value: null };
    rig.pool.acquire(want(application), until).then(
      (connection) => (result.value = connection),
      (error: unknown) => (result.value = error as Error),
    );
    return result;
  });
}

const turn = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

async function succeed(rig: PoolRig, count = 1): Promise<void> {
  for (let i = 0; i < count; i++) rig.dials[0]?.succeed();
  await turn();
}

async function fail(rig: PoolRig, error: Error): Promise<void> {
  rig.dials[0]?.fail(error);
  await turn();
}

describe('the logins of a pool', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('begin one at a time, then twice as many after each success, up to the limit', async () => {
    const rig = makePool({ logins: 4 }, { holdLogins: true });
    const asked = ask(rig, 20);
    const widths = [];
    for (let i = 0; i < 5; i++) {
      widths.push(rig.dials.length);
      await succeed(rig);
    }
    expect(widths).toEqual([1, 2, 4, 4, 4]);
    expect(rig.figures()).toMatchObject({ opened: 5, active: 5, waiting: 15, connecting: 4 });
    expect(asked.filter(({ value }) => value !== null).length).toBe(5);
    rig.limits.logins = 1;
    await succeed(rig, 4);
    expect(rig.dials.length).toBe(1);
  });

  it('are as many as there is need for', async () => {
    const rig = makePool({ size: 3, logins: 10 }, { holdLogins: true });
    ask(rig, 1);
    await succeed(rig);
    ask(rig, 1);
    await succeed(rig);
    ask(rig, 5);
    expect(rig.figures()).toMatchObject({ connecting: 1, active: 2, waiting: 5 });
  });

  it('are given up when nobody wants their connection any more', async () => {
    const rig = makePool({}, { holdLogins: true });
    const leaver = new AbortController();
    const [left] = ask(rig, 1, 'a', leaver.signal);
    const [other] = ask(rig, 1, 'b');
    leaver.abort(new Error('the client left'));
    await turn();
    expect(left?.value).toMatchObject({ message: 'the client left' });
    expect(rig.figures()).toMatchObject({ waiting: 1, connecting: 1 });
    expect(rig.dials[0]?.login.startup.get('application_name')).toBe('b');
    await succeed(rig);
    expect(other?.value).not.toBe(null);
    expect(rig.pool.failure).toBe(null);
  });

  it('go on for the next in line when the one they began for has left', async () => {
    const rig = makePool({}, { holdLogins: true });
    const leaver = new AbortController();
    ask(rig, 1, 'a', leaver.signal);
    const [next] = ask(rig, 1);
    leaver.abort(new Error('the client left'));
    await succeed(rig);
    expect(next?.value).not.toBe(null);
    expect(rig.figures()).toMatchObject({ opened: 1, waiting: 0, connecting: 0 });
  });

  it('that fail are told to everybody who waits, and to who comes, until it is time to try again', async () => {
    const rig = makePool({ retryAfter: 3 }, { holdLogins: true });
    const asked = [...ask(rig, 2), ...ask(rig, 1, 'b')];
    await fail(rig, unreachable);
    expect(asked.map(({ value }) => value)).toEqual([unreachable, unreachable, unreachable]);
    expect(rig.pool.failure).toBe(unreachable);
    const [early] = ask(rig, 1, 'c');
    await vi.advanceTimersByTimeAsync(2_900);
    expect(early?.value).toBe(unreachable);
    expect(rig.dials.length).toBe(0);
    await vi.advanceTimersByTimeAsync(100);
    expect(rig.pool.failure).toBe(null);
    const [late] = ask(rig, 1);
    await succeed(rig);
    expect(late?.value).not.toBeInstanceOf(Error);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('that fail are tried again at once when the server is known to answer, or where that is set', async () => {
    const rig = makePool({ retryAfter: 60 }, { holdLogins: true });
    ask(rig, 1);
    await fail(rig, unreachable);
    rig.pool.forgive();
    const [asked] = ask(rig, 1);
    await fail(rig, unreachable);
    expect(asked?.value).toBe(unreachable);
    rig.limits.retryAfter = 0;
    const [again] = ask(rig, 1);
    await succeed(rig);
    expect(again?.value).not.toBeInstanceOf(Error);
    // With it the failure is over.
    rig.limits.retryAfter = 60;
    expect(rig.pool.failure).toBe(null);
  });

  it('that are the client’s fault are told to its like only', async () => {
    const rig = makePool({ retryAfter: 5 }, { holdLogins: true });
    const [asked] = ask(rig, 1);
    const [other] = ask(rig, 1, 'b');
    await fail(rig, wrongPassword);
    expect(asked?.value).toBe(wrongPassword);
    expect(other?.value).toBe(null);
    const [again] = ask(rig, 1);
    await succeed(rig);
    expect(again?.value).toBe(wrongPassword);
    expect(other?.value).not.toBeInstanceOf(Error);
    expect(rig.pool.failure).toBe(wrongPassword);
  });

  it('that fail leave those waiting who can be served by what is open, and are tried again later', async () => {
    const rig = makePool({ retryAfter: 4 }, { holdLogins: true });
    const [first] = ask(rig, 1);
    await succeed(rig);
    const [second, third] = ask(rig, 2);
    await fail(rig, tooMany);
    await fail(rig, tooMany);
    expect([second?.value, third?.value]).toEqual([null, null]);
    expect(rig.reports).toContain('server_login_failed');
    expect(rig.dials.length).toBe(0);
    await vi.advanceTimersByTimeAsync(1_900);
    expect(rig.dials.length).toBe(0);
    rig.pool.release(first?.value as ServerConnection, 'keep');
    // Kept connections are reset for those who want them clean.
    expect(rig.figures()).toMatchObject({ resetting: 1, waiting: 2 });
    await vi.advanceTimersByTimeAsync(2_200);
    expect(rig.dials.length).toBe(1);
    await succeed(rig);
    expect(second?.value).not.toBe(null);
  });

  it('refused for the password are told even where connections are open', async () => {
    const rig = makePool({}, { holdLogins: true });
    ask(rig, 1);
    await succeed(rig);
    const [second] = ask(rig, 1);
    await fail(rig, wrongPassword);
    expect(second?.value).toBe(wrongPassword);
  });

  it('begin slowly again after the server could not be had', async () => {
    const rig = makePool({ retryAfter: 0 }, { holdLogins: true });
    const asked = ask(rig, 10);
    for (let i = 0; i < 3; i++) await succeed(rig);
    expect(rig.dials.length).toBe(4);
    await fail(rig, unreachable);
    await fail(rig, unreachable);
    expect(rig.dials.length).toBe(2);
    await fail(rig, unreachable);
    await fail(rig, unreachable);
    expect(rig.dials.length).toBe(0);
    await vi.advanceTimersByTimeAsync(300);
    expect(rig.dials.length).toBe(1);
    expect(asked.filter(({ value }) => value === null).length).toBe(7);
  });

  it('keep a minimum open while a client is there, and not for clients that are gone', async () => {
    const rig = makePool({ min: 3, idle: 10, check: 0 });
    rig.pool.sweep(null, Date.now());
    expect(rig.pool.used).toBe(0);
    rig.pool.sweep(loginOf(), Date.now());
    await turn();
    expect(rig.figures()).toMatchObject({ idle: 3, opened: 3 });
    // What is missing is opened again; what is unused for too long goes, down to the minimum.
    rig.limits.min = 2;
    await vi.advanceTimersByTimeAsync(10_000);
    rig.pool.sweep(loginOf(), Date.now());
    await turn();
    expect(rig.figures()).toMatchObject({ idle: 2, opened: 3 });
    rig.sockets.find((socket) => !socket.isGone)?.emit('end');
    await turn();
    expect(rig.figures()).toMatchObject({ idle: 2, opened: 4 });
    await vi.advanceTimersByTimeAsync(10_000);
    rig.pool.sweep(null, Date.now());
    expect(rig.figures()).toMatchObject({ idle: 0 });
    expect(rig.sockets.every((socket) => socket.isGone)).toBe(true);
  });

  it('end with the pool, and so does every wait', async () => {
    const rig = makePool({}, { holdLogins: true });
    const [asked] = ask(rig, 1);
    const { signal: ofLogin } = rig.dials[0] ?? expect.fail();
    rig.pool.close();
    await turn();
    expect(ofLogin.aborted).toBe(true);
    expect(asked?.value).toMatchObject({ message: 'the pool is closed' });
    await expect(rig.pool.acquire(want(), signal)).rejects.toThrow('the pool is closed');
    expect(rig.pool.take(want())).toBe(null);
    expect(rig.pool.isUnused).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });
});
