/** The test set of postgres-session-state.md section 17, by its numbers: what is refused or fails, and leaves the session unharmed. */
import pg from 'pg';
import { afterEach, expect, test } from 'vitest';
import { parseBackendUrl } from '../../core/endpoints/map.ts';
import { useCluster } from '../support/cluster.ts';
import { move, serverPort, sessionId } from '../support/migration.ts';
import { startRelay } from '../support/relay.ts';
import { bind, execute, fields, parse, rows, sync, WireClient } from '../support/wire-client.ts';
import { useYard } from '../support/yard.ts';

const a = useCluster({ name: 's17-a' });
const b = useCluster({ name: 's17-b' });
const fifteen = useCluster({ name: 's17-15', major: 15 });
const yard = useYard(() => ({
  endpoints: { 'ep-a': a().url(), 'ep-b': b().url(), 'ep-15': fifteen().url() },
}));

const open: { end(): unknown }[] = [];
afterEach(async () => {
  for (const client of open.splice(0)) await client.end();
});

async function connect(endpoint = 'ep-a', database = 'postgres', config: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: yard().connectionString(endpoint, database), ...config });
  await client.connect();
  open.push(client);
  return client;
}

async function run(url: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const sql of statements) await client.query(sql);
  } finally {
    await client.end();
  }
}

/** A database of the same name on both servers. */
async function makeDatabase(name: string): Promise<void> {
  for (const cluster of [a(), b()]) await run(cluster.url(), `CREATE DATABASE ${name}`);
}

async function verdictOf(client: pg.Client, to = 'ep-b'): Promise<{ verdict: string; reason: string | null; codes: string[] }> {
  const { verdicts } = await yard().switchyard.handlers.preflight({ sessionIds: [await sessionId(yard(), client)], to });
  const [found] = verdicts;
  if (found === undefined) throw new Error('there is no verdict');
  return { verdict: found.verdict, reason: found.reason, codes: found.findings.map(({ code }) => code) };
}

test('(5) an enum with another OID on the target keeps the session that uses it, which goes on; another session is warned and moves', async () => {
  await makeDatabase('paint');
  await run(b().url('paint'), `CREATE TYPE first AS ENUM ('x')`);
  for (const cluster of [a(), b()])
    await run(
      cluster.url('paint'),
      `CREATE TYPE colour AS ENUM ('red')`,
      `CREATE TABLE paint (c colour)`,
      `INSERT INTO paint VALUES ('red')`,
    );
  const stranger = await connect('ep-a', 'paint');
  expect((await verdictOf(stranger)).codes).toContain('types_differ');
  expect(await move(yard(), stranger, 'ep-b')).toMatchObject({ outcome: 'success' });
  for (const use of [{ text: 'SELECT c FROM paint' }, { text: 'SELECT 1 FROM paint WHERE c = $1', values: ['red'], name: 'by colour' }]) {
    const client = await connect('ep-a', 'paint');
    await client.query(use);
    const refused = await move(yard(), client, 'ep-b');
    expect(refused).toMatchObject({ outcome: 'refused' });
    expect(refused.reason).toMatch(/^types in use have other OIDs on the target: public\.colour \(\d+ here, .+ there\)$/);
    expect((await client.query(use)).rowCount).toBe(1);
    expect(await serverPort(client)).toBe(a().port);
  }
});

test('(5) a type that only a result has, and that nobody was told of, is found as well, before 16 too', async () => {
  await run(fifteen().url(), `CREATE DATABASE untold`);
  await run(b().url(), `CREATE DATABASE untold`);
  await run(b().url('untold'), `CREATE TYPE first AS ENUM ('x')`);
  for (const cluster of [fifteen(), b()])
    await run(cluster.url('untold'), `CREATE TYPE colour AS ENUM ('red')`, `CREATE TABLE paint (c colour)`);
  const { client } = await WireClient.start(yard().port, { database: 'ep-15/untold', application_name: 'untold' });
  open.push({ end: () => client.destroy() });
  client.write(parse('shades', 'SELECT c FROM paint'), sync);
  await client.until('Z');
  const refused = await move(yard(), 'untold', 'ep-b');
  expect(refused).toMatchObject({ outcome: 'refused', reason: expect.stringContaining('public.colour') as string });
  client.write(bind('', 'shades'), execute(''), sync);
  expect((await client.until('Z')).map(({ type }) => type)).toEqual(['2', 'C', 'Z']);
});

