/** Draining a server: everything leaves it that can, what cannot is named, and nobody new comes. */
import { once } from 'node:events';
import pg from 'pg';
import { afterEach, expect, test } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { sessionId } from '../support/migration.ts';
import { backendOf, connectMany, endAll, operationOnce, portsOf, settled, watchCounters } from '../support/operations.ts';
import { useYard } from '../support/yard.ts';

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
  if ((await yard().snapshot()).endpoints[0]?.redirectedTo !== null) {
    await yard().switchyard.handlers['backend.undrain']({ backend: backendOf(a()) });
  }
});

test('fifty sessions leave; who cannot yet is named, and leaves at its own next safe point; new clients go elsewhere; the undo takes all back', async () => {
  const { handlers } = yard().switchyard;
  const idle = await connect('ep-a', 47);
  const [inTransaction, withTable, withLock] = (await connect('ep-a', 3)) as [pg.Client, pg.Client, pg.Client];
  await inTransaction.query('BEGIN');
  await inTransaction.query('UPDATE pg_description SET description = description WHERE false');
  await withTable.query('CREATE TEMPORARY TABLE notes (n int)');
  await withLock.query('SELECT pg_advisory_lock(1)');
  const [here] = (await connect('ep-b', 1)) as [pg.Client];
  const watch = watchCounters(yard());

  const { operationId } = await handlers['backend.drain']({ backend: backendOf(a()), to: 'ep-b', withinMs: 120_000 });
  const waiting = await operationOnce(yard(), operationId, (row) => row.success === 47 && row.blockers === 3);
  expect(waiting).toMatchObject({ kind: 'drain', backend: backendOf(a()), to: 'ep-b', total: 50, settledAt: null, forceAt: null });
  const { blockers } = await handlers['operation.blockers']({ operationId });
  const byId = new Map(blockers.map((row) => [row.sessionId, row]));
  expect(byId.get(await sessionId(yard(), inTransaction))).toMatchObject({
    reason: expect.stringMatching(/^busy in transaction since/) as string,
    statementKind: 'UPDATE',
  });
  expect(byId.get(await sessionId(yard(), withTable))?.reason).toMatch(/temporary .*notes/);
  expect(byId.get(await sessionId(yard(), withLock))?.reason).toMatch(/advisory lock/);
  expect(new Set(await portsOf(idle))).toEqual(new Set([b().port]));

  // Who comes now goes elsewhere, and says so.
  const [late] = (await connect('ep-a', 1)) as [pg.Client];
  expect(await portsOf([late])).toEqual([b().port]);
  const { endpoints, sessions } = await yard().snapshot();
  expect(endpoints.map(({ id, redirectedTo }) => [id, redirectedTo])).toEqual([
    ['ep-a', 'ep-b'],
    ['ep-b', null],
  ]);
  const lateId = await sessionId(yard(), late);
  expect(sessions.find(({ id }) => id === lateId)).toMatchObject({ endpoint: 'ep-b', requestedEndpoint: 'ep-a' });

  await inTransaction.query('COMMIT');
  await operationOnce(yard(), operationId, (row) => row.success === 48);
  await withTable.query('DROP TABLE notes');
  await operationOnce(yard(), operationId, (row) => row.success === 49);
  await withLock.query('SELECT pg_advisory_unlock(1)');
  const row = await settled(yard(), operationId);
  expect(row).toMatchObject({ total: 50, success: 50, recoverable: 0, fatal: 0, refused: 0, forced: 0, blockers: 0, undoable: true });
  expect(new Set(await portsOf([...idle, inTransaction, withTable, withLock]))).toEqual(new Set([b().port]));
  // Nobody holds a connection to the drained server any more.
  await expect
    .poll(async () => {
      const { pools } = await yard().snapshot();
      return pools.filter(({ backend }) => backend === backendOf(a())).reduce((sum, { active, idle: kept }) => sum + active + kept, 0);
    })
    .toBe(0);

  const back = await handlers['operation.undo']({ operationId, withinMs: 60_000 });
  expect(await settled(yard(), back.operationId)).toMatchObject({ kind: 'undo', total: 50, success: 50, undoable: false });
  expect(new Set(await portsOf([...idle, inTransaction, withTable, withLock]))).toEqual(new Set([a().port]));
  // What the drain did not move stays.
  expect(await portsOf([here, late])).toEqual([b().port, b().port]);
  expect(await portsOf(await connect('ep-a', 1))).toEqual([a().port]);
  await expect(async () => await handlers['operation.undo']({ operationId, withinMs: 1_000 })).rejects.toMatchObject({
    code: 'not_undoable',
  });
  expect(await watch.stop()).toBeGreaterThan(5);
  const { counters } = await yard().snapshot();
  expect(counters).toMatchObject({ error_fatal: 0, error_recoverable: 0, success: 100 });
});

