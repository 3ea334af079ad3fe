/** Many sessions at once: paced, in transaction mode too, cancelled in the middle; and groups that are kept alike. */
import type pg from 'pg';
import { afterEach, describe, expect, test } from 'vitest';
import type { TransferRow } from '../../core/contract/index.ts';
import { useCluster } from '../support/cluster.ts';
import { backendOf, connectMany, endAll, operationOnce, portsOf, settled, watchCounters } from '../support/operations.ts';
import { startYard, useYard, type Yard } from '../support/yard.ts';

const a = useCluster({ name: 'a' });
const b = useCluster({ name: 'b' });
const AT_ONCE = 3;
const yard = useYard(() => ({
  endpoints: { 'ep-a': a().url(), 'ep-b': b().url() },
  options: { settings: { migration: { atOnce: 5, loginsPerBackend: AT_ONCE } } },
}));

const open: pg.Client[] = [];
async function connect(endpoint: string, count: number, on: Yard = yard()): Promise<pg.Client[]> {
  const clients = await connectMany(on, endpoint, count);
  open.push(...clients);
  return clients;
}
afterEach(async () => {
  await endAll(open.splice(0));
  await expect.poll(async () => (await yard().sessions()).length).toBe(0);
});

const ids = async (): Promise<number[]> => (await yard().sessions()).map(({ id }) => id);