test('(6) a capture that its deadline cancels leaves settings and statements, the unnamed one included, and no cancel behind', async () => {
  await makeDatabase('stuck');
  const { client } = await WireClient.start(yard().port, { database: 'ep-a/stuck', application_name: 'stuck' });
  open.push({ end: () => client.destroy() });
  await client.query(`SET work_mem = '7MB'`);
  client.write(parse('named', 'SELECT 1'), parse('', 'SELECT $1::int + 1'), sync);
  await client.until('Z');
  const id = await sessionId(yard(), 'stuck');
  const moves = { there: await move(yard(), id, 'ep-b'), back: await move(yard(), id, 'ep-a') };
  expect(moves).toMatchObject({ there: { outcome: 'success' }, back: { outcome: 'success' } });
  const blocker = new pg.Client({ connectionString: a().url('stuck') });
  await blocker.connect();
  open.push(blocker);
  for (const table of ['pg_depend', 'pg_type']) {
    await blocker.query(`BEGIN; LOCK TABLE pg_catalog.${table} IN ACCESS EXCLUSIVE MODE`);
    expect(await move(yard(), id, 'ep-b')).toMatchObject({
      outcome: 'error_recoverable',
      reason: expect.stringMatching(/lock timeout|no answer within/) as string,
    });
    await blocker.query('ROLLBACK');
    for (let round = 0; round < 5; round++) {
      client.write(bind('', '', [String(round)]), execute(''), bind('', 'named'), execute(''), sync);
      expect(rows(await client.until('Z'))).toEqual([[String(round + 1)], ['1']]);
    }
  }
  // A simple query, at last: it destroys the unnamed statement.
  expect(rows(await client.query('SHOW work_mem'))).toEqual([['7MB']]);
  expect(rows(await client.query(`SELECT count(*) FROM pg_prepared_statements WHERE name LIKE '\\_swy%'`))).toEqual([['0']]);
  expect(await move(yard(), id, 'ep-b')).toMatchObject({ outcome: 'success' });
});

test.each([
  ['a temporary table', `CREATE TEMP TABLE basket (n int)`, 'it has temporary objects: table pg_temp.basket', 'DROP TABLE basket'],
  ['a cursor WITH HOLD', `DECLARE c CURSOR WITH HOLD FOR SELECT 1`, 'it has cursors WITH HOLD open: c', 'CLOSE c'],
  [
    'a dblink connection',
    `SELECT "Links".dblink_connect('far', 'host=127.0.0.1 dbname=linked user=postgres port=' || current_setting('port'))`,
    'it has dblink connections open: far',
    `SELECT "Links".dblink_disconnect('far')`,
  ],
])('(8) %s keeps a session where it is, with the reason, until it is gone', async (_, make, reason, undo) => {
  for (const cluster of [a(), b()]) {
    const admin = new pg.Client({ connectionString: cluster.url() });
    await admin.connect();
    if ((await admin.query(`SELECT FROM pg_database WHERE datname = 'linked'`)).rowCount === 0) {
      await admin.query('CREATE DATABASE linked');
      await run(cluster.url('linked'), 'CREATE SCHEMA "Links"', 'CREATE EXTENSION dblink SCHEMA "Links"');
    }
    await admin.end();
  }
  const client = await connect('ep-a', 'linked');
  await client.query(make);
  expect(await verdictOf(client)).toMatchObject({ verdict: 'refused', reason });
  expect(await move(yard(), client, 'ep-b')).toMatchObject({ outcome: 'refused', reason });
  expect(await serverPort(client)).toBe(a().port);
  await client.query(undo);
  expect(await move(yard(), client, 'ep-b')).toMatchObject({ outcome: 'success' });
});

