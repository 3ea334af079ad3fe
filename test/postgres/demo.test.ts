import { existsSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DemoInfo } from '../../core/contract/index.ts';
import { backendId, type EndpointSpec } from '../../core/endpoints/map.ts';
import { DemoControl } from '../../main/demo/demo-control.ts';
import { startDemoServers, type DemoServers } from '../../main/demo/demo.ts';
import { jobs } from '../../main/demo/workload-jobs.ts';
import { startWorkload } from '../../main/demo/workload.ts';

async function query(port: number, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

async function answers(port: number): Promise<boolean> {
  return await query(port, 'select 1').then(
    () => true,
    () => false,
  );
}

describe('the demo servers', () => {
  let servers: DemoServers;
  beforeEach(async () => {
    servers = await startDemoServers();
  });
  afterEach(() => servers.stop());

  it('hold the same schema and different markers, without a password', async () => {
    expect(servers.endpoints.map(({ id, user, database, password }) => [id, user, database, password])).toEqual([
      ['ep-a', 'postgres', 'postgres', null],
      ['ep-b', 'postgres', 'postgres', null],
    ]);
    const seen = await Promise.all(
      servers.endpoints.map(async ({ port }) => ({
        marker: (await query(port, 'select name from server_name'))[0]?.['name'],
        version: await query(port, 'show server_version'),
        tables: await query(
          port,
          "select oid::int, relname, reltuples from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v') order by relname",
        ),
        depots: await query(port, 'select * from wagons_by_depot'),
        folder: (await query(port, 'show data_directory'))[0]?.['data_directory'],
      })),
    );
    const [a, b] = seen;
    expect([a?.marker, b?.marker]).toEqual(['ep-a', 'ep-b']);
    expect(a?.version).toEqual(b?.version);
    expect(a?.tables).toEqual(b?.tables);
    expect(a?.tables.map(({ relname }) => relname)).toEqual(['depot', 'movement', 'server_name', 'wagon', 'wagons_by_depot']);
    expect(a?.depots).toHaveLength(6);
    expect(a?.depots).toEqual(b?.depots);

    await servers.stop();
    for (const { folder } of seen) expect(existsSync(String(folder))).toBe(false);
    for (const { port } of servers.endpoints) expect(await answers(port)).toBe(false);
  });
});

describe('the jobs of the workload', () => {
  let servers: DemoServers;
  beforeAll(async () => {
    servers = await startDemoServers();
  });
  afterAll(() => servers.stop());

  it.each(jobs)('$name: its statements are right, it pauses, and it leaves no transaction open', async ({ begin, step }) => {
    const client = new pg.Client({ host: '127.0.0.1', port: servers.endpoints[0]?.port ?? 0, user: 'postgres', database: 'postgres' });
    await client.connect();
    try {
      let paused = 0;
      const pause = (ms: number): Promise<void> => {
        paused += ms;
        return Promise.resolve();
      };
      await begin?.({ client, pause });
      const began = performance.now();
      await step({ client, pause });
      await step({ client, pause });
      expect(paused).toBeGreaterThan(100);
      expect(performance.now() - began).toBeLessThan(5_000);
      expect((await client.query('select now() = statement_timestamp() as outside')).rows).toEqual([{ outside: true }]);
    } finally {
      await client.end();
    }
  });
});

describe('the workload', () => {
  it('survives a proxy that is not there, and stops at once', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo;
    closed.close();
    const workload = startWorkload({ host: '127.0.0.1', port, endpoints: ['ep-a', 'ep-b'] });
    expect(workload.clients).toBe(12);
    await expect.poll(() => workload.counts.failures, { timeout: 5_000 }).toBeGreaterThan(24);
    const began = performance.now();
    await workload.stop();
    expect(performance.now() - began).toBeLessThan(1_000);
    expect(workload.counts.connections).toBe(0);
  });

  it('survives a proxy that never answers, and stops at once', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    const sockets = new Set<{ destroy(): void }>();
    silent.on('connection', (socket) => sockets.add(socket.on('error', () => undefined)));
    await once(silent, 'listening');
    const workload = startWorkload({ host: '127.0.0.1', port: (silent.address() as AddressInfo).port, endpoints: ['ep-a'] });
    await expect.poll(() => sockets.size).toBe(6);
    const began = performance.now();
    await workload.stop();
    expect(performance.now() - began).toBeLessThan(1_500);
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
});

describe('the demo, switched', () => {
  const map = new Map<string, string>();
  const shown: DemoInfo[] = [];
  let added: EndpointSpec[] = [];
  let control: DemoControl;

  beforeEach(() => {
    map.clear();
    shown.length = 0;
    added = [];
    control = new DemoControl({
      setDemo: (info) => shown.push(info),
      endpoints: () => Promise.resolve([...map].map(([id, backend]) => ({ id, backend }))),
      addEndpoint(spec) {
        added.push(spec);
        map.set(spec.id, backendId(spec));
      },
      async removeEndpoint(id) {
        map.delete(id);
      },
      // Nobody listens there; the clients keep trying.
      proxy: () => ({ host: '127.0.0.1', port: 1 }),
    });
  });
  afterEach(async () => {
    await control.endClients();
    await control.endServers();
  });

  const states = (): string[] => shown.map(({ state }) => state);

  it('goes from off to running and back, and leaves nothing', async () => {
    await control.start();
    await control.start();
    expect(states()).toEqual(['off', 'starting', 'running']);
    expect(shown.every(({ available }) => available)).toBe(true);
    expect([...map.keys()]).toEqual(['ep-a', 'ep-b']);
    await control.setWorkload(true);
    expect(shown.at(-1)).toMatchObject({ state: 'running', workload: true });

    await control.stop();
    expect(states().slice(-2)).toEqual(['stopping', 'off']);
    expect(shown.at(-1)?.workload).toBe(false);
    expect(map.size).toBe(0);
    for (const { port } of added) expect(await answers(port)).toBe(false);
  });

  it("unmaps its own servers under whatever name, and nobody else's", async () => {
    await control.start();
    const backend = map.get('ep-a') ?? '';
    map.delete('ep-a');
    map.set('renamed', backend);
    map.set('ep-b', 'db.example:5432');
    await control.stop();
    expect([...map]).toEqual([['ep-b', 'db.example:5432']]);
  });

  it('stops while it starts', async () => {
    const start = control.start();
    await expect.poll(() => states().at(-1)).toBe('starting');
    await control.stop();
    await expect(start).rejects.toMatchObject({ code: 'demo_stopped' });
    expect(states()).toEqual(['off', 'starting', 'off']);
    expect(map.size).toBe(0);
  });

  it('does not take over an endpoint of the same name', async () => {
    map.set('ep-b', 'db.example:5432');
    await expect(control.start()).rejects.toMatchObject({ code: 'endpoint_exists' });
    expect(states()).toEqual(['off']);
  });

  it('has no workload without servers', async () => {
    await expect(control.setWorkload(true)).rejects.toMatchObject({ code: 'demo_not_running' });
    await control.setWorkload(false);
  });

  it('does not start again once the host stops', async () => {
    await control.endClients();
    await control.start();
    expect(added).toEqual([]);
  });
});
