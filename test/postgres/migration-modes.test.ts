/** The modes of a move: which is chosen by what the client does, and each when it is asked for. */
import pg from 'pg';
import { afterEach, describe, expect, test } from 'vitest';
import type { TransferMode, TransferRow } from '../../core/contract/index.ts';
import { useCluster } from '../support/cluster.ts';
import { serverPort, transfer } from '../support/migration.ts';
import { useYard } from '../support/yard.ts';

const a = useCluster({ name: 'a' });
const b = useCluster({ name: 'b' });
const yard = useYard(() => ({ endpoints: { 'ep-a': a().url(), 'ep-b': b().url() } }));

const open: pg.Client[] = [];
afterEach(async () => {
  for (const client of open.splice(0)) await client.end();
});

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: yard().connectionString('ep-a') });
  await client.connect();
  open.push(client);
  return client;
}

/** Gives a session something of everything that a replay brings along. */
async function furnish(client: pg.Client): Promise<void> {
  await client.query(`SET work_mem = '7MB'; SET app.kept = 'yes'; SET TIME ZONE 'Asia/Tokyo'; PREPARE twice(int) AS SELECT $1 * 2 AS v`);
  await client.query({ name: 'thrice', text: 'SELECT $1::int * 3 AS v', values: [1] });
  await client.query('LISTEN signals');
}

async function expectFurnished(client: pg.Client): Promise<void> {
  const { rows } = await client.query(
    `SELECT current_setting('work_mem') AS mem, current_setting('app.kept') AS kept, current_setting('TimeZone') AS zone,
       (SELECT string_agg(name, ',' ORDER BY name) FROM pg_prepared_statements) AS statements,
       (SELECT string_agg(c, ',') FROM pg_listening_channels() c) AS channels`,
  );
  expect(rows).toEqual([{ mem: '7MB', kept: 'yes', zone: 'Asia/Tokyo', statements: 'thrice,twice', channels: 'signals' }]);
  expect((await client.query('EXECUTE twice(21)')).rows).toEqual([{ v: 42 }]);
  expect((await client.query({ name: 'thrice', text: 'SELECT $1::int * 3 AS v', values: [14] })).rows).toEqual([{ v: 42 }]);
}

const phasesOf = (row: TransferRow): string[] => row.phases.map(({ name }) => name);

/** Asks without end, each answer the right one, `thinkMs` between two questions; `also` runs before each. */
function busy(client: pg.Client, thinkMs: number, also: (n: number) => Promise<unknown> = () => Promise.resolve()): () => Promise<number> {
  let running = true;
  const loop = (async () => {
    let n = 0;
    for (; running; n++) {
      await also(n);
      const { rows } = await client.query<{ v: number }>('SELECT $1::int AS v', [n]);
      if (rows[0]?.v !== n) throw new Error(`question ${n} was answered ${String(rows[0]?.v)}`);
      if (thinkMs > 0) await new Promise((resolve) => setTimeout(resolve, thinkMs));
    }
    return n;
  })();
  loop.catch(() => {});
  return () => {
    running = false;
    return loop;
  };
}

