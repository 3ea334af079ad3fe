import { describe, expect, test } from 'vitest';
import { judge } from '../../renderer/src/features/drag/judge.ts';
import { stepFrom } from '../../renderer/src/features/yard/keyboard.ts';
import { layoutOf, pathOf, shuntOf, trackOf } from '../../renderer/src/features/yard/layout.ts';
import { fold, yardOf } from '../../renderer/src/features/yard/model.ts';
import type { YardSource } from '../../renderer/src/features/yard/model.ts';
import { clientKey, serverKey, thickness, Traffic } from '../../renderer/src/features/yard/traffic.ts';
import { World } from '../e2e/support/standin-world.ts';

/** Sessions of two endpoints, ep-a and ep-b, by turns; ep-upgrade-18 has none. */
function scene(sessions = 6): YardSource {
  const { sessions: rows, endpoints, pools, transfers } = new World({ sessions, endpoints: 3 }).snapshot();
  return {
    sessions: new Map(rows.map((row) => [row.id, row])),
    endpoints,
    pools,
    transfers: new Map(transfers.map((row) => [row.id, row])),
  };
}

function changed(source: YardSource, id: number, change: object): YardSource {
  const row = source.sessions.get(id);
  if (!row) throw new Error(`there is no session ${id}`);
  return { ...source, sessions: new Map([...source.sessions, [id, { ...row, ...change }]]) };
}

describe('what the yard counts', () => {
  test('every session once: in its group, on its way to its endpoint, and on that to its server', () => {
    const yard = yardOf(scene(100));
    const sum = (counts: number[]): number => counts.reduce((total, count) => total + count, 0);
    expect(sum(yard.groups.map((group) => group.sessions.length))).toBe(100);
    expect(sum(yard.clientTracks.map((track) => track.sessions))).toBe(100);
    expect(sum(yard.serverTracks.map((track) => track.sessions.length))).toBe(100);
    expect(sum(yard.backends.map((at) => at.sessions))).toBe(100);
    expect(yard.serverTracks.map((track) => track.endpoint)).toEqual(['ep-a', 'ep-b', 'ep-upgrade-18']);
  });

  test('a session that its endpoint has left behind has a track of its own', () => {
    const yard = yardOf(changed(scene(), 1, { backend: '127.0.0.1:1', endpoint: 'ep-b' }));
    expect(yard.backends.at(-1)).toMatchObject({ backend: '127.0.0.1:1', endpoints: [], sessions: 1 });
    expect(yard.serverTracks.filter((track) => !track.mapped)).toMatchObject([{ endpoint: 'ep-b', backend: '127.0.0.1:1' }]);
  });

  test('who is to move is on a route, waiting or moving', () => {
    const armed = changed(scene(), 2, { transfer: { id: 1, phase: 'armed', to: 'ep-b' } });
    const both = changed(armed, 4, { transfer: { id: 2, phase: 'restore', to: 'ep-b' } });
    const [a, b] = both.endpoints.map((endpoint) => endpoint.backend);
    expect(yardOf(both).routes).toEqual([
      { from: { endpoint: 'ep-a', backend: a }, to: { endpoint: 'ep-b', backend: b }, armed: 1, moving: 1 },
    ]);
  });

  test('too many applications: the smallest stand together, and those that are drawn keep the order by name', () => {
    const group = (application: string, count: number) => ({
      application,
      sessions: [...scene(count).sessions.values()],
    });
    const { shown, rest } = fold([group('a', 1), group('b', 9), group('c', 2), group('d', 5)], 3);
    expect(shown.map((each) => each.application)).toEqual(['b', 'd']);
    expect(rest.map((each) => each.application)).toEqual(['a', 'c']);
    expect(fold([group('a', 1)], 3).rest).toEqual([]);
  });
});

describe('traffic', () => {
  test('is what passed between two looks, smoothed; what was before is none', () => {
    const traffic = new Traffic();
    const source = scene(1);
    const [row] = source.sessions.values();
    if (!row) throw new Error('no session');
    expect(traffic.measure(source.sessions, 0).size).toBe(0);
    const after = changed(source, 1, { bytesOut: row.bytesOut + 100_000, queries: row.queries + 10 });
    const first = traffic.measure(after.sessions, 1_000).get(serverKey(row.endpoint, row.backend));
    expect(first?.bytes).toBeGreaterThan(10_000);
    expect(first?.bytes).toBeLessThan(100_000);
    expect(traffic.measure(after.sessions, 2_000).get(clientKey(row.application, row.endpoint))?.bytes).toBeLessThan(first?.bytes ?? 0);
    expect(traffic.measure(after.sessions, 60_000).size).toBe(0);
  });

  test('is drawn by its order of magnitude, and never thicker than a track may be', () => {
    const widths = [0, 1e3, 1e5, 1e7, 1e12].map((bytes) => thickness({ bytes, queries: 0 }));
    expect(widths).toEqual(widths.toSorted((a, b) => a - b));
    expect(widths.at(-1)).toBe(13);
    expect(thickness(undefined)).toBe(2);
  });
});

