/** What a plain PostgreSQL session takes along when it moves: compared, wherever that is possible, with what it was before. */
import pg from 'pg';
import { afterEach, describe, expect, test } from 'vitest';
import { parseBackendUrl } from '../../core/endpoints/map.ts';
import { useCluster } from '../support/cluster.ts';
import { move, serverPort } from '../support/migration.ts';
import { useYard } from '../support/yard.ts';
import {
  bind,
  columns,
  describeStatement,
  execute,
  message,
  cstring,
  int16,
  int32,
  parse,
  rows,
  startup,
  sync,
  WireClient,
} from '../support/wire-client.ts';

const a = useCluster({ name: 'a' });
const b = useCluster({ name: 'b' });
const sixteen = useCluster({ major: 16, name: 'a' });
const fifteen = useCluster({ major: 15, name: 'a' });
const yard = useYard(() => ({
  endpoints: { 'ep-a': a().url(), 'ep-b': b().url(), 'ep-16': sixteen().url(), 'ep-15': fifteen().url() },
  options: { allowOlderServer: true },
}));

const open: { end(): unknown }[] = [];
afterEach(async () => {
  for (const client of open.splice(0)) await client.end();
});

async function connect(endpoint: string, config: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: yard().connectionString(endpoint), ...config });
  await client.connect();
  open.push(client);
  return client;
}

async function one<T>(client: pg.Client, sql: string): Promise<T> {
  return (await client.query<{ v: T }>(sql)).rows[0]?.v as T;
}

/** Everything pg_settings tells about the session's own settings. */
const SETTINGS = `SELECT json_agg(json_build_array(name, setting) ORDER BY name) AS v FROM pg_settings
  WHERE source = 'session' AND name <> 'transaction_isolation'`;

describe.each([
  ['18 to 18', 'ep-a', 'ep-b'],
  ['18 to 16', 'ep-a', 'ep-16'],
  ['16 to 18', 'ep-16', 'ep-b'],
  ['15 to 18', 'ep-15', 'ep-a'],
  ['16 to 15', 'ep-16', 'ep-15'],
])('a session that moves from %s', (_, from, to) => {
  test('keeps its settings, custom ones included, and what RESET returns to', async () => {
    const client = await connect(from, { application_name: 'it\'s "mine"', options: `-c work_mem=5MB -c app.start=begin` });
    await client.query(
      `SET search_path = "$user", 'My Schema', public; SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'; SET statement_timeout = '41s'`,
    );
    await client.query(`SELECT set_config('app.user_id', $1, false), set_config($2, 'bound', false)`, [
      `o'clock "x" \\ {a,b}`,
      'App.Bound',
    ]);
    await client.query(`SET app.start = 'changed'; SET lock_timeout = 7; SET extra_float_digits = 0; SET client_min_messages = 'error'`);
    const before = await one(client, SETTINGS);
    expect(await move(yard(), client, to)).toMatchObject({ outcome: 'success' });
    expect(await one(client, SETTINGS)).toEqual(before);
    const shown = async (name: string): Promise<string> => one(client, `SELECT current_setting('${name}') AS v`);
    expect(await shown('app.user_id')).toBe(`o'clock "x" \\ {a,b}`);
    expect(await shown('app.bound')).toBe('bound');
    expect(await shown('app.start')).toBe('changed');
    expect(await shown('statement_timeout')).toBe('41s');
    await client.query('RESET ALL');
    expect(await shown('app.start')).toBe('begin');
    expect(await shown('work_mem')).toBe('5MB');
    expect(await shown('application_name')).toBe('it\'s "mine"');
    expect(await shown('TimeZone')).not.toBe('Asia/Tokyo');
  });

  test('keeps its prepared statements, of the protocol and of SQL', async () => {
    const client = await connect(from);
    const named = { name: 'by protocol', text: 'SELECT $1::int + 1 AS v', values: [41] };
    await client.query(named);
    await client.query('PREPARE "By SQL"(numeric, text) AS SELECT $1 * 2 AS v, $2 AS w');
    const list = `SELECT json_agg(json_build_array(name, statement, from_sql, parameter_types::text[]) ORDER BY name) AS v FROM pg_prepared_statements`;
    const before = await one(client, list);
    expect(await move(yard(), client, to)).toMatchObject({ outcome: 'success' });
    expect(await one(client, list)).toEqual(before);
    expect((await client.query(named)).rows).toEqual([{ v: 42 }]);
    expect((await client.query(`EXECUTE "By SQL"(21, 'x')`)).rows).toEqual([{ v: '42', w: 'x' }]);
  });

  test('keeps role and session authorization', async () => {
    for (const cluster of [a(), b(), sixteen(), fifteen()]) {
      const admin = new pg.Client({ connectionString: cluster.url() });
      await admin.connect();
      await admin.query(
        `DO $$ BEGIN CREATE ROLE worker; EXCEPTION WHEN duplicate_object THEN END $$; DO $$ BEGIN CREATE ROLE clerk; EXCEPTION WHEN duplicate_object THEN END $$; GRANT worker TO clerk`,
      );
      await admin.end();
    }
    const client = await connect(from);
    await client.query('SET SESSION AUTHORIZATION clerk; SET ROLE worker');
    expect(await move(yard(), client, to)).toMatchObject({ outcome: 'success' });
    expect((await client.query('SELECT session_user, current_user')).rows).toEqual([{ session_user: 'clerk', current_user: 'worker' }]);
    await client.query('RESET ROLE; RESET SESSION AUTHORIZATION');
    expect((await client.query('SELECT session_user, current_user')).rows).toEqual([
      { session_user: 'postgres', current_user: 'postgres' },
    ]);
  });
});

