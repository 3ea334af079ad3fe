/** How sessions come back to a server: one asks at growing intervals, the others follow a few at a time. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Absence, type MortalSession } from '../../core/session/resurrection/absence.ts';
import { Comeback } from '../../core/session/resurrection/comeback.ts';

/** As much of a session as the way back looks at. */
function absence(id: number, hasInput = false): Absence {
  return new Absence({ id, forwarder: { hasInput } } as unknown as MortalSession, null, Infinity);
}

class Server {
  isUp = false;
  atOnce = 2;
  readonly probes: { at: number; id: number }[] = [];
  readonly revived: number[] = [];
  underWay = 0;
  mostUnderWay = 0;
  empty = 0;
  /** How long a login takes, milliseconds. */
  readonly loginMs = 10;
  readonly comeback = new Comeback({
    atOnce: () => this.atOnce,
    probe: async ({ session }) => {
      this.probes.push({ at: Date.now(), id: session.id });
      await this.#login();
      if (!this.isUp) throw new Error('nobody is there');
    },
    revive: async (each) => {
      this.underWay++;
      this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
      await this.#login();
      this.underWay--;
      if (!this.isUp) return 'later';
      this.revived.push(each.session.id);
      each.end();
      return 'settled';
    },
    onEmpty: () => this.empty++,
  });

  async #login(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, this.loginMs));
  }
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('while the server answers', () => {
  it('all come back, few at a time, those whose clients wait first', async () => {
    const server = new Server();
    server.isUp = true;
    server.comeback.hold();
    for (let id = 1; id <= 6; id++) server.comeback.add(absence(id, id === 4 || id === 6));
    server.comeback.release();
    await vi.advanceTimersByTimeAsync(100);
    expect(server.revived).toEqual([4, 6, 1, 2, 3, 5]);
    expect(server.mostUnderWay).toBe(2);
    expect(server.probes).toEqual([]);
    expect([server.comeback.size, server.empty]).toEqual([0, 1]);
  });
});

describe('while it does not', () => {
  it('one asks, at growing and uneven intervals of two seconds at most; then all come', async () => {
    const server = new Server();
    for (let id = 1; id <= 50; id++) server.comeback.add(absence(id));
    await vi.advanceTimersByTimeAsync(30_000);
    expect(server.revived).toEqual([]);
    const gaps = server.probes.slice(1).map(({ at }, index) => at - (server.probes[index]?.at ?? 0) - server.loginMs);
    // The first comes after 50 to 100 ms, the sixth pause is as long as the longest.
    expect(gaps[0]).toBeLessThanOrEqual(200);
    expect(Math.min(...gaps.slice(5))).toBeGreaterThanOrEqual(1_000);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(2_000);
    expect(new Set(gaps.slice(5)).size).toBeGreaterThan(1);
    expect(server.mostUnderWay).toBe(2);

    server.isUp = true;
    await vi.advanceTimersByTimeAsync(2_010 + 25 * 10 + 20);
    expect(server.revived.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    expect(vi.getTimerCount()).toBe(0);
  });

  it('whoever has left meanwhile is not asked for, and nothing goes on for nobody', async () => {
    const server = new Server();
    const both = [absence(1), absence(2)];
    for (const each of both) server.comeback.add(each);
    await vi.advanceTimersByTimeAsync(1_000);
    for (const each of both) each.end();
    const asked = server.probes.length;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(server.probes.length).toBeLessThanOrEqual(asked + 1);
    expect([server.comeback.size, server.empty]).toEqual([0, 1]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

it('held, asks nobody until it is released', async () => {
  const server = new Server();
  server.comeback.add(absence(1));
  await vi.advanceTimersByTimeAsync(500);
  server.comeback.hold();
  await vi.advanceTimersByTimeAsync(50);
  const asked = server.probes.length;
  server.isUp = true;
  await vi.advanceTimersByTimeAsync(10_000);
  expect([server.probes.length, server.revived]).toEqual([asked, []]);
  server.comeback.release();
  await vi.advanceTimersByTimeAsync(100);
  expect(server.revived).toEqual([1]);
  expect(vi.getTimerCount()).toBe(0);
});