describe('where things stand', () => {
  test('no two nodes of a column touch, however many there are, and all are within the stage', () => {
    const items = (count: number) => Array.from({ length: count }, (_, i) => ({ key: `${count} ${i}`, height: 58 }));
    for (const count of [1, 2, 40]) {
      const { boxes, height } = layoutOf({ clients: items(count), endpoints: [], backends: [] }, 900, 400);
      const placed = [...boxes.values()];
      for (const [i, box] of placed.entries()) {
        expect(box.y).toBeGreaterThanOrEqual(i === 0 ? 0 : (placed[i - 1]?.y ?? 0) + 58);
        expect(box.y + box.height).toBeLessThanOrEqual(height);
      }
    }
  });

  test('a session that moves runs back along its track and forward along the other', () => {
    const back = trackOf({ x: 0, y: 0 }, { x: 200, y: 0 }, 'start');
    const forth = trackOf({ x: 0, y: 100 }, { x: 200, y: 60 }, 'start');
    const way = shuntOf(back, forth);
    expect(way[0]).toEqual({ x: 200, y: 0 });
    expect(way.at(-1)).toEqual({ x: 200, y: 60 });
    expect(pathOf(way)).toMatch(/^M200 0L.*L200 60$/);
  });
});

describe('arrows', () => {
  const grid = { clients: ['a', 'b', 'c'], endpoints: ['e'], backends: ['x', 'y'] };
  test.each([
    ['a', 'ArrowDown', 'b'],
    ['a', 'ArrowUp', null],
    ['b', 'End', 'c'],
    ['c', 'ArrowRight', 'e'],
    ['e', 'ArrowRight', 'y'],
    ['y', 'ArrowRight', null],
    ['x', 'ArrowLeft', 'e'],
    ['gone', 'ArrowDown', null],
  ])('from %s, %s leads to %s', (from, arrow, to) => {
    expect(stepFrom(grid, from, arrow)).toBe(to);
  });
});

describe('what can be dropped where', () => {
  const source = scene();
  const [a, b, third] = source.endpoints.map((endpoint) => endpoint.backend);
  const on = (backend: string | undefined) => ({ kind: 'backend', backend: backend ?? '' }) as const;

  test('sessions: on another server, if it is up and an endpoint leads there', () => {
    const odd = { kind: 'sessions', ids: [1, 3] } as const;
    expect(judge(odd, on(b), source)).toEqual({ fits: false, why: 'They are here already' });
    expect(judge(odd, on(a), source)).toEqual({ fits: true, to: 'ep-a', words: 'Move 2 sessions here' });
    expect(judge({ kind: 'sessions', ids: [1, 2] }, on(a), source)).toMatchObject({ words: 'Move 1 of 2 sessions here' });
    expect(judge(odd, on('127.0.0.1:1'), source)).toMatchObject({ fits: false });
    expect(judge({ kind: 'sessions', ids: [99] }, on(a), source)).toEqual({ fits: false, why: 'Closed meanwhile' });
    const down = { ...source, endpoints: source.endpoints.map((each) => ({ ...each, status: 'down' as const })) };
    expect(judge(odd, on(a), down)).toEqual({ fits: false, why: 'It is down' });
  });

  test('an endpoint: on a server that another endpoint knows, not on its own and not on an endpoint', () => {
    const endpoint = { kind: 'endpoint', id: 'ep-a' } as const;
    expect(judge(endpoint, on(third), source)).toEqual({ fits: true, to: 'ep-upgrade-18', words: 'Point ep-a here' });
    expect(judge(endpoint, on(a), source)).toEqual({ fits: false, why: 'ep-a leads here already' });
    expect(judge(endpoint, { kind: 'endpoint', id: 'ep-b' }, source)).toMatchObject({ fits: false });
  });
});
