/** What does not move, and how that is said: the object by its name, the session unharmed, the counters right. */
import pg from 'pg';
import { afterEach, expect, test } from 'vitest';
import { parseBackendUrl } from '../../core/endpoints/map.ts';
import { useCluster } from '../support/cluster.ts';
import { move, sessionId } from '../support/migration.ts';
import { useYard } from '../support/yard.ts';

const a = useCluster({ name: 'a' });
const b = useCluster({ name: 'b' });
const fifteen = useCluster({ major: 15, name: 'a' });
const yard = useYard(() => ({ endpoints: { 'ep-a': a().url(), 'ep-b': b().url(), 'ep-15': fifteen().url() } }));

const open: pg.Client[] = [];
afterEach(async () => {
  for (const client of open.splice(0)) await client.end();
});

async function connect(endpoint = 'ep-a', database = 'postgres'): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: yard().connectionString(endpoint, database) });
  await client.connect();
  open.push(client);
  return client;
}

async function run(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(sql);
  await client.end();
}

test.each([
  [
    'a temporary table',
    `CREATE TEMP TABLE "My basket" (n int)`,
    `it has temporary objects: table pg_temp."My basket"`,
    `DROP TABLE "My basket"`,
  ],
  ['a temporary view', `CREATE TEMP VIEW glance AS SELECT 1`, 'it has temporary objects: view pg_temp.glance', 'DROP VIEW glance'],
  [
    'a temporary function',
    `CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
    'it has temporary objects: function pg_temp.f()',
    'DROP FUNCTION pg_temp.f()',
  ],
  [
    'a cursor WITH HOLD',
    `DECLARE "the cursor" CURSOR WITH HOLD FOR SELECT 1`,
    'it has cursors WITH HOLD open: the cursor',
    `CLOSE "the cursor"`,
  ],
  [
    'an advisory lock',
    `SELECT pg_advisory_lock(-42)`,
    'it holds session advisory locks: ExclusiveLock on -42',
    `SELECT pg_advisory_unlock(-42)`,
  ],
  [
    'a shared advisory lock with two keys',
    `SELECT pg_advisory_lock_shared(1, -2)`,
    'it holds session advisory locks: ShareLock on (1, -2)',
    `SELECT pg_advisory_unlock_shared(1, -2)`,
  ],
])('%s keeps a session where it is, by name, and lets it go when it is gone', async (_, make, reason, undo) => {
  const client = await connect();
  await client.query(make);
  const before = (await yard().snapshot()).counters;
  expect(await move(yard(), client, 'ep-b')).toMatchObject({ outcome: 'refused', reason });
  const after = (await yard().snapshot()).counters;
  expect(after).toMatchObject({ attempted: before.attempted, refused: before.refused + 1 });
  const id = await sessionId(yard(), client);
  const { verdicts } = await yard().switchyard.handlers.preflight({ sessionIds: [id], to: 'ep-b' });
  expect(verdicts).toMatchObject([{ verdict: 'refused', reason }]);
  await client.query(undo);
  expect(await move(yard(), client, 'ep-b')).toMatchObject({ outcome: 'success' });
});

test('types in use whose OIDs differ are refused by name, types with equal OIDs are not', async () => {
  await run(a().url(), `CREATE DATABASE typed`);
  await run(b().url(), `CREATE DATABASE typed`);
  // One more type on the second server: every later OID differs.
  await run(b().url('typed'), `CREATE TYPE first AS ENUM ('x')`);
  for (const cluster of [a(), b()]) await run(cluster.url('typed'), `CREATE TYPE colour AS ENUM ('red'); CREATE TABLE paint (c colour)`);
  const untouched = await connect('ep-a', 'typed');
  await untouched.query('SELECT 1');
  expect(await move(yard(), untouched, 'ep-b')).toMatchObject({ outcome: 'success' });
  const reader = await connect('ep-a', 'typed');
  await reader.query('SELECT c FROM paint');
  const refusal = await move(yard(), reader, 'ep-b');
  expect(refusal).toMatchObject({ outcome: 'refused' });
  expect(refusal.reason).toMatch(/^types in use have other OIDs on the target: public\.colour \(\d+ here, .+ there\)$/);
  expect((await reader.query('SELECT count(*)::int AS n FROM paint')).rows).toEqual([{ n: 0 }]);
  const preparer = await connect('ep-a', 'typed');
  await preparer.query({ name: 'p', text: 'SELECT 1 FROM paint WHERE c = $1', values: ['red'] });
  expect(await move(yard(), preparer, 'ep-b')).toMatchObject({
    outcome: 'refused',
    reason: expect.stringContaining('public.colour') as string,
  });
});

test('an older server is refused unless allowed, a newer one is not', async () => {
  expect(await move(yard(), await connect('ep-a'), 'ep-15')).toMatchObject({
    outcome: 'refused',
    reason: 'the target is an older server (15, the session is on 18)',
  });
  expect(await move(yard(), await connect('ep-15'), 'ep-a')).toMatchObject({ outcome: 'success' });
});

test('a database with another encoding or collation is refused', async () => {
  await run(a().url(), `CREATE DATABASE other ENCODING 'UTF8' TEMPLATE template0`);
  await run(b().url(), `CREATE DATABASE other ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`);
  expect(await move(yard(), await connect('ep-a', 'other'), 'ep-b')).toMatchObject({
    outcome: 'refused',
    reason: expect.stringContaining("the database's encoding differs: UTF8 here, LATIN1 there") as string,
  });
});

test('the same server, another role, a read-only target, an unknown endpoint and a session under way are told apart', async () => {
  const client = await connect();
  expect(await move(yard(), client, 'ep-a')).toMatchObject({ outcome: 'refused', reason: `it is already on 127.0.0.1:${a().port}` });
  await run(
    b().url(),
    `CREATE ROLE somebody LOGIN SUPERUSER; CREATE ROLE careful LOGIN; ALTER ROLE careful SET default_transaction_read_only = on`,
  );
  await run(a().url(), `CREATE ROLE careful LOGIN`);
  yard().switchyard.addEndpoint({ id: 'ep-somebody', ...parseBackendUrl(b().url('postgres', 'somebody')) });
  expect(await move(yard(), client, 'ep-somebody')).toMatchObject({
    outcome: 'refused',
    reason: 'it runs as role "postgres", and endpoint ep-somebody logs in as "somebody"',
  });
  yard().switchyard.addEndpoint({ id: 'ep-careful-a', ...parseBackendUrl(a().url('postgres', 'careful')) });
  yard().switchyard.addEndpoint({ id: 'ep-careful-b', ...parseBackendUrl(b().url('postgres', 'careful')) });
  expect(await move(yard(), await connect('ep-careful-a'), 'ep-careful-b')).toMatchObject({
    outcome: 'refused',
    reason: 'transactions on the target are read only by default',
  });
  await expect(move(yard(), client, 'ep-nowhere')).rejects.toThrow(/there is no endpoint "ep-nowhere"/i);
  await expect(move(yard(), 999_999, 'ep-b')).rejects.toThrow(/there is no client 999999/i);
  await client.query('BEGIN');
  const first = move(yard(), client, 'ep-b');
  await expect.poll(async () => (await yard().sessions()).find((row) => row.transfer !== null)?.transfer?.phase).toBe('armed');
  expect(await move(yard(), client, 'ep-b')).toMatchObject({ outcome: 'refused', reason: 'it is already being moved to ep-b' });
  await client.query('COMMIT');
  expect(await first).toMatchObject({ outcome: 'success' });
});

test('an extension, table or setting that only the old server has is a reason, not a surprise', async () => {
  await run(a().url(), `CREATE TABLE only_here (n int)`);
  const client = await connect();
  await client.query({ name: 'here', text: 'SELECT * FROM only_here' });
  expect(await move(yard(), client, 'ep-b')).toMatchObject({
    outcome: 'refused',
    reason: 'the target cannot take over prepared statement "here": relation "only_here" does not exist (42P01)',
  });
  expect((await client.query({ name: 'here', text: 'SELECT * FROM only_here' })).rows).toEqual([]);
});

test('a statement whose result has another shape on the target stays', async () => {
  await run(a().url(), `CREATE TABLE shape (n int)`);
  await run(b().url(), `CREATE TABLE shape (n text)`);
  const client = await connect();
  await client.query({ name: 'shape', text: 'SELECT * FROM shape' });
  expect(await move(yard(), client, 'ep-b')).toMatchObject({
    outcome: 'refused',
    reason: 'prepared statement "shape" means something else on the target: the type of its result column "n"',
  });
});