test('a statement prepared in a string with side effects is prepared again without them', async () => {
  for (const cluster of [a(), b()]) {
    const admin = new pg.Client({ connectionString: cluster.url() });
    await admin.connect();
    await admin.query('CREATE TABLE IF NOT EXISTS side_effect (n int)');
    await admin.end();
  }
  const client = await connect('ep-a');
  await client.query(
    `INSERT INTO side_effect VALUES (1); PREPARE one AS SELECT ';' AS v; INSERT INTO side_effect VALUES (2); PREPARE two AS SELECT 'two' AS v`,
  );
  expect(await move(yard(), client, 'ep-b')).toMatchObject({ outcome: 'success' });
  expect(await one(client, 'SELECT count(*)::int AS v FROM side_effect')).toBe(0);
  expect((await client.query('EXECUTE one')).rows).toEqual([{ v: ';' }]);
  expect((await client.query('EXECUTE two')).rows).toEqual([{ v: 'two' }]);
});

test('the unnamed statement survives a hundred moves between its Parse and its Bind', async () => {
  const { client } = await WireClient.start(yard().port, { options: 'endpoint=ep-a', application_name: 'two-cycle' });
  open.push({ end: () => client.destroy() });
  const id = (await yard().sessions()).find((session) => session.application === 'two-cycle')?.id ?? 0;
  for (let round = 0; round < 100; round++) {
    client.write(parse('', `SELECT $1::int + ${round}`), describeStatement(''), sync);
    await client.until('Z');
    expect(await move(yard(), id, round % 2 === 0 ? 'ep-b' : 'ep-a')).toMatchObject({ outcome: 'success' });
    client.write(bind('', '', ['1000']), execute(''), sync);
    expect(rows(await client.until('Z'))).toEqual([[String(1000 + round)]]);
  }
});

test('an unnamed statement whose Parse failed is not invented on the new server', async () => {
  const { client } = await WireClient.start(yard().port, { options: 'endpoint=ep-a', application_name: 'failed-parse' });
  open.push({ end: () => client.destroy() });
  client.write(parse('', 'SELEC 1'), sync);
  await client.until('Z');
  expect(await move(yard(), 'failed-parse', 'ep-b')).toMatchObject({ outcome: 'success' });
  client.write(bind('', ''), execute(''), sync);
  expect((await client.until('Z')).map((answer) => answer.type)).toEqual(['E', 'Z']);
});

