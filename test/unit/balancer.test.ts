/** When the balancer moves sessions, and whom: on a clock that the test sets. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { settings, type BalancingSettings } from '../../core/contract/index.ts';
import { EndpointMap, parseBackendUrl } from '../../core/endpoints/map.ts';
import { Redirects } from '../../core/endpoints/redirects.ts';
import { Balancer } from '../../core/migration/planner/balancer.ts';
import type { Session } from '../../core/session/session.ts';

const START = Date.UTC(2026, 0, 2, 3, 4, 5);

interface Scene {
  readonly sessions: Map<number, Session>;
  readonly map: EndpointMap;
  readonly redirects: Redirects;
  readonly balancer: Balancer;
  readonly down: Set<string>;
  /** What was asked to move: endpoint and number of sessions. */
  readonly asked: [string, number][];
  /** Whether what was asked has been done, else it is still under way. */
  settle: boolean;
  current: BalancingSettings;
}

let scene: Scene;

/** As much of a session as the balancer looks at. */
function add(id: number, endpoint: string, more: { idleMs?: number; ageMs?: number; transfer?: object } = {}): void {
  const spec = scene.map.require(endpoint);
  const session = {
    id,
    connectedAt: Date.now() - (more.ageMs ?? 600_000),
    backend: `${spec.host}:${spec.port}`,
    place: { endpoint },
    identity: { replication: false },
    transfer: more.transfer ?? null,
    forwarder: { link: { expected: { outstanding: 0 }, busySince: Date.now() - (more.idleMs ?? 0) } },
  };
  scene.sessions.set(id, session as unknown as Session);
}

function addMany(count: number, endpoint: string, more: Parameters<typeof add>[2] = {}): void {
  for (let n = 0; n < count; n++) add(scene.sessions.size + 1, endpoint, more);
}

beforeEach(() => {
  vi.useFakeTimers({ now: START });
  const map = new EndpointMap(['a', 'b', 'c'].map((id, index) => ({ id, ...parseBackendUrl(`postgresql://h:${index + 1}/d`) })));
  const redirects = new Redirects(map);
  const sessions = new Map<number, Session>();
  const group = { name: 'all', endpoints: ['a', 'b', 'c'] };
  const current = settings.parse({ balancing: { groups: [group], minStaySeconds: 60 } }).balancing;
  const balancer = new Balancer({
    sessions,
    map,
    redirects,
    settings: () => scene.current,
    isDown: (backend) => scene.down.has(backend),
    move: (_group, to, chosen) => {
      scene.asked.push([to, chosen.length]);
      const spec = map.require(to);
      if (!scene.settle) return { id: 1, settled: new Promise(() => {}) };
      for (const session of chosen) {
        sessions.set(session.id, Object.assign(session, { backend: `${spec.host}:${spec.port}`, place: { endpoint: to } }));
        balancer.moved(session);
      }
      return { id: 1, settled: Promise.resolve([]) };
    },
  });
  scene = { sessions, map, redirects, balancer, down: new Set(), asked: [], settle: true, current };
});
afterEach(() => {
  scene.balancer.stop();
  vi.useRealTimers();
});

const counts = (): number[] =>
  ['h:1', 'h:2', 'h:3'].map((backend) => [...scene.sessions.values()].filter((session) => session.backend === backend).length);

