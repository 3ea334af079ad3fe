/** Moves through the proxy that take along what is refused by default: the client cannot tell them from no move. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { serverPort, sessionId, transfer } from '../support/migration.ts';
import { startRelay, type Relay } from '../support/relay.ts';
import { useYard } from '../support/yard.ts';

const a = useCluster({ name: 'a' });
const b = useCluster({ name: 'b' });
let twin: Relay | null = null;
beforeAll(async () => {
  twin = await startRelay(a().port);
});
afterAll(async () => {
  await twin?.close();
});
const relay = (): Relay => {
  if (twin === null) throw new Error('the relay is there only while tests run');
  return twin;
};
// Another way to the server of ep-a: another backend, as far as anybody can tell.
const yard = useYard(() => ({
  endpoints: { 'ep-a': a().url(), 'ep-b': b().url(), 'ep-twin': `postgresql://postgres@127.0.0.1:${relay().port}/postgres` },
}));

const everything = { advisoryLocks: true, heldCursors: true, temporaryTables: true, sequences: true };
const open: pg.Client[] = [];
afterEach(async () => {
  relay().release();
  for (const client of open.splice(0)) await client.end();
});

async function connect(connectionString = yard().connectionString('ep-a')): Promise<pg.Client> {
  const client = new pg.Client({ connectionString });
  client.on('error', () => {});
  await client.connect();
  open.push(client);
  return client;
}

async function direct(url: string): Promise<pg.Client> {
  return await connect(url);
}

async function one(client: pg.Client, sql: string): Promise<unknown> {
  return (await client.query<{ v: unknown }>(sql)).rows[0]?.v;
}

/** Where the server process of a session is; the same only if it did not move. */
const PLACE = 'SELECT pg_backend_pid() AS v';

const HOLD = (key: number): string => `
  SELECT pg_advisory_lock(${key}), pg_advisory_lock(${key}), pg_advisory_lock(${key}, -1), pg_advisory_lock_shared(${key + 1});
  DECLARE held SCROLL CURSOR WITH HOLD FOR SELECT n, 'row ' || n AS "the Text" FROM generate_series(1, 9) n; MOVE 4 FROM held;
  CREATE TEMP TABLE basket (id serial PRIMARY KEY, what text NOT NULL); INSERT INTO basket (what) VALUES ('one'), ('two')`;

/** What a client does with all that; every answer is written down. */
async function use(client: pg.Client, key: number): Promise<unknown[]> {
  const answers: unknown[] = [];
  const run = async (query: string | pg.QueryConfig): Promise<void> => {
    try {
      const { rows, fields, command } = await client.query<Record<string, unknown>>(query);
      answers.push([command, fields.map(({ name, dataTypeID }) => [name, dataTypeID]), rows]);
    } catch (error) {
      answers.push((error as pg.DatabaseError).code);
    }
  };
  await run('SELECT lastval() AS v');
  await run(`SELECT currval('basket_id_seq') AS v`);
  await run('FETCH NEXT FROM held');
  await run('FETCH PRIOR FROM held');
  await run({ name: 'into', text: 'INSERT INTO basket (what) VALUES ($1) RETURNING id', values: ['more'] });
  await run('SELECT * FROM basket ORDER BY id');
  await run('INSERT INTO basket (id, what) VALUES (1, NULL)');
  await run(
    `SELECT mode, objsubid, CASE objsubid WHEN 2 THEN classid::int8 ELSE objid::int8 END - ${key} AS k FROM pg_locks
      WHERE locktype = 'advisory' AND pid = pg_backend_pid() ORDER BY 1, 2, 3`,
  );
  for (let time = 0; time < 3; time++) await run(`SELECT pg_advisory_unlock(${key}) AS v`);
  await run(`SELECT pg_advisory_lock(${key}), pg_advisory_lock(${key})`);
  return answers;
}

test.each([
  ['to another cluster', 'ep-b', 'ep-a'],
  ['to another backend of its cluster', 'ep-twin', 'ep-a'],
])('a session that holds everything moves %s and back, and does not notice', async (_, to, back) => {
  const moved = await connect();
  const unmoved = await direct(a().url());
  await moved.query(HOLD(100));
  await unmoved.query(HOLD(200));
  for (const client of [moved, unmoved])
    await client.query({ name: 'into', text: 'INSERT INTO basket (what) VALUES ($1) RETURNING id', values: ['x'] });
  for (let round = 0; round < 6; round++) {
    const before = await one(moved, PLACE);
    const row = await transfer(yard(), moved, round % 2 === 0 ? to : back, { carry: everything });
    expect(row).toMatchObject({ outcome: 'success', reason: null, mode: 'preconnect' });
    expect(await one(moved, PLACE)).not.toBe(before);
    expect(await use(moved, 100)).toEqual(await use(unmoved, 200));
  }
});

