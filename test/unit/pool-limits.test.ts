import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ServerConnection } from '../../core/backend/server-connection.ts';
import { Share } from '../../core/pool/share.ts';
import type { Want } from '../../core/pool/want.ts';
import { PREFER_TLS } from '../../core/tls/backend-tls.ts';
import { answered, loginOf, makePool, ready, type PoolRig } from '../support/pool-rig.ts';

const { signal } = new AbortController();

function want(application = 'a', database = 'd'): Want {
  return { login: loginOf(application, PREFER_TLS, database), endpoint: 'ep-a', clean: false, suits: () => 0 };
}

const turn = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

async function open(rig: PoolRig, count: number, asked: Want = want()): Promise<ServerConnection[]> {
  const connections = [];
  for (let i = 0; i < count; i++) connections.push(await rig.pool.acquire(asked, signal));
  return connections;
}

async function openIdle(rig: PoolRig, count: number, asked: Want = want()): Promise<ServerConnection[]> {
  const connections = await open(rig, count, asked);
  for (const connection of connections) rig.pool.release(connection, 'keep');
  return connections;
}

describe('a pool keeps to its limits', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('of size: the connection unused for the longest time makes room for another login’s', async () => {
    const rig = makePool({ size: 2 });
    const [a, b] = await openIdle(rig, 2);
    if (a === undefined || b === undefined) return expect.fail();
    await vi.advanceTimersByTimeAsync(1_000);
    await open(rig, 1, want('b'));
    expect([a, b].map((connection) => rig.socketOf(connection).ended)).toEqual([true, false]);
    expect(rig.figures()).toMatchObject({ active: 1, idle: 1, opened: 3 });
    expect(rig.reports).toEqual([]);
  });

  it('of size, when that is lowered: what is too much is closed as it is given back', async () => {
    const rig = makePool({ size: 3 });
    const connections = await open(rig, 3);
    rig.limits.size = 1;
    for (const connection of connections) rig.pool.release(connection, 'keep');
    expect(rig.figures()).toMatchObject({ active: 0, idle: 1 });
    rig.limits.size = 5;
    await open(rig, 4);
    expect(rig.figures()).toMatchObject({ active: 4, opened: 6 });
  });

  it('of size, when that is raised: who waits is served at the next look', async () => {
    const rig = makePool({ size: 1 });
    await open(rig, 1);
    const waiting = rig.pool.acquire(want(), signal);
    rig.limits.size = 2;
    rig.pool.sweep(null, Date.now());
    await waiting;
    expect(rig.figures()).toMatchObject({ active: 2, waiting: 0 });
  });

  it('of the reserve, which is for those who have waited for long', async () => {
    const rig = makePool({ size: 1, reserve: 1, reserveAfter: 5 });
    await open(rig, 1);
    const waiting = [1, 2].map(() => rig.pool.acquire(want(), signal));
    waiting[1]?.catch(() => {});
    await vi.advanceTimersByTimeAsync(4_900);
    expect(rig.figures()).toMatchObject({ opened: 1, waiting: 2 });
    await vi.advanceTimersByTimeAsync(100);
    await waiting[0];
    expect(rig.figures()).toMatchObject({ opened: 2, waiting: 1, connecting: 0 });
    await vi.advanceTimersByTimeAsync(20_000);
    expect(rig.figures()).toMatchObject({ opened: 2, waiting: 1 });
  });

  it('of idleness and of life', async () => {
    const rig = makePool({ idle: 60, lifetime: 0, check: 0 });
    const [a, b] = await open(rig, 2);
    if (a === undefined || b === undefined) return expect.fail();
    rig.pool.release(a, 'keep');
    await vi.advanceTimersByTimeAsync(30_000);
    rig.pool.release(b, 'keep');
    await vi.advanceTimersByTimeAsync(30_000);
    rig.pool.sweep(null, Date.now());
    expect([a, b].map((connection) => rig.socketOf(connection).ended)).toEqual([true, false]);
    rig.limits.idle = 0;
    await vi.advanceTimersByTimeAsync(86_400_000);
    rig.pool.sweep(null, Date.now());
    expect(rig.figures()).toMatchObject({ idle: 1 });
  });

  it('of life: idle ones are closed when they are too old, others as they are given back, and not all at the same time', async () => {
    const rig = makePool({ size: 200, idle: 0, lifetime: 1_000, check: 0 });
    const connections = await open(rig, 100);
    const [kept] = connections;
    if (kept === undefined) return expect.fail();
    for (const connection of connections.slice(1)) rig.pool.release(connection, 'keep');
    const left = [];
    for (let second = 0; second < 1_000; second += 50) {
      await vi.advanceTimersByTimeAsync(50_000);
      rig.pool.sweep(null, Date.now());
      left.push(rig.figures().idle);
    }
    expect(left.slice(0, 15)).toEqual(Array.from({ length: 15 }, () => 99));
    expect(left.at(-1)).toBe(0);
    expect(new Set(left.slice(15)).size).toBeGreaterThan(2);
    expect(rig.figures()).toMatchObject({ active: 1 });
    rig.pool.release(kept, 'keep');
    expect(rig.figures()).toMatchObject({ active: 0, idle: 0 });
    expect(rig.socketOf(kept).ended).toBe(true);
  });

  it('of trust: what was unused for long is asked first whether it still answers', async () => {
    const rig = makePool({ check: 30 });
    const [fresh, stale] = await openIdle(rig, 2);
    if (fresh === undefined || stale === undefined) return expect.fail();
    await vi.advanceTimersByTimeAsync(29_000);
    expect(rig.pool.take(want())).toBe(stale);
    rig.pool.release(stale, 'keep');
    await vi.advanceTimersByTimeAsync(29_000);
    // `fresh` has been idle for 58 s, `stale` for 29 s.
    expect(rig.pool.take(want())).toBe(stale);
    expect(rig.pool.take(want())).toBe(null);
    const asked = rig.pool.acquire(want(), signal);
    expect(rig.figures()).toMatchObject({ checking: 1, waiting: 1, connecting: 0 });
    expect(rig.socketOf(fresh).asked).toEqual(['']);
    rig.socketOf(fresh).says(answered);
    expect(await asked).toBe(fresh);
    expect(rig.figures()).toMatchObject({ checking: 0, active: 2, opened: 2 });
  });

  it.each([
    ['dead', (rig: PoolRig, connection: ServerConnection) => void rig.socketOf(connection).emit('end')],
    [
      'in a transaction',
      (rig, connection) => rig.socketOf(connection).says(Buffer.concat([answered.subarray(0, 5), Buffer.from('Z\0\0\0\x05T')])),
    ],
    ['answering something else', (rig, connection) => rig.socketOf(connection).says(ready)],
  ] satisfies [string, (rig: PoolRig, connection: ServerConnection) => void][])(
    'of trust: one that turns out to be %s is closed, and the next one asked',
    async (_, ruin) => {
      const rig = makePool({ check: 30, size: 2 });
      const [first, last] = await openIdle(rig, 2);
      if (first === undefined || last === undefined) return expect.fail();
      await vi.advanceTimersByTimeAsync(30_001);
      const asked = rig.pool.acquire(want(), signal);
      expect(rig.socketOf(last).asked).toEqual(['']);
      ruin(rig, last);
      await turn();
      expect(rig.reports).toEqual(['check_failed']);
      expect(rig.socketOf(last).destroyed).toBe(true);
      rig.socketOf(first).says(answered);
      expect(await asked).toBe(first);
    },
  );

  it('of trust: one that does not answer is not waited for', async () => {
    const rig = makePool({ check: 30 });
    const [silent] = await openIdle(rig, 1);
    if (silent === undefined) return expect.fail();
    await vi.advanceTimersByTimeAsync(30_001);
    const asked = rig.pool.acquire(want(), signal);
    await vi.advanceTimersByTimeAsync(250);
    expect(await asked).not.toBe(silent);
    expect(rig.figures()).toMatchObject({ checking: 1, active: 1 });
    await vi.advanceTimersByTimeAsync(2_000);
    expect(rig.figures()).toMatchObject({ checking: 0, active: 1, idle: 0 });
    expect(rig.socketOf(silent).destroyed).toBe(true);
  });

  it('and replaces its connections when told to: idle ones at once, others as they are given back', async () => {
    const rig = makePool();
    const [used, idle, cancelled, resetting] = await open(rig, 4);
    if (used === undefined || idle === undefined || cancelled === undefined || resetting === undefined) return expect.fail();
    rig.pool.release(idle, 'keep');
    cancelled.cancelsInFlight = 1;
    rig.pool.release(cancelled, 'keep');
    rig.pool.renew();
    expect([used, idle].map((connection) => rig.socketOf(connection).ended)).toEqual([false, true]);
    cancelled.cancelsInFlight = 0;
    cancelled.onCancelsSettled?.();
    rig.pool.release(used, 'keep');
    rig.pool.release(resetting, 'reset');
    expect(rig.figures()).toMatchObject({ active: 0, idle: 0, cancelling: 0, resetting: 0 });
    expect([used, cancelled, resetting].every((connection) => rig.socketOf(connection).ended)).toBe(true);
    await open(rig, 1);
    expect(rig.figures()).toMatchObject({ active: 1, opened: 5 });
  });
});