describe('a round', () => {
  it('moves half of what is too much, the next one half of the rest', async () => {
    addMany(12, 'a');
    scene.balancer.apply();
    expect(counts()).toEqual([8, 2, 2]);
    await vi.advanceTimersByTimeAsync(29_999);
    expect(counts()).toEqual([8, 2, 2]);
    await vi.advanceTimersByTimeAsync(1);
    expect(counts()[0]).toBe(6);
  });

  it('counts those in use and those that are not apart', () => {
    scene.current = { ...scene.current, rate: 1 };
    addMany(6, 'a');
    addMany(6, 'b', { idleMs: 31_000 });
    // Together they are even, were there no third backend.
    scene.redirects.set('h:3', 'a');
    scene.balancer.apply();
    expect(counts()).toEqual([6, 6, 0]);
    expect(scene.asked.toSorted(([a], [b]) => a.localeCompare(b))).toEqual([
      ['a', 2],
      ['b', 2],
    ]);
  });

  it('knows who is idle by when it last did something, however often that is looked at', async () => {
    scene.current = { ...scene.current, rate: 1, everySeconds: 15 };
    scene.redirects.set('h:3', 'a');
    addMany(4, 'a');
    addMany(4, 'b');
    scene.balancer.apply();
    await vi.advanceTimersByTimeAsync(44_000);
    // The first seed would take all for active still, four on each side.
    for (const id of [1, 2]) Object.assign(scene.sessions.get(id)?.forwarder.link ?? {}, { busySince: Date.now() });
    expect(scene.asked).toEqual([]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(scene.asked).toEqual([['b', 1]]);
  });

  it('leaves out backends that are drained or down, endpoints that are gone, and sessions of others', () => {
    addMany(12, 'a');
    scene.down.add('h:2');
    scene.redirects.set('h:3', 'a');
    scene.balancer.apply();
    expect(scene.asked).toEqual([]);
    scene.redirects.delete('h:3');
    scene.map.delete('c');
    scene.balancer.look();
    expect(scene.asked).toEqual([]);
    scene.down.clear();
    scene.current = { ...scene.current, groups: [{ name: 'other', endpoints: ['b', 'c'] }] };
    scene.balancer.look();
    expect(scene.asked).toEqual([]);
    scene.current = { ...scene.current, groups: [{ name: 'both', endpoints: ['a', 'b'] }] };
    scene.balancer.look();
    expect(scene.asked).toEqual([['b', 3]]);
  });

  it('leaves alone who came, or was moved, a short time ago, and who is being moved', async () => {
    addMany(12, 'a', { ageMs: 59_000 });
    scene.balancer.apply();
    expect(scene.asked).toEqual([]);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(counts()).toEqual([8, 2, 2]);
    const there = [...scene.sessions.values()].filter(({ backend }) => backend === 'h:2');
    // The others leave: two where there should be one, but they have just come.
    for (const [id, session] of scene.sessions) if (!there.includes(session)) scene.sessions.delete(id);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(counts()).toEqual([0, 2, 0]);
    scene.sessions.clear();
    addMany(12, 'a', { transfer: {} });
    await vi.advanceTimersByTimeAsync(30_000);
    expect(counts()).toEqual([12, 0, 0]);
  });
});

describe('rounds', () => {
  it('do not begin while one is under way', async () => {
    scene.settle = false;
    addMany(12, 'a');
    scene.balancer.apply();
    const asked = [...scene.asked];
    expect(asked).not.toEqual([]);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(scene.asked).toEqual(asked);
  });

  it('of one group are fifteen seconds apart, whatever asks for them', async () => {
    addMany(100, 'a');
    scene.balancer.apply();
    const { length } = scene.asked;
    for (let n = 0; n < 10; n++) scene.balancer.look();
    await vi.advanceTimersByTimeAsync(14_999);
    scene.balancer.look();
    expect(scene.asked).toHaveLength(length);
    await vi.advanceTimersByTimeAsync(1);
    scene.balancer.look();
    expect(scene.asked.length).toBeGreaterThan(length);
  });

  it('are none without a group, nor after the end', async () => {
    addMany(12, 'a');
    const { groups } = scene.current;
    scene.current = { ...scene.current, groups: [] };
    scene.balancer.apply();
    expect(vi.getTimerCount()).toBe(0);
    scene.balancer.look();
    scene.current = { ...scene.current, groups };
    scene.balancer.stop();
    scene.balancer.look();
    await vi.advanceTimersByTimeAsync(120_000);
    expect([scene.asked, vi.getTimerCount()]).toEqual([[], 0]);
  });
});