test('LISTEN goes along, and a notification of its own still carries the process id the client knows', async () => {
  const client = await connect('ep-a');
  await client.query('LISTEN plain; LISTEN "Strange; ""channel"""');
  expect(await move(yard(), client, 'ep-b')).toMatchObject({ outcome: 'success' });
  const heard = new Promise<pg.Notification[]>((resolve) => {
    const all: pg.Notification[] = [];
    client.on('notification', (notification) => all.push(notification) === 2 && resolve(all));
  });
  const other = new pg.Client({ connectionString: b().url() });
  await other.connect();
  await client.query(`NOTIFY plain, 'own'`);
  await other.query(`NOTIFY "Strange; ""channel""", 'theirs'`);
  await client.query('SELECT 1');
  const [own, theirs] = await heard;
  await other.end();
  expect(own).toMatchObject({ channel: 'plain', payload: 'own', processId: (client as unknown as { processID: number }).processID });
  expect(theirs).toMatchObject({ channel: 'Strange; "channel"', payload: 'theirs' });
  expect(theirs?.processId).not.toBe(own?.processId);
});

test('a client in another encoding keeps it, with statements that need it', async () => {
  const { client } = await WireClient.start(yard().port, {
    options: 'endpoint=ep-a',
    application_name: 'latin',
    client_encoding: 'LATIN1',
  });
  open.push({ end: () => client.destroy() });
  const latin1 = (text: string): Buffer => Buffer.from(`${text}\0`, 'latin1');
  client.write(message('P', latin1('größe'), latin1(`SELECT 'Käse'`), int16(0)), sync);
  await client.until('Z');
  client.write(message('P', latin1(''), latin1(`SELECT 'Öl'`), int16(0)), sync);
  await client.until('Z');
  expect(await move(yard(), 'latin', 'ep-b')).toMatchObject({ outcome: 'success' });
  const run = async (statement: string): Promise<string | undefined> => {
    client.write(message('B', cstring(''), latin1(statement), int16(0), int16(0), int16(0)), message('E', cstring(''), int32(0)), sync);
    return (await client.until('Z')).find((answer) => answer.type === 'D')?.body.toString('latin1', 6);
  };
  expect(await run('')).toBe('Öl');
  expect(await run('größe')).toBe('Käse');
});

test('a database without an encoding moves byte for byte', async () => {
  for (const cluster of [a(), b()]) {
    const admin = new pg.Client({ connectionString: cluster.url() });
    await admin.connect();
    await admin.query(`CREATE DATABASE bytes ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`);
    await admin.end();
  }
  const socket = await WireClient.open(yard().port);
  open.push({ end: () => socket.destroy() });
  socket.write(startup({ user: 'postgres', database: 'ep-a/bytes', application_name: 'bytes' }));
  await socket.until('Z');
  const strange = Buffer.from([0x53, 0x45, 0x4c, 0x45, 0x43, 0x54, 0x20, 0x27, 0xff, 0xc3, 0x27, 0]);
  socket.write(message('P', cstring('odd'), strange, int16(0)), sync);
  await socket.until('Z');
  expect(await move(yard(), 'bytes', 'ep-b')).toMatchObject({ outcome: 'success' });
  socket.write(bind('', 'odd'), execute(''), sync);
  expect((await socket.until('Z')).find((answer) => answer.type === 'D')?.body.subarray(6)).toEqual(Buffer.from([0xff, 0xc3]));
});

