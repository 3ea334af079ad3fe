/** Pointing an endpoint at another server: its sessions follow, the undo takes all back, and a target that takes few is no reason to give up. */
import pg from 'pg';
import { afterEach, expect, test } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { backendOf, connectMany, endAll, operationOnce, portsOf, settled, watchCounters } from '../support/operations.ts';
import { startYard, useYard } from '../support/yard.ts';

const a = useCluster({ name: 'a' });
const b = useCluster({ name: 'b' });
const yard = useYard(() => ({ endpoints: { 'ep-a': a().url(), 'ep-b': b().url() } }));

const open: pg.Client[] = [];
async function connect(endpoint: string, count: number): Promise<pg.Client[]> {
  const clients = await connectMany(yard(), endpoint, count);
  open.push(...clients);
  return clients;
}
afterEach(async () => {
  await endAll(open.splice(0));
  await expect.poll(async () => (await yard().sessions()).length).toBe(0);
});

async function endpoint(id: string): Promise<string | undefined> {
  return (await yard().snapshot()).endpoints.find((row) => row.id === id)?.backend;
}

test('the sessions of an endpoint follow its line, keep their endpoint, and come back with the undo', async () => {
  const { handlers } = yard().switchyard;
  const clients = await connect('ep-a', 8);
  const [inTransaction] = (await connect('ep-a', 1)) as [pg.Client];
  await inTransaction.query('BEGIN');
  const others = await connect('ep-b', 2);
  const watch = watchCounters(yard());
  const { operationId } = await handlers['endpoints.remap']({ endpoint: 'ep-a', to: b().url(), withinMs: 120_000 });
  expect(await operationOnce(yard(), operationId, (row) => row.success === 8 && row.blockers === 1)).toMatchObject({
    kind: 'remap',
    to: 'ep-a',
    backend: backendOf(a()),
    total: 9,
  });
  // Who comes now goes to the new server; nothing says that it is another endpoint.
  const [late] = (await connect('ep-a', 1)) as [pg.Client];
  await inTransaction.query('ROLLBACK');
  expect(await settled(yard(), operationId)).toMatchObject({ total: 9, success: 9, undoable: true });
  expect(new Set(await portsOf([...clients, inTransaction, late]))).toEqual(new Set([b().port]));
  expect((await yard().sessions()).filter((row) => row.endpoint === 'ep-a')).toHaveLength(10);
  expect(await endpoint('ep-a')).toBe(backendOf(b()));

  const [gone] = clients.splice(0, 1);
  await gone?.end();
  await expect.poll(async () => (await yard().sessions()).length).toBe(11);
  const back = await handlers['operation.undo']({ operationId, withinMs: 60_000 });
  expect(await settled(yard(), back.operationId)).toMatchObject({ kind: 'undo', total: 8, success: 8 });
  expect(await endpoint('ep-a')).toBe(backendOf(a()));
  expect(new Set(await portsOf([...clients, inTransaction]))).toEqual(new Set([a().port]));
  // It came after the remap, so that was not what brought it there.
  expect(await portsOf([late, ...others])).toEqual([b().port, b().port, b().port]);
  await watch.stop();
});

test('an endpoint takes over the backend of another one', async () => {
  const { handlers } = yard().switchyard;
  const clients = await connect('ep-a', 2);
  const { operationId } = await handlers['endpoints.remap']({ endpoint: 'ep-a', to: 'ep-b', withinMs: 60_000 });
  expect(await settled(yard(), operationId)).toMatchObject({ total: 2, success: 2 });
  expect(new Set(await portsOf(clients))).toEqual(new Set([b().port]));
  const back = await handlers['operation.undo']({ operationId, withinMs: 60_000 });
  expect(await settled(yard(), back.operationId)).toMatchObject({ total: 2, success: 2 });
});

test('what cannot be remapped stays as it is, and says why', async () => {
  const { handlers } = yard().switchyard;
  const [client] = (await connect('ep-a', 1)) as [pg.Client];
  const remap = (to: string) => async () => await handlers['endpoints.remap']({ endpoint: 'ep-a', to, withinMs: 1_000 });
  await expect(remap('postgresql://postgres@127.0.0.1:1/postgres')).rejects.toMatchObject({ code: 'unreachable' });
  await expect(remap(a().url())).rejects.toMatchObject({ code: 'same_backend' });
  await expect(remap('ep-x')).rejects.toMatchObject({ code: 'unknown_endpoint' });
  expect([await endpoint('ep-a'), await portsOf([client])]).toEqual([backendOf(a()), [a().port]]);
});

test('a line that somebody has edited since is not taken back', async () => {
  const { handlers } = yard().switchyard;
  const { operationId } = await handlers['endpoints.remap']({ endpoint: 'ep-a', to: b().url(), withinMs: 1_000 });
  expect(await settled(yard(), operationId)).toMatchObject({ total: 0, undoable: true });
  await handlers['endpoints.save']({ id: 'ep-a', url: a().url() });
  await expect(async () => await handlers['operation.undo']({ operationId, withinMs: 1_000 })).rejects.toMatchObject({
    code: 'not_undoable',
  });
});

test('a target that lets few in takes them as it can, and nobody is given up', async () => {
  const admins = await Promise.all(
    [a(), b()].map(async (cluster) => {
      const admin = new pg.Client({ connectionString: cluster.url() });
      await admin.connect();
      await admin.query('CREATE ROLE few LOGIN');
      return admin;
    }),
  );
  const [, there] = admins as [pg.Client, pg.Client];
  await there.query('ALTER ROLE few CONNECTION LIMIT 3');
  const narrow = await startYard({
    endpoints: { 'few-a': a().url('postgres', 'few'), 'few-b': b().url('postgres', 'few') },
    options: { deadlines: { dialMs: 500 } },
  });
  const clients = await connectMany(narrow, 'few-a', 6);
  try {
    const watch = watchCounters(narrow);
    const { operationId } = await narrow.switchyard.handlers['backend.drain']({ backend: backendOf(a()), to: 'few-b', withinMs: 120_000 });
    await operationOnce(narrow, operationId, (row) => row.success >= 1 && row.blockers >= 3);
    const moved = (await narrow.sessions()).filter(({ backend }) => backend === backendOf(b()));
    expect(moved.length).toBeLessThanOrEqual(3);
    // All of them still answer, wherever they are.
    expect(await portsOf(clients)).toHaveLength(6);
    await there.query('ALTER ROLE few CONNECTION LIMIT -1');
    expect(await settled(narrow, operationId)).toMatchObject({ total: 6, success: 6, fatal: 0, recoverable: 0, refused: 0 });
    expect(new Set(await portsOf(clients))).toEqual(new Set([b().port]));
    const { counters } = await narrow.snapshot();
    expect(counters).toMatchObject({ success: 6, error_fatal: 0 });
    expect(counters.error_recoverable + counters.refused).toBeGreaterThan(0);
    await watch.stop();
  } finally {
    await endAll(clients);
    await narrow.stop();
    await Promise.all(
      admins.map(async (admin) => {
        await admin.query('DROP ROLE few');
        await admin.end();
      }),
    );
  }
});