test('a library that a session has loaded is told: its settings go along, it does not', async () => {
  const client = await connect();
  await client.query(`LOAD 'auto_explain'; SET auto_explain.log_min_duration = '9h'`);
  const { verdict, codes } = await verdictOf(client);
  expect(verdict).toBe('ready');
  expect(codes).toContain('library');
  expect(await move(yard(), client, 'ep-b')).toMatchObject({ outcome: 'success' });
  expect((await client.query('SHOW auto_explain.log_min_duration')).rows).toEqual([{ 'auto_explain.log_min_duration': '9h' }]);
  await client.query(`LOAD 'auto_explain'`);
  expect((await client.query('SHOW auto_explain.log_min_duration')).rows).toEqual([{ 'auto_explain.log_min_duration': '9h' }]);
});

test('(9) a target that is lost between the restore and the swap costs the client nothing', async () => {
  const relay = await startRelay(b().port);
  yard().switchyard.addEndpoint({ id: 'ep-relay', ...parseBackendUrl(`postgresql://postgres@127.0.0.1:${relay.port}/postgres`) });
  const client = await connect();
  open.push({ end: () => relay.close() });
  await client.query(`SET app.mine = 'kept'`);
  const statement = { name: 'lost on the way', text: 'SELECT 42 AS n' };
  await client.query(statement);
  for (const fault of ['close', 'reset'] as const) {
    // The statement passes once, on its way to the target: the restore is under way then, the swap is not.
    relay.arm(fault, 'lost on the way');
    expect(await move(yard(), client, 'ep-relay')).toMatchObject({ outcome: 'error_recoverable' });
    await relay.struck();
    relay.release();
    expect((await client.query(statement)).rows).toEqual([{ n: 42 }]);
    expect((await client.query('SHOW app.mine')).rows).toEqual([{ 'app.mine': 'kept' }]);
    expect(await serverPort(client)).toBe(a().port);
  }
  expect(await move(yard(), client, 'ep-relay')).toMatchObject({ outcome: 'success' });
  expect((await client.query(statement)).rows).toEqual([{ n: 42 }]);
});

test('(13) a session that may not look at pg_locks stays, goes on, and has nothing of the look left on it', async () => {
  await makeDatabase('shut');
  await run(a().url('shut'), 'REVOKE ALL ON pg_catalog.pg_locks FROM public');
  for (const cluster of [a(), b()]) await run(cluster.url(), 'CREATE ROLE nobody_much LOGIN');
  for (const [id, cluster] of [
    ['ep-shut-a', a()],
    ['ep-shut-b', b()],
  ] as const)
    yard().switchyard.addEndpoint({ id, ...parseBackendUrl(cluster.url('shut', 'nobody_much')) });
  const { client } = await WireClient.start(yard().port, { user: 'nobody_much', database: 'ep-shut-a/shut', application_name: 'shut' });
  open.push({ end: () => client.destroy() });
  for (let round = 0; round < 3; round++) {
    expect(await move(yard(), 'shut', 'ep-shut-b')).toMatchObject({
      outcome: 'error_recoverable',
      reason: expect.stringContaining(`the server refused to show the session's state: permission denied for view pg_locks`) as string,
    });
    for (const name of ['_swy_state', '_swy_guard']) {
      client.write(bind('', name), sync);
      expect((await client.until('Z')).map(({ type }) => type)).toEqual(['E', 'Z']);
    }
    expect(rows(await client.query('SELECT 1'))).toEqual([['1']]);
  }
});

