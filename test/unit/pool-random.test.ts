/** Anything may happen to a pool in any order: nobody shares a connection, no limit is exceeded, and nobody is forgotten. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { DialFailure } from '../../core/backend/dial.ts';
import type { ServerConnection } from '../../core/backend/server-connection.ts';
import { Share } from '../../core/pool/share.ts';
import type { Want } from '../../core/pool/want.ts';
import { PREFER_TLS } from '../../core/tls/backend-tls.ts';
import { answered, discarded, loginOf, makePool, type PoolRig } from '../support/pool-rig.ts';

const SEEDS = 40;
const STEPS = 400;

/** mulberry32 */
function makeRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const first = Number(process.env['SWITCHYARD_SEED'] ?? 1);

it.each(Array.from({ length: process.env['SWITCHYARD_SEED'] === undefined ? SEEDS : 1 }, (_, i) => first + i))('seed %i', async (seed) => {
  const random = makeRandom(seed);
  const perBackend = random(2) === 0 ? 0 : 3 + random(4);
  const share = new Share(() => perBackend);
  const limits = {
    size: 1 + random(5),
    reserve: random(3),
    reserveAfter: 2,
    min: random(3),
    logins: 1 + random(4),
    perBackend,
    wait: 60,
    check: 20,
    idle: 40,
    lifetime: 200,
    retryAfter: 1,
  };
  const rigs = ['d', 'e'].map((database) => makePool(limits, { share, database, holdLogins: true }));
  const logins = new Map(rigs.map((rig, i) => [rig, ['a', 'b', 'c'].map((name) => loginOf(name, PREFER_TLS, i === 0 ? 'd' : 'e'))]));
  const holders = new Map<ServerConnection, PoolRig>();
  const waiting = new Set<AbortController>();
  /** How often each connection had been reset when it was last kept with its state. */
  const keptAt = new Map<ServerConnection, number>();
  const resetsOf = (rig: PoolRig, connection: ServerConnection): number =>
    rig.socketOf(connection).asked.filter((text) => text === 'DISCARD ALL').length;

  const granted = (rig: PoolRig, want: Want, connection: ServerConnection): void => {
    expect(holders.has(connection), 'a connection has one holder').toBe(false);
    expect(connection.isOpen && connection.cancelsInFlight === 0).toBe(true);
    expect(connection.startupKey).toContain(want.login.startup.get('application_name'));
    if (want.clean) expect(resetsOf(rig, connection), 'it is clean').toBeGreaterThan(keptAt.get(connection) ?? -1);
    else expect(want.suits(connection), 'it suits').not.toBe(null);
    holders.set(connection, rig);
  };
  const wantOf = (rig: PoolRig): Want => {
    const login = logins.get(rig)?.[random(3)] ?? expect.fail();
    const refused = random(6);
    return {
      login,
      endpoint: 'ep-a',
      clean: random(3) === 0,
      suits: (connection) => (connection.id % 6 === refused ? null : connection.id % 3),
    };
  };
  const steps: ((rig: PoolRig) => void)[] = [
    (rig) => {
      const want = wantOf(rig);
      const taken = rig.pool.take(want);
      if (taken !== null) granted(rig, want, taken);
    },
    (rig) => {
      const abort = new AbortController();
      const want = wantOf(rig);
      waiting.add(abort);
      rig.pool.acquire(want, abort.signal).then(
        (connection) => {
          waiting.delete(abort);
          granted(rig, want, connection);
        },
        () => waiting.delete(abort),
      );
    },
    () => [...waiting][random(20)]?.abort(new Error('left')),
    () => {
      const [connection, rig] = [...holders][random(holders.size + 1)] ?? [];
      if (connection === undefined || rig === undefined) return;
      holders.delete(connection);
      if (random(5) === 0) connection.cancelsInFlight = 1;
      const how = (['keep', 'keep', 'reset', 'close'] as const)[random(4)] ?? 'close';
      if (how === 'keep') keptAt.set(connection, resetsOf(rig, connection));
      rig.pool.release(connection, how);
    },
    (rig) => rig.dials[random(3)]?.succeed(),
    (rig) => {
      if (random(4) === 0) rig.dials[0]?.fail(new DialFailure(random(2) === 0 ? 'unreachable' : 'authentication', 'no'));
    },
    (rig) => answer(rig),
    (rig) => settleCancels(rig),
    (rig) => {
      const idle = [...rig.pool.stock.all()].filter(({ state }) => state !== 'active')[random(8)];
      if (random(3) === 0 && idle !== undefined) rig.socketOf(idle.connection).emit('end');
    },
    (rig) => rig.pool.sweep(random(2) === 0 ? null : (logins.get(rig)?.[0] ?? null), Date.now()),
    (rig) => {
      if (random(10) === 0) rig.pool.renew();
    },
  ];
  const answer = (rig: PoolRig): void => {
    for (const { connection, state } of [...rig.pool.stock.all()]) {
      if (state === 'resetting') rig.socketOf(connection).says(discarded);
      if (state === 'checking') rig.socketOf(connection).says(answered);
    }
  };
  const settleCancels = (rig: PoolRig): void => {
    for (const { connection, state } of [...rig.pool.stock.all()]) {
      if (state !== 'cancelling') continue;
      connection.cancelsInFlight = 0;
      connection.onCancelsSettled?.();
    }
  };
  const check = (): void => {
    for (const rig of rigs) {
      const { active, idle, resetting, checking, cancelling, waiting: queued, connecting } = rig.figures();
      expect(active).toBe([...holders.values()].filter((holder) => holder === rig).length);
      expect(active + idle + resetting + checking + cancelling).toBe(rig.pool.stock.size);
      expect(rig.pool.used).toBe(rig.pool.stock.size + connecting);
      expect(rig.pool.used).toBeLessThanOrEqual(limits.size + limits.reserve);
      expect(queued === 0 || vi.getTimerCount() > 0, 'who waits has a deadline').toBe(true);
      for (const member of rig.pool.stock.all()) expect(member.connection.isOpen || member.state === 'active').toBe(true);
    }
    if (perBackend > 0) expect(rigs.reduce((sum, { pool }) => sum + pool.used, 0)).toBeLessThanOrEqual(perBackend);
    expect(rigs.reduce((sum, { pool }) => sum + pool.waiting, 0)).toBe(waiting.size);
  };

  for (let step = 0; step < STEPS; step++) {
    steps[random(steps.length)]?.(rigs[random(2)] ?? expect.fail());
    await vi.advanceTimersByTimeAsync(random(8) === 0 ? random(3_000) : 0);
    check();
  }

  // Everybody gives back, every server answers: nobody is left waiting.
  for (let round = 0; round < 300 && (waiting.size > 0 || holders.size > 0); round++) {
    for (const [connection, rig] of holders) rig.pool.release(connection, 'keep');
    holders.clear();
    for (const rig of rigs) {
      for (const dial of [...rig.dials]) dial.succeed();
      answer(rig);
      settleCancels(rig);
    }
    await vi.advanceTimersByTimeAsync(100);
    check();
  }
  expect([waiting.size, holders.size]).toEqual([0, 0]);
  for (const rig of rigs) rig.pool.close();
  for (const rig of rigs) {
    for (const dial of [...rig.dials]) dial.succeed();
    answer(rig);
    settleCancels(rig);
  }
  await vi.advanceTimersByTimeAsync(10_000);
  for (const rig of rigs) {
    expect(rig.sockets.filter((socket) => !socket.isGone).length, 'every connection is closed').toBe(0);
    expect(rig.pool.isUnused).toBe(true);
  }
  expect(vi.getTimerCount()).toBe(0);
});