describe('the pools of a backend', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  /** Two pools that may have so many connections together. */
  function makeTwo(perBackend: number): { share: Share; d: PoolRig; e: PoolRig } {
    const share = new Share(() => perBackend);
    return { share, d: makePool({ perBackend }, { share }), e: makePool({ perBackend }, { share, database: 'e' }) };
  }

  it('keep to a limit together: an idle connection of the one makes room for the other', async () => {
    const { d, e } = makeTwo(3);
    const [first] = await openIdle(d, 2);
    await open(e, 2, want('a', 'e'));
    expect(d.figures()).toMatchObject({ idle: 1 });
    expect(d.socketOf(first ?? expect.fail()).ended).toBe(true);
    expect(d.reports).toEqual(['server_evicted']);
    expect(e.figures()).toMatchObject({ active: 2 });
  });

  it('wait for each other: whoever has waited longest gets the next place', async () => {
    const { share, d, e } = makeTwo(2);
    const [one, two] = await open(d, 2);
    if (one === undefined || two === undefined) return expect.fail();
    expect(share.reached).toBe(2);
    const waiting = e.pool.acquire(want('a', 'e'), signal);
    const same = d.pool.acquire(want(), signal);
    expect(e.figures()).toMatchObject({ waiting: 1, connecting: 0 });
    await vi.advanceTimersByTimeAsync(100);
    // The younger one may overtake for a moment.
    d.pool.release(one, 'keep');
    expect(await same).toBe(one);
    await vi.advanceTimersByTimeAsync(150);
    const third = d.pool.acquire(want(), signal);
    d.pool.release(two, 'keep');
    await waiting;
    expect(d.figures()).toMatchObject({ active: 1, idle: 0, waiting: 1 });
    expect(e.figures()).toMatchObject({ active: 1 });
    d.pool.release(one, 'keep');
    expect(await third).toBe(one);
  });

  it('serve who waits when a connection of the other is closed', async () => {
    const { d, e } = makeTwo(1);
    const [one] = await open(d, 1);
    const waiting = e.pool.acquire(want('a', 'e'), signal);
    d.pool.release(one ?? expect.fail(), 'close');
    await waiting;
    expect(e.figures()).toMatchObject({ active: 1 });
  });

  it('say that it is this limit which stands in the way', async () => {
    const { d, e } = makeTwo(1);
    await open(d, 1);
    const waiting = e.pool.acquire(want('a', 'e'), signal).catch((error: unknown) => String(error));
    await vi.advanceTimersByTimeAsync(120_000);
    expect(await waiting).toContain('it has as many as it may (pooling.perBackend 1)');
  });
});