test('after the time that the operator gave, who is still there is ended with the reason, and nobody else', async () => {
  const { handlers } = yard().switchyard;
  const idle = await connect('ep-a', 5);
  const [inTransaction, asleep, withTable] = (await connect('ep-a', 3)) as [pg.Client, pg.Client, pg.Client];
  const [elsewhere] = (await connect('ep-b', 1)) as [pg.Client];
  await inTransaction.query('BEGIN');
  await withTable.query('CREATE TEMPORARY TABLE notes (n int)');
  const said = (client: pg.Client): Promise<unknown> => once(client, 'error').then(([error]: unknown[]) => error);
  const [toTransaction, toTable] = [said(inTransaction), said(withTable)];
  const toSleeper = asleep.query('SELECT pg_sleep(600)').then(
    () => null,
    (error: unknown) => error,
  );
  const sleeper = await sessionId(yard(), asleep);
  await expect.poll(async () => (await yard().sessions()).find(({ id }) => id === sleeper)?.state).toBe('active');
  const watch = watchCounters(yard());

  const request = { backend: backendOf(a()), to: 'ep-b', withinMs: 1_000, forceAfterMs: 1_500 };
  const { operationId } = await handlers['backend.drain'](request);
  const row = await settled(yard(), operationId);
  expect(row).toMatchObject({ total: 8, success: 5, fatal: 0, forced: 3, forceAt: row.startedAt + 1_500 });
  for (const error of await Promise.all([toTransaction, toSleeper, toTable])) {
    expect(error).toMatchObject({
      code: '57P01',
      message: `terminating connection because server ${backendOf(a())} is being drained`,
      hint: expect.stringMatching(/^Connect again: new connections go to endpoint ep-b\./) as string,
    });
  }
  expect(new Set(await portsOf([...idle, elsewhere]))).toEqual(new Set([b().port]));
  // What ran there runs no longer.
  const direct = new pg.Client({ connectionString: a().url() });
  await direct.connect();
  const running = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()`;
  await expect.poll(async () => (await direct.query<{ n: number }>(running)).rows[0]?.n).toBe(0);
  await direct.end();
  await watch.stop();
});

test('a client that is given a long answer is ended between two messages', async () => {
  const { handlers } = yard().switchyard;
  const [client] = (await connect('ep-a', 1)) as [pg.Client];
  const answer = client.query(`SELECT n, repeat('x', 100000) AS filling FROM generate_series(1, 1000000) AS n`).then(
    () => null,
    (error: unknown) => error,
  );
  await expect.poll(async () => (await yard().sessions())[0]?.bytesOut ?? 0).toBeGreaterThan(1_000_000);
  const { operationId } = await handlers['backend.drain']({ backend: backendOf(a()), to: 'ep-b', withinMs: 0, forceAfterMs: 100 });
  // A driver that got a part of a message would wait for the rest, and then say that the connection was lost.
  expect(await answer).toMatchObject({ code: '57P01' });
  expect(await settled(yard(), operationId)).toMatchObject({ total: 1, forced: 1 });
});

test('a cancelled drain moves nobody any more, and is undone all the same', async () => {
  const { handlers } = yard().switchyard;
  const idle = await connect('ep-a', 4);
  const [inTransaction, withTable] = (await connect('ep-a', 2)) as [pg.Client, pg.Client];
  await inTransaction.query('BEGIN');
  await withTable.query('CREATE TEMPORARY TABLE notes (n int)');
  const { operationId } = await handlers['backend.drain']({ backend: backendOf(a()), to: 'ep-b', withinMs: 120_000 });
  await operationOnce(yard(), operationId, ({ success, blockers }) => success === 4 && blockers === 2);
  await expect(async () => await handlers['operation.undo']({ operationId, withinMs: 1_000 })).rejects.toMatchObject({
    code: 'not_undoable',
  });
  await handlers['operation.cancel']({ operationId });
  expect(await settled(yard(), operationId)).toMatchObject({ cancelled: true, success: 4, total: 6, forced: 0, undoable: true });
  await inTransaction.query('COMMIT');
  await withTable.query('DROP TABLE notes');
  expect(await portsOf([inTransaction, withTable])).toEqual([a().port, a().port]);
  const back = await handlers['operation.undo']({ operationId, withinMs: 60_000 });
  expect(await settled(yard(), back.operationId)).toMatchObject({ total: 4, success: 4 });
  expect(new Set(await portsOf([...idle, inTransaction]))).toEqual(new Set([a().port]));
});

test('sessions that leave by themselves hold nothing up', async () => {
  const { handlers } = yard().switchyard;
  const [inTransaction, withTable] = (await connect('ep-a', 2)) as [pg.Client, pg.Client];
  await inTransaction.query('BEGIN');
  await withTable.query('CREATE TEMPORARY TABLE notes (n int)');
  const { operationId } = await handlers['backend.drain']({ backend: backendOf(a()), to: 'ep-b', withinMs: 120_000 });
  await operationOnce(yard(), operationId, ({ blockers }) => blockers === 2);
  await Promise.all([inTransaction.end(), withTable.end()]);
  expect(await settled(yard(), operationId)).toMatchObject({ total: 2, success: 0, fatal: 0 });
});

test('what cannot be drained is refused by name', async () => {
  const { handlers } = yard().switchyard;
  const backend = backendOf(a());
  const refusal = async (work: () => unknown): Promise<unknown> => {
    try {
      return await work();
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  const drain = (from: string, to: string) => () => handlers['backend.drain']({ backend: from, to, withinMs: 1_000 });
  expect(await refusal(drain('127.0.0.1:1', 'ep-b'))).toBe('unknown_backend');
  expect(await refusal(drain(backend, 'ep-x'))).toBe('unknown_endpoint');
  expect(await refusal(drain(backend, 'ep-a'))).toBe('same_backend');
  expect(await refusal(() => handlers['backend.undrain']({ backend }))).toBe('not_drained');
  await handlers['backend.drain']({ backend, to: 'ep-b', withinMs: 1_000 });
  const [client] = (await connect('ep-b', 1)) as [pg.Client];
  const id = await sessionId(yard(), client);
  expect(await refusal(() => handlers.migrate({ sessionIds: [id], to: 'ep-a', withinMs: 1_000 }))).toBe('draining');
  expect(await refusal(drain(backendOf(b()), 'ep-a'))).toBe('draining');
  expect(await refusal(() => handlers['operation.undo']({ operationId: 1_000, withinMs: 1_000 }))).toBe('unknown_operation');
});