test.each([
  ['another name', 'ALTER TABLE shaped RENAME t TO title', 'the name of its result column 2 ("t" here, "title" there)'],
  ['another length', 'ALTER TABLE shaped ALTER t TYPE varchar(50)', 'the length or precision of its result column "t"'],
  ['another type', 'ALTER TABLE shaped ALTER t TYPE text', 'the type of its result column "t"'],
  ['one more', 'ALTER TABLE shaped ADD extra int', 'its number of result columns (2 here, 3 there)'],
  [
    'columns in another order',
    'ALTER TABLE shaped DROP n; ALTER TABLE shaped ADD n int',
    'the name of its result column 1 ("n" here, "t" there)',
  ],
])('(14) a table with %s on the target keeps the session whose statement would mean something else', async (what, change, words) => {
  const database = `shape_${what.replaceAll(' ', '_')}`;
  await makeDatabase(database);
  for (const cluster of [a(), b()]) await run(cluster.url(database), 'CREATE TABLE shaped (n int, t varchar(20))');
  await run(b().url(database), change);
  const untouched = await connect('ep-a', database);
  expect(await move(yard(), untouched, 'ep-b')).toMatchObject({ outcome: 'success' });
  const client = await connect('ep-a', database);
  const statement = { name: 'wide', text: 'SELECT * FROM shaped WHERE n = $1', values: [1] };
  await client.query(statement);
  await client.query('PREPARE plain AS SELECT 1');
  const reason = `prepared statement "wide" means something else on the target: ${words}`;
  expect(await move(yard(), client, 'ep-b')).toMatchObject({ outcome: 'refused', reason });
  expect((await client.query(statement)).rows).toEqual([]);
  await client.query('DEALLOCATE wide');
  expect(await move(yard(), client, 'ep-b')).toMatchObject({ outcome: 'success' });
});

test('(14) the unnamed statement is compared as well', async () => {
  await makeDatabase('unnamed_shape');
  for (const cluster of [a(), b()]) await run(cluster.url('unnamed_shape'), 'CREATE TABLE shaped (n int, t varchar(20))');
  await run(b().url('unnamed_shape'), 'ALTER TABLE shaped ALTER t TYPE varchar(9)');
  const { client } = await WireClient.start(yard().port, { database: 'ep-a/unnamed_shape', application_name: 'unnamed shape' });
  open.push({ end: () => client.destroy() });
  client.write(parse('', 'SELECT t FROM shaped'), sync);
  await client.until('Z');
  expect(await move(yard(), 'unnamed shape', 'ep-b')).toMatchObject({
    outcome: 'refused',
    reason: 'its unnamed statement means something else on the target: the length or precision of its result column "t"',
  });
  client.write(bind('', ''), execute(''), sync);
  expect((await client.until('Z')).map(({ type }) => type)).toEqual(['2', 'C', 'Z']);
});

test('(14) a statement whose table is gone here is a reason of its own; it ends when the statement does', async () => {
  await makeDatabase('gone');
  for (const cluster of [a(), b()]) await run(cluster.url('gone'), 'CREATE TABLE fleeting (n int)');
  const { client } = await WireClient.start(yard().port, { database: 'ep-a/gone', application_name: 'gone' });
  open.push({ end: () => client.destroy() });
  client.write(parse('late', 'SELECT * FROM fleeting'), parse('fine', 'SELECT 1'), sync);
  await client.until('Z');
  await client.query('DROP TABLE fleeting');
  const refused = await move(yard(), 'gone', 'ep-b');
  expect(refused).toMatchObject({
    outcome: 'refused',
    reason: 'prepared statement "late" cannot be used where it is either: relation "fleeting" does not exist (42P01)',
  });
  client.write(bind('', 'late'), execute(''), sync);
  const [error] = await client.until('Z');
  expect(fields(error ?? { type: 'E', body: Buffer.alloc(0) }).C).toBe('42P01');
  await client.query('DEALLOCATE late');
  expect(await move(yard(), 'gone', 'ep-b')).toMatchObject({ outcome: 'success' });
});