test('a hostile search_path neither fools the capture nor stays behind', async () => {
  const client = await connect('ep-a');
  const hostile = `CREATE SCHEMA IF NOT EXISTS evil; CREATE TABLE IF NOT EXISTS evil.pg_settings (name text);
    CREATE OR REPLACE FUNCTION evil.never(text, text) RETURNS bool LANGUAGE sql AS 'SELECT false';
    DO $$ BEGIN CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.never); EXCEPTION WHEN duplicate_function THEN END $$;
    CREATE OR REPLACE FUNCTION evil.json_agg(text) RETURNS text LANGUAGE sql AS 'SELECT ''fooled''::text'`;
  await client.query(hostile);
  const other = new pg.Client({ connectionString: b().url() });
  await other.connect();
  await other.query(hostile);
  await other.end();
  await client.query('SET search_path = evil, pg_catalog, public; SET app.x = 1');
  expect(await move(yard(), client, 'ep-b')).toMatchObject({ outcome: 'success' });
  expect((await client.query('SHOW search_path')).rows).toEqual([{ search_path: 'evil, pg_catalog, public' }]);
  expect((await client.query('SHOW app.x')).rows).toEqual([{ 'app.x': '1' }]);
});

test('what the role of the old server gave by default is kept where the new one gives something else', async () => {
  const admin = new pg.Client({ connectionString: a().url() });
  await admin.connect();
  await admin.query(
    `DO $$ BEGIN CREATE ROLE wanderer LOGIN; EXCEPTION WHEN duplicate_object THEN END $$; ALTER ROLE wanderer SET search_path = special; ALTER ROLE wanderer SET DateStyle = 'SQL, DMY'`,
  );
  await admin.end();
  const there = new pg.Client({ connectionString: b().url() });
  await there.connect();
  await there.query(`DO $$ BEGIN CREATE ROLE wanderer LOGIN; EXCEPTION WHEN duplicate_object THEN END $$`);
  await there.end();
  yard().switchyard.addEndpoint({ id: 'ep-wa', ...parseBackendUrl(a().url('postgres', 'wanderer')) });
  yard().switchyard.addEndpoint({ id: 'ep-wb', ...parseBackendUrl(b().url('postgres', 'wanderer')) });
  const client = await connect('ep-wa', { user: 'wanderer' });
  expect(await move(yard(), client, 'ep-wb')).toMatchObject({ outcome: 'success' });
  expect((await client.query('SHOW search_path')).rows).toEqual([{ search_path: 'special' }]);
  expect((await client.query('SHOW DateStyle')).rows).toEqual([{ DateStyle: 'SQL, DMY' }]);
});

test('ParameterStatus tells the client what is different on the new server, and nothing else', async () => {
  const { client } = await WireClient.start(yard().port, { options: 'endpoint=ep-a', application_name: 'status' });
  open.push({ end: () => client.destroy() });
  await client.query(`SET TimeZone = 'Asia/Tokyo'`);
  expect(await move(yard(), 'status', 'ep-16')).toMatchObject({ outcome: 'success' });
  const answers = await client.query('SHOW server_version');
  const told = answers.filter((answer) => answer.type === 'S').map((answer) => answer.body.toString('latin1').split('\0')[0]);
  expect(told).toEqual(['server_version']);
  expect(columns(answers.find((answer) => answer.type === 'D') ?? { type: 'D', body: Buffer.from([0, 0]) })[0]).toMatch(/^16\./);
});

test('a session keeps its identity and its server shows another process', async () => {
  const client = await connect('ep-a');
  const port = await serverPort(client);
  const row = await move(yard(), client, 'ep-b');
  expect(row).toMatchObject({
    outcome: 'success',
    reason: null,
    from_backend: `127.0.0.1:${a().port}`,
    to_backend: `127.0.0.1:${b().port}`,
  });
  // Its client sent nothing meanwhile, and was not held.
  expect(Number(row.pause_ms)).toBe(0);
  expect(await serverPort(client)).not.toBe(port);
  const { log } = await yard().snapshot();
  expect(log.filter((entry) => entry.code === 'migrated' && entry.sessionId === Number(row.id))).toHaveLength(1);
});