describe('chosen by what the client does', () => {
  test('an idle client is moved optimistically: nothing of its is held', async () => {
    const client = await connect();
    await furnish(client);
    const row = await transfer(yard(), client, 'ep-b');
    expect(row).toMatchObject({ outcome: 'success', mode: 'optimistic', dialect: 'postgres', pauseMs: 0, heldBytes: 0, attempts: 1 });
    expect(row.holdsMs).toHaveLength(1);
    expect(phasesOf(row)).toEqual(['preflight', 'dial', 'armed', 'suspend', 'capture', 'restore', 'verify', 'armed', 'swap']);
    expect(await serverPort(client)).toBe(b().port);
    await expectFurnished(client);
  });

  test('a client that thinks between its questions gets every answer, whichever mode was found for each of 20 moves', async () => {
    const client = await connect();
    await furnish(client);
    const stop = busy(client, 20);
    const rows: TransferRow[] = [];
    for (let n = 0; n < 20; n++) rows.push(await transfer(yard(), client, n % 2 === 0 ? 'ep-b' : 'ep-a', { withinMs: 30_000 }));
    expect(await stop()).toBeGreaterThan(0);
    expect(rows.map(({ outcome, reason }) => reason ?? outcome)).toEqual(rows.map(() => 'success'));
    expect(rows.filter(({ mode }) => mode !== 'optimistic' && mode !== 'two-phase')).toEqual([]);
    await expectFurnished(client);
  });

  test('a client in a tight loop is moved in two short holds, or none where it paused by itself', async () => {
    const client = await connect();
    await furnish(client);
    const stop = busy(client, 0);
    const rows: TransferRow[] = [];
    for (let n = 0; n < 20; n++) rows.push(await transfer(yard(), client, n % 2 === 0 ? 'ep-b' : 'ep-a', { withinMs: 30_000 }));
    expect(await stop()).toBeGreaterThan(20);
    expect(rows.map(({ outcome, reason }) => reason ?? outcome)).toEqual(rows.map(() => 'success'));
    const twoPhase = rows.filter(({ mode }) => mode === 'two-phase');
    expect(twoPhase.length).toBeGreaterThan(0);
    for (const row of twoPhase) expect(row.holdsMs).toHaveLength(2);
    await expectFurnished(client);
  });

  test('a client that changes its state with every question moves as well, its last value with it', async () => {
    const client = await connect();
    let last = -1;
    const stop = busy(client, 0, async (n) => {
      await client.query(`SET app.counter = '${n}'`);
      last = n;
    });
    for (let n = 0; n < 10; n++) {
      const row = await transfer(yard(), client, n % 2 === 0 ? 'ep-b' : 'ep-a', { withinMs: 30_000 });
      expect(row).toMatchObject({ outcome: 'success', reason: null });
      expect(row.attempts).toBeLessThanOrEqual(4);
    }
    await stop();
    expect((await client.query('SHOW app.counter')).rows).toEqual([{ 'app.counter': String(last) }]);
  });
});

describe('asked for', () => {
  test.each<{ mode: TransferMode; holds: number; phases: string[] }>([
    { mode: 'optimistic', holds: 1, phases: ['armed', 'suspend', 'capture', 'restore', 'verify', 'armed', 'swap'] },
    {
      mode: 'two-phase',
      holds: 2,
      phases: ['armed', 'suspend', 'capture', 'restore', 'verify', 'armed', 'suspend', 'check', 'swap', 'resume'],
    },
    { mode: 'preconnect', holds: 1, phases: ['armed', 'suspend', 'capture', 'restore', 'verify', 'swap', 'resume'] },
  ])('$mode: an idle client, there and back', async ({ mode, holds, phases }) => {
    const client = await connect();
    await furnish(client);
    for (const [to, port] of [
      ['ep-b', b().port],
      ['ep-a', a().port],
    ] as const) {
      const row = await transfer(yard(), client, to, { mode });
      expect(row).toMatchObject({ outcome: 'success', mode, attempts: 1 });
      expect(row.holdsMs).toHaveLength(holds);
      expect(phasesOf(row)).toEqual(['preflight', 'dial', ...phases]);
      if (mode === 'optimistic') expect(row.pauseMs).toBe(0);
      else expect(row.pauseMs).toBe(mode === 'preconnect' ? Math.max(...row.holdsMs) : row.holdsMs[1]);
      expect(await serverPort(client)).toBe(port);
      await expectFurnished(client);
    }
  });

  test.each<TransferMode>(['two-phase', 'preconnect'])('%s: a client in a tight loop, twenty times', async (mode) => {
    const client = await connect();
    await furnish(client);
    const stop = busy(client, 0);
    for (let n = 0; n < 20; n++)
      expect(await transfer(yard(), client, n % 2 === 0 ? 'ep-b' : 'ep-a', { mode, withinMs: 30_000 })).toMatchObject({
        outcome: 'success',
        mode,
      });
    expect(await stop()).toBeGreaterThan(0);
    await expectFurnished(client);
  });

  test.each<TransferMode>(['cockroach', 'detached'])('%s is refused where it makes no sense, and nothing is tried', async (mode) => {
    const client = await connect();
    const row = await transfer(yard(), client, 'ep-b', { mode });
    expect(row).toMatchObject({ outcome: 'refused', mode: null, holdsMs: [], pauseMs: null, attempts: 0 });
    expect(row.findings.map(({ level, code }) => `${level} ${code}`)).toEqual(['block mode']);
    expect(await serverPort(client)).toBe(a().port);
  });
});