test('fifty sessions move, a few at a time, in the order of asking, and come back', async () => {
  const { handlers } = yard().switchyard;
  const clients = await connect('ep-a', 50);
  const watch = watchCounters(yard());
  const most = { dialling: 0 };
  const seen = new Map<number, TransferRow['phase']>();
  let isRunning = true;
  const look = (async () => {
    while (isRunning) {
      for (const row of (await yard().snapshot()).transfers) seen.set(row.id, row.phase);
      most.dialling = Math.max(most.dialling, [...seen.values()].filter((phase) => phase === 'dial').length);
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  const { operationId } = await handlers.migrate({ sessionIds: await ids(), to: 'ep-b', withinMs: 120_000 });
  expect(await settled(yard(), operationId)).toMatchObject({ kind: 'migrate', total: 50, success: 50, undoable: true });
  isRunning = false;
  await look;
  expect(most.dialling).toBeGreaterThan(0);
  expect(most.dialling).toBeLessThanOrEqual(AT_ONCE);
  expect(new Set(await portsOf(clients))).toEqual(new Set([b().port]));
  const back = await handlers['operation.undo']({ operationId, withinMs: 120_000 });
  expect(await settled(yard(), back.operationId)).toMatchObject({ kind: 'undo', to: 'ep-a', total: 50, success: 50, undoable: false });
  expect(new Set(await portsOf(clients))).toEqual(new Set([a().port]));
  await watch.stop();
});

test('the undo leaves alone who is not where it was moved to', async () => {
  const { handlers } = yard().switchyard;
  await connect('ep-a', 3);
  const [first = 0, second = 0, third = 0] = await ids();
  const { operationId } = await handlers.migrate({ sessionIds: [first, second, third], to: 'ep-b', withinMs: 60_000 });
  await settled(yard(), operationId);
  const away = await handlers.migrate({ sessionIds: [first], to: 'ep-a', withinMs: 60_000 });
  expect(await settled(yard(), away.operationId)).toMatchObject({ success: 1 });
  await handlers['session.close']({ sessionId: second });
  const back = await handlers['operation.undo']({ operationId, withinMs: 60_000 });
  expect(await settled(yard(), back.operationId)).toMatchObject({ total: 1, success: 1 });
  expect((await yard().sessions()).map(({ id, endpoint, migrations }) => [id, endpoint, migrations])).toEqual([
    [first, 'ep-a', 2],
    [third, 'ep-a', 2],
  ]);
});

test('what is cancelled in the middle stays where it is, and works on', async () => {
  const { handlers } = yard().switchyard;
  const clients = await connect('ep-a', 40);
  const busy = clients.slice(0, 5);
  await Promise.all(busy.map((client) => client.query('BEGIN')));
  const watch = watchCounters(yard());
  const { operationId } = await handlers.migrate({ sessionIds: await ids(), to: 'ep-b', withinMs: 120_000 });
  await operationOnce(yard(), operationId, ({ success }) => success > 0);
  await handlers['operation.cancel']({ operationId });
  const row = await settled(yard(), operationId);
  expect(row).toMatchObject({ cancelled: true, total: 40, fatal: 0, refused: 0 });
  expect(row.success + row.recoverable).toBe(40);
  expect(row.recoverable).toBeGreaterThanOrEqual(5);
  expect(new Set(await portsOf(busy))).toEqual(new Set([a().port]));
  await Promise.all(busy.map((client) => client.query('COMMIT')));
  const ports = await portsOf(clients);
  expect(ports.filter((port) => port === b().port)).toHaveLength(row.success);
  await watch.stop();
});

test('a session that was to move is ended after the time that was given, others have moved', async () => {
  const { handlers } = yard().switchyard;
  const clients = await connect('ep-a', 4);
  const [stays] = clients as [pg.Client];
  await stays.query('BEGIN');
  const told = new Promise<Error>((resolve) => stays.once('error', resolve));
  const { operationId } = await handlers.migrate({ sessionIds: await ids(), to: 'ep-b', withinMs: 100, forceAfterMs: 1_000 });
  expect(await settled(yard(), operationId)).toMatchObject({ total: 4, success: 3, forced: 1 });
  expect(await told).toMatchObject({ code: '57P01', hint: expect.stringContaining('move to endpoint ep-b') as string });
  expect(new Set(await portsOf(clients.slice(1)))).toEqual(new Set([b().port]));
});

describe('in transaction mode', () => {
  test('sessions without a server connection leave with the others', async () => {
    const pooled = await startYard({
      endpoints: { 'ep-a': a().url(), 'ep-b': b().url() },
      options: { settings: { pooling: { mode: 'transaction' } } },
    });
    const clients = await connectMany(pooled, 'ep-a', 12);
    try {
      const [inTransaction] = clients as [pg.Client];
      await Promise.all(clients.map((client, n) => client.query(`SET application_name = 'client ${n}'`)));
      await inTransaction.query('BEGIN');
      const watch = watchCounters(pooled);
      const { handlers } = pooled.switchyard;
      const { operationId } = await handlers['backend.drain']({ backend: backendOf(a()), to: 'ep-b', withinMs: 120_000 });
      await operationOnce(pooled, operationId, ({ success, blockers }) => success === 11 && blockers === 1);
      await inTransaction.query('COMMIT');
      expect(await settled(pooled, operationId)).toMatchObject({ total: 12, success: 12 });
      expect(new Set(await portsOf(clients))).toEqual(new Set([b().port]));
      const names = await Promise.all(clients.map((client) => client.query<{ application_name: string }>('SHOW application_name')));
      expect(names.map(({ rows }) => rows[0]?.application_name)).toEqual(clients.map((_, n) => `client ${n}`));
      await watch.stop();
    } finally {
      await endAll(clients);
      await pooled.stop();
    }
  });
});

describe('balancing', () => {
  test('is off until a group is named; then what is too much goes, each at its own safe point', async () => {
    const balanced = await startYard({ endpoints: { 'ep-a': a().url(), 'ep-b': b().url(), other: a().url() } });
    const clients = await connectMany(balanced, 'ep-a', 10);
    const others = await connectMany(balanced, 'other', 4);
    try {
      const { switchyard } = balanced;
      const groups = [{ name: 'both', endpoints: ['ep-a', 'ep-b'] }];
      expect((await balanced.snapshot()).operations).toEqual([]);
      await Promise.all(clients.map((client) => client.query('BEGIN')));
      // 10 and 0: bounds of 4 and 6.
      await switchyard.applySettings({ balancing: { groups, rate: 1, minStaySeconds: 0 } });
      const [operation] = (await balanced.snapshot()).operations;
      expect(operation).toMatchObject({ kind: 'balance', label: 'Balance both: 4 sessions to ep-b', to: 'ep-b', total: 4, success: 0 });
      await operationOnce(balanced, operation?.id ?? 0, ({ blockers }) => blockers === 4);
      await Promise.all(clients.map((client) => client.query('COMMIT')));
      expect(await settled(balanced, operation?.id ?? 0)).toMatchObject({ success: 4, undoable: true });
      const ports = await portsOf(clients);
      expect(ports.filter((port) => port === b().port)).toHaveLength(4);
      // Sessions of other endpoints are none of the group's, whatever server they are on.
      expect(new Set(await portsOf(others))).toEqual(new Set([a().port]));
    } finally {
      await endAll([...clients, ...others]);
      await balanced.stop();
    }
  });
});
