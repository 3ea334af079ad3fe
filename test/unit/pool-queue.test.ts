import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ServerConnection } from '../../core/backend/server-connection.ts';
import { PoolExhausted } from '../../core/pool/pool.ts';
import { cleanWant, type Want } from '../../core/pool/want.ts';
import { discarded, loginOf, makePool, type PoolRig } from '../support/pool-rig.ts';

const { signal } = new AbortController();

/** What a session in transaction mode wants: `costs` by connection; those that are not named cost nothing. */
function want(costs: Map<ServerConnection, number | null> = new Map(), more: Partial<Want> = {}): Want {
  return {
    login: loginOf(),
    endpoint: 'ep-a',
    clean: false,
    suits: (connection) => costs.get(connection) ?? (costs.has(connection) ? null : 0),
    ...more,
  };
}

/** As many connections as asked for, given out. */
async function open(rig: PoolRig, count: number): Promise<ServerConnection[]> {
  const connections = [];
  for (let i = 0; i < count; i++) connections.push(await rig.pool.acquire(want(), signal));
  return connections;
}

function settled<T>(promise: Promise<T>): { value: T | Error | null } {
  const result: { value: T | Error | null } = { value: null };
  promise.then(
    (value) => (result.value = value),
    (error: unknown) => (result.value = error as Error),
  );
  return result;
}

const turn = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