test('without being asked for it is refused as ever, with all reasons', async () => {
  const client = await connect();
  await client.query(HOLD(300));
  expect(await transfer(yard(), client, 'ep-b', { carry: { advisoryLocks: true } })).toMatchObject({
    outcome: 'refused',
    reason: expect.stringMatching(/^it has temporary objects: .*; it has cursors WITH HOLD open: held$/) as string,
  });
  expect(await transfer(yard(), client, 'ep-twin', {})).toMatchObject({
    outcome: 'refused',
    reason: expect.stringContaining('it holds session advisory locks') as string,
  });
  expect(await use(client, 300)).toHaveLength(12);
});

test('the verdict beforehand knows what would be carried', async () => {
  const client = await connect();
  await client.query(`${HOLD(350)}; LISTEN plain`);
  const id = await sessionId(yard(), client);
  const verdictOf = async (to: string, carry?: typeof everything): Promise<{ verdict?: string | undefined; codes: string[] }> => {
    const request = { sessionIds: [id], to, ...(carry === undefined ? {} : { carry }) };
    const [verdict] = (await yard().switchyard.handlers.preflight(request)).verdicts;
    return { verdict: verdict?.verdict, codes: verdict?.findings.map(({ level, code }) => `${level} ${code}`) ?? [] };
  };
  const refused = await verdictOf('ep-b');
  expect(refused.verdict).toBe('refused');
  for (const code of ['block advisory_lock', 'block held_cursor', 'block temp_object', 'warn channel'])
    expect(refused.codes).toContain(code);
  const ready = await verdictOf('ep-b', everything);
  expect(ready.verdict).toBe('ready');
  expect(ready.codes).toContain('info carried');
  expect(ready.codes).toContain('warn channel');
  expect((await verdictOf('ep-twin', everything)).codes).not.toContain('warn channel');
  expect(await use(client, 350)).toHaveLength(12);
});

test('nobody else gets the lock in 25 moves inside its cluster, however hard they try', async () => {
  const client = await connect();
  await client.query('SELECT pg_advisory_lock(400), pg_advisory_lock(400)');
  const thief = await direct(a().url());
  let running = true;
  let tries = 0;
  const trying = (async () => {
    for (; running; tries++) if ((await one(thief, 'SELECT pg_try_advisory_lock(400) AS v')) === true) return 'got it';
    return 'never';
  })();
  for (let round = 0; round < 25; round++) {
    expect(await transfer(yard(), client, round % 2 === 0 ? 'ep-twin' : 'ep-a', { carry: { advisoryLocks: true } })).toMatchObject({
      outcome: 'success',
    });
  }
  running = false;
  expect(await trying).toBe('never');
  expect(tries).toBeGreaterThan(25);
  expect(await one(client, 'SELECT pg_advisory_unlock(400) AS v')).toBe(true);
  expect(await one(thief, 'SELECT pg_try_advisory_lock(400) AS v')).toBe(false);
  expect(await one(client, 'SELECT pg_advisory_unlock(400) AS v')).toBe(true);
  expect(await one(thief, 'SELECT pg_try_advisory_lock(400) AS v')).toBe(true);
});