describe('a pool', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('gives out the idle connection that suits best, and the one used last among equals', async () => {
    const rig = makePool();
    const [a, b, c, d] = await open(rig, 4);
    if (a === undefined || b === undefined || c === undefined || d === undefined) return expect.fail();
    for (const connection of [a, b, c, d]) rig.pool.release(connection, 'keep');
    const costs = new Map([
      [a, 1],
      [b, 1],
      [c, 2],
      [d, null],
    ]);
    expect(rig.pool.take(want(costs))).toBe(b);
    expect(rig.pool.take(want(costs))).toBe(a);
    expect(rig.pool.take(want(costs))).toBe(c);
    expect(rig.pool.take(want(costs))).toBe(null);
    expect(rig.pool.take(want())).toBe(d);
    expect(rig.pool.take(want())).toBe(null);
    expect(rig.figures()).toMatchObject({ active: 4, idle: 0, opened: 4, reused: 4 });
    expect(rig.pool.waits.snapshot()).toMatchObject({ count: 8, max: 0 });
    expect(rig.pool.assignments).toBe(8);
  });

  it('takes a connection back only once', async () => {
    const rig = makePool();
    const [only] = await open(rig, 1);
    if (only === undefined) return expect.fail();
    rig.pool.release(only, 'keep');
    rig.pool.release(only, 'keep');
    rig.pool.release(only, 'close');
    expect(rig.figures()).toMatchObject({ active: 0, idle: 1 });
    expect(rig.socketOf(only).isGone).toBe(false);
  });

  it('hands a connection at once to the first who waits and whom it suits', async () => {
    const rig = makePool({ size: 1 });
    const [only] = await open(rig, 1);
    if (only === undefined) return expect.fail();
    const first = settled(rig.pool.acquire(want(new Map([[only, null]])), signal));
    const second = settled(rig.pool.acquire(want(new Map([[only, 3]])), signal));
    const third = settled(rig.pool.acquire(want(), signal));
    await vi.advanceTimersByTimeAsync(100);
    rig.pool.release(only, 'keep');
    // Nobody gets in between.
    expect(rig.pool.take(want())).toBe(null);
    await turn();
    expect([first.value, second.value, third.value]).toEqual([null, only, null]);
    expect(rig.pool.waits.snapshot()).toMatchObject({ count: 2, max: 100 });
    rig.pool.release(only, 'keep');
    await turn();
    expect(third.value).toBe(only);
    // Whom nothing suits gets a connection of its own, in the place of the one that nobody wants.
    rig.pool.release(only, 'keep');
    expect(rig.socketOf(only).isGone).toBe(true);
    await turn();
    expect(first.value).not.toBe(null);
    expect(rig.figures()).toMatchObject({ opened: 2, waiting: 0, active: 1 });
  });

  it('gives nobody a connection past those who wait for one like it', async () => {
    const rig = makePool({ size: 2 }, { holdLogins: true });
    const first = settled(rig.pool.acquire(want(), signal));
    rig.dials[0]?.succeed();
    await turn();
    const connection = first.value as ServerConnection;
    const unlucky = settled(rig.pool.acquire(want(new Map([[connection, null]])), signal));
    rig.pool.release(connection, 'keep');
    expect(rig.figures()).toMatchObject({ idle: 1, waiting: 1, connecting: 1 });
    expect(rig.pool.take(want())).toBe(null);
    expect(rig.pool.take(want(new Map(), { login: loginOf('b') }))).toBe(null);
    rig.dials[0]?.succeed();
    await turn();
    expect(unlucky.value).not.toBe(null);
    expect(rig.pool.take(want())).toBe(connection);
  });

  it('resets what was kept before somebody gets it who wants it clean', async () => {
    const rig = makePool({ size: 1 });
    const [only] = await open(rig, 1);
    if (only === undefined) return expect.fail();
    rig.pool.release(only, 'keep');
    const clean = cleanWant(loginOf(), 'ep-a');
    expect(rig.pool.take(clean)).toBe(null);
    const waiting = settled(rig.pool.acquire(clean, signal));
    expect(rig.figures()).toMatchObject({ resetting: 1, waiting: 1 });
    expect(rig.socketOf(only).asked).toEqual(['DISCARD ALL']);
    expect(rig.resets).toEqual([]);
    rig.socketOf(only).says(discarded);
    await turn();
    expect(waiting.value).toBe(only);
    expect(rig.resets).toEqual([only]);
    // Once reset, it stays so until it is kept again.
    rig.pool.release(only, 'reset');
    rig.socketOf(only).says(discarded);
    await turn();
    expect(rig.pool.take(clean)).toBe(only);
    expect(rig.resets).toEqual([only, only]);
  });

  it('resets a kept connection on its way to whoever waits for a clean one', async () => {
    const rig = makePool({ size: 1 });
    const [only] = await open(rig, 1);
    if (only === undefined) return expect.fail();
    const waiting = settled(rig.pool.acquire(cleanWant(loginOf(), 'ep-a'), signal));
    rig.pool.release(only, 'keep');
    await turn();
    expect(waiting.value).toBe(null);
    rig.socketOf(only).says(discarded);
    await turn();
    expect(waiting.value).toBe(only);
  });

  it.each(['keep', 'reset'] as const)('gives a connection to nobody while a cancel is on its way (%s)', async (how) => {
    const rig = makePool({ size: 1 });
    const [only] = await open(rig, 1);
    if (only === undefined) return expect.fail();
    only.cancelsInFlight = 1;
    const waiting = settled(rig.pool.acquire(want(), signal));
    rig.pool.release(only, how);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(rig.figures()).toMatchObject({ cancelling: 1, waiting: 1, active: 0, resetting: 0 });
    expect(rig.socketOf(only).asked).toEqual([]);
    expect(waiting.value).toBe(null);
    only.cancelsInFlight = 0;
    only.onCancelsSettled?.();
    expect(only.onCancelsSettled).toBe(null);
    if (how === 'reset') rig.socketOf(only).says(discarded);
    await turn();
    expect(waiting.value).toBe(only);
    expect(rig.figures()).toMatchObject({ cancelling: 0, active: 1 });
  });

  it('forgets a connection that is lost while a cancel is on its way', async () => {
    const rig = makePool({ size: 1 });
    const [only] = await open(rig, 1);
    if (only === undefined) return expect.fail();
    only.cancelsInFlight = 1;
    rig.pool.release(only, 'keep');
    rig.socketOf(only).emit('end');
    expect(rig.figures()).toMatchObject({ cancelling: 0, idle: 0 });
    only.onCancelsSettled?.();
    expect(rig.figures()).toMatchObject({ idle: 0 });
    expect(rig.pool.isUnused).toBe(true);
  });

  it('lets those whom a connection suits overtake others for a moment only', async () => {
    const rig = makePool({ size: 1 });
    const [only] = await open(rig, 1);
    if (only === undefined) return expect.fail();
    const other = settled(rig.pool.acquire(want(new Map(), { login: loginOf('b') }), signal));
    const sames = [1, 2].map(() => settled(rig.pool.acquire(want(), signal)));
    await vi.advanceTimersByTimeAsync(100);
    rig.pool.release(only, 'keep');
    await turn();
    expect([other.value, sames[0]?.value]).toEqual([null, only]);
    await vi.advanceTimersByTimeAsync(100);
    rig.pool.release(only, 'keep');
    await turn();
    expect(other.value).not.toBe(null);
    expect(sames[1]?.value).toBe(null);
    expect(rig.socketOf(only).isGone).toBe(true);
    expect(rig.figures()).toMatchObject({ opened: 2, waiting: 1 });
  });

  it('tells once who waits for long, and ends the wait in the end', async () => {
    const rig = makePool({ size: 1, wait: 30, waitNotice: 5 });
    await open(rig, 1);
    const onLongWait = vi.fn();
    const failure = settled(rig.pool.acquire(want(new Map(), { onLongWait }), signal));
    const later = settled(rig.pool.acquire(want(), signal));
    await vi.advanceTimersByTimeAsync(4_900);
    expect(onLongWait).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(100);
    expect(onLongWait).toHaveBeenCalledTimes(1);
    expect(rig.pool.maxWaitMs).toBe(5_000);
    await vi.advanceTimersByTimeAsync(24_900);
    expect(failure.value).toBe(null);
    await vi.advanceTimersByTimeAsync(200);
    expect(onLongWait).toHaveBeenCalledTimes(1);
    for (const { value } of [failure, later]) expect(value).toBeInstanceOf(PoolExhausted);
    expect((failure.value as Error).message).toContain('within 30 s: all 1 of pool h:1/d/r are in use, 1 more wait');
    expect((failure.value as PoolExhausted).hint).toContain('SHOW WAITS');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('lets everybody wait for ever, untold, where that is set', async () => {
    const rig = makePool({ size: 1, wait: 0, waitNotice: 0, lifetime: 0 });
    const [only] = await open(rig, 1);
    if (only === undefined) return expect.fail();
    const onLongWait = vi.fn();
    const waiting = settled(rig.pool.acquire(want(new Map(), { onLongWait }), signal));
    await vi.advanceTimersByTimeAsync(86_400_000);
    expect(waiting.value).toBe(null);
    rig.pool.release(only, 'keep');
    await turn();
    expect(waiting.value).toBe(only);
    expect(onLongWait).not.toHaveBeenCalled();
  });

  it('serves nobody of an endpoint that is paused, and everybody else', async () => {
    const rig = makePool({ size: 2, wait: 10 });
    const [first, second] = await open(rig, 2);
    if (first === undefined || second === undefined) return expect.fail();
    rig.pool.release(first, 'keep');
    rig.paused.add('ep-a');
    expect(rig.pool.take(want())).toBe(null);
    const paused = settled(rig.pool.acquire(want(), signal));
    rig.pool.release(second, 'keep');
    await turn();
    expect(paused.value).toBe(null);
    expect(rig.figures()).toMatchObject({ idle: 2, waiting: 1, opened: 2 });
    expect(rig.pool.take(want(new Map(), { endpoint: 'ep-b' }))).toBe(second);
    await vi.advanceTimersByTimeAsync(10_000);
    expect((paused.value as Error).message).toContain('endpoint ep-a is paused');
    const resumed = settled(rig.pool.acquire(want(), signal));
    rig.paused.clear();
    rig.pool.serve();
    await turn();
    expect(resumed.value).toBe(first);
  });

  it('keeps no timer for those who have what they want', async () => {
    const rig = makePool({ size: 1 });
    const [only] = await open(rig, 1);
    if (only === undefined) return expect.fail();
    const waiting = rig.pool.acquire(want(), signal);
    expect(vi.getTimerCount()).toBe(1);
    rig.pool.release(only, 'keep');
    await waiting;
    expect(vi.getTimerCount()).toBe(0);
  });
});