test('a storm of notifications across 25 moves inside its cluster: each once, in order, and not by request', async () => {
  const client = await connect();
  const heard: string[] = [];
  client.on('notification', ({ payload }) => heard.push(payload ?? ''));
  await client.query('LISTEN storm');
  const notifier = await direct(a().url());
  const sent: string[] = [];
  let running = true;
  const storming = (async () => {
    for (let n = 0; running; n++) {
      await notifier.query(`NOTIFY storm, '${n}'`);
      sent.push(String(n));
    }
  })();
  for (let round = 0; round < 25; round++) {
    const before = heard.length;
    await expect.poll(() => heard.length, { timeout: 20_000, interval: 1 }).toBeGreaterThan(before);
    const row = await transfer(yard(), client, round % 2 === 0 ? 'ep-twin' : 'ep-a');
    expect(row).toMatchObject({ outcome: 'success' });
    expect(row.findings.filter(({ code }) => code === 'channel')).toEqual([]);
    // Its own, heard with the process id that it knows itself by.
    if (round % 5 === 0) await client.query('SELECT 1');
  }
  running = false;
  await storming;
  await expect.poll(() => heard.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(sent.length);
  expect(heard).toEqual(sent);
});

test('to another cluster it is said that notifications stay behind', async () => {
  const client = await connect();
  await client.query('LISTEN plain');
  const row = await transfer(yard(), client, 'ep-b');
  expect(row).toMatchObject({ outcome: 'success' });
  expect(row.findings.map(({ code }) => code)).toContain('channel');
});

test('a lock that the target refuses leaves everything as it was', async () => {
  const client = await connect();
  const unmoved = await direct(a().url());
  await client.query(HOLD(500));
  await unmoved.query(HOLD(600));
  const other = await direct(b().url());
  await other.query('SELECT pg_advisory_lock(500, -1)');
  expect(await transfer(yard(), client, 'ep-b', { carry: everything })).toMatchObject({
    outcome: 'refused',
    reason: 'somebody else holds its advisory lock on the target: ExclusiveLock on (500, -1)',
  });
  expect(await serverPort(client)).toBe(a().port);
  expect(await use(client, 500)).toEqual(await use(unmoved, 600));
});

let nextKey = 1_000;

const MOMENTS = [
  ['the temporary tables are made', 'CREATE TEMPORARY TABLE'],
  ['the cursors are made', 'SCROLL CURSOR WITH HOLD'],
  ['the barrier is raised', 'LISTEN "_swy_bar_'],
  ['the barrier is lowered', 'UNLISTEN "_swy_bar_'],
  ['it waits for the lock', 'pg_advisory_lock('],
] as const;

test.each(MOMENTS.flatMap(([moment, text]) => (['close', 'reset', 'silence'] as const).map((fault) => [fault, moment, text] as const)))(
  'a target that strikes (%s) when %s leaves everything as it was',
  async (fault, _, text) => {
    const key = (nextKey += 10);
    const client = await connect();
    const unmoved = await direct(a().url());
    await client.query(HOLD(key));
    await unmoved.query(HOLD(key + 3_000_000));
    const heard: string[] = [];
    client.on('notification', ({ payload }) => heard.push(payload ?? ''));
    await client.query('LISTEN struck');
    const notifier = await direct(a().url());
    const sent: string[] = [];
    let running = true;
    const storming = (async () => {
      for (let n = 0; running; n++) {
        await notifier.query(`NOTIFY struck, '${n}'`);
        sent.push(String(n));
      }
    })();
    relay().arm(fault, text);
    const struck = relay().struck();
    const row = await transfer(yard(), client, 'ep-twin', { carry: everything });
    await struck;
    relay().release();
    expect(row).toMatchObject({ outcome: 'error_recoverable' });
    running = false;
    await storming;
    await expect.poll(() => heard.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(sent.length);
    expect(heard).toEqual(sent);
    await client.query('UNLISTEN struck');
    expect(await use(client, key)).toEqual(await use(unmoved, key + 3_000_000));
    // And it can move when the target is well again.
    expect(await transfer(yard(), client, 'ep-twin', { carry: everything })).toMatchObject({ outcome: 'success' });
    expect(await use(client, key)).toEqual(await use(unmoved, key + 3_000_000));
  },
);

test.each([['close' as const], ['reset' as const]])(
  'an old server that is lost (%s) while it gives up a lock costs nothing: its successor is next',
  async (fault) => {
    const client = await connect(yard().connectionString('ep-twin'));
    await client.query('SELECT pg_advisory_lock(950), pg_advisory_lock(950)');
    const thief = await direct(a().url());
    // First when they are counted.
    relay().arm(fault, 'pg_advisory_unlock(', 2);
    const struck = relay().struck();
    const row = await transfer(yard(), client, 'ep-a', { carry: { advisoryLocks: true } });
    await struck;
    expect(row).toMatchObject({ outcome: 'success' });
    expect(await one(thief, 'SELECT pg_try_advisory_lock(950) AS v')).toBe(false);
    for (const held of [true, true, false]) expect(await one(client, 'SELECT pg_advisory_unlock(950) AS v')).toBe(held);
  },
);

test('a session in transaction mode that is pinned by what it holds takes it along, and is pinned by it there', async () => {
  const { handlers } = yard().switchyard;
  for (const id of ['ep-a', 'ep-b']) await handlers['endpoints.pooling']({ id, mode: 'transaction', profile: 'strict' });
  try {
    const moved = await connect();
    const unmoved = await connect();
    for (const [client, key] of [
      [moved, 960],
      [unmoved, 970],
    ] as const) {
      await client.query(HOLD(key));
      await client.query('SELECT lastval()');
      await client.query({ name: 'into', text: 'INSERT INTO basket (what) VALUES ($1) RETURNING id', values: ['x'] });
    }
    for (const to of ['ep-b', 'ep-a']) {
      expect(await transfer(yard(), moved, to, { carry: everything })).toMatchObject({ outcome: 'success', reason: null });
      expect(await serverPort(moved)).toBe(to === 'ep-a' ? a().port : b().port);
      const id = await sessionId(yard(), moved);
      expect((await yard().sessions()).find((row) => row.id === id)?.pins.map(({ code }) => code)).toContain('advisory_lock');
      expect(await use(moved, 960)).toEqual(await use(unmoved, 970));
    }
  } finally {
    for (const id of ['ep-a', 'ep-b']) await handlers['endpoints.pooling']({ id, mode: 'session', profile: 'strict' });
  }
});

test('a client that leaves in the middle leaves nothing behind', async () => {
  const client = await connect();
  await client.query(HOLD(900));
  relay().arm('silence', 'pg_advisory_lock(');
  const struck = relay().struck();
  const moving = transfer(yard(), client, 'ep-twin', { carry: everything });
  await struck;
  open.splice(open.indexOf(client), 1);
  await client.end();
  relay().release();
  expect(await moving).toMatchObject({ outcome: 'error_recoverable' });
  const watcher = await direct(a().url());
  const left = `SELECT count(*)::int AS v FROM pg_locks WHERE locktype = 'advisory' AND (objid IN (900, 901) OR classid = 900)`;
  await expect.poll(() => one(watcher, left), { timeout: 20_000 }).toBe(0);
  await expect.poll(async () => (await yard().sessions()).length, { timeout: 20_000 }).toBe(0);
});
