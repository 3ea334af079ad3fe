/**
 * The test set of postgres-session-state.md section 17, by its numbers: what is captured and restored. What is refused and what fails
 * is in `section-17-refusals.test.ts`; (7), notifications exactly once inside one cluster, in `carry-listen.test.ts`; (10), the rescue of a
 * session whose old server dies, in `migration-tamper.test.ts`.
 */
import pg from 'pg';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { move, serverPort, sessionId } from '../support/migration.ts';
import {
  bind,
  describeStatement,
  execute,
  message,
  cstring,
  int16,
  parse,
  rows,
  startup,
  sync,
  WireClient,
} from '../support/wire-client.ts';
import { useYard } from '../support/yard.ts';

const a = useCluster({ name: 's17-a' });
const b = useCluster({ name: 's17-b' });
const yard = useYard(() => ({
  endpoints: Object.fromEntries(
    [a(), b()].map((cluster, index) => [`ep-${'ab'[index]}`, `postgresql://127.0.0.1:${cluster.port}/postgres`] as const),
  ),
}));

const open: { end(): unknown }[] = [];
afterEach(async () => {
  for (const client of open.splice(0)) await client.end();
});

async function connect(config: pg.ClientConfig = {}, database = 'postgres'): Promise<pg.Client> {
  const { host, port } = yard();
  const client = new pg.Client({ host, port, user: 'postgres', database: `ep-a/${database}`, ...config });
  await client.connect();
  open.push(client);
  return client;
}

/** The same statements on both servers. */
async function onBoth(database: string, ...statements: string[]): Promise<void> {
  for (const cluster of [a(), b()]) await run(cluster.url(database), ...statements);
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

beforeAll(async () => {
  await onBoth('postgres', 'CREATE TABLE side_effect (n int)');
});

test('(1) a session whose search_path holds false operators, types, views and functions is captured as it is', async () => {
  await onBoth(
    'postgres',
    `CREATE SCHEMA evil`,
    `CREATE FUNCTION evil.never(text, text) RETURNS bool LANGUAGE sql AS 'SELECT false'`,
    `CREATE FUNCTION evil.never(name, name) RETURNS bool LANGUAGE sql AS 'SELECT false'`,
    `CREATE FUNCTION evil.never(oid, oid) RETURNS bool LANGUAGE sql AS 'SELECT false'`,
    ...['text', 'name', 'oid'].flatMap((type) =>
      ['=', '<>', '>='].map((name) => `CREATE OPERATOR evil.${name} (LEFTARG = ${type}, RIGHTARG = ${type}, FUNCTION = evil.never)`),
    ),
    `CREATE DOMAIN evil.text AS pg_catalog.int4`,
    `CREATE DOMAIN evil.oid AS pg_catalog.int4`,
    `CREATE VIEW evil.pg_settings AS SELECT 'work_mem'::pg_catalog.text AS name, 'fooled'::pg_catalog.text AS setting`,
    `CREATE VIEW evil.pg_prepared_statements AS SELECT 'fooled'::pg_catalog.text AS name`,
    `CREATE FUNCTION evil.current_setting(pg_catalog.text) RETURNS pg_catalog.text LANGUAGE sql AS 'SELECT ''fooled''::pg_catalog.text'`,
    `CREATE FUNCTION evil.json_agg(pg_catalog.text) RETURNS pg_catalog.text LANGUAGE sql AS 'SELECT ''fooled''::pg_catalog.text'`,
    `CREATE FUNCTION evil.md5(pg_catalog.text) RETURNS pg_catalog.text LANGUAGE sql AS 'SELECT ''fooled''::pg_catalog.text'`,
  );
  const client = await connect();
  await client.query(`SET app.x = 'one'; SET work_mem = '7MB'`);
  await client.query({ name: 'kept', text: 'SELECT $1::pg_catalog.int4 AS n', values: [1] });
  await client.query(`SET search_path = evil, pg_catalog, public`);
  for (const to of ['ep-b', 'ep-a', 'ep-b']) expect(await move(yard(), client, to)).toMatchObject({ outcome: 'success' });
  const show = `SELECT pg_catalog.current_setting('search_path') AS path, pg_catalog.current_setting('app.x') AS x, pg_catalog.current_setting('work_mem') AS mem`;
  expect((await client.query(show)).rows).toEqual([{ path: 'evil, pg_catalog, public', x: 'one', mem: '7MB' }]);
  expect((await client.query({ name: 'kept', text: 'SELECT $1::pg_catalog.int4 AS n', values: [2] })).rows).toEqual([{ n: 2 }]);
});

test('(2) a driver that parses in one cycle and binds in the next finds its unnamed statement through a hundred moves', async () => {
  const { client } = await WireClient.start(yard().port, { database: 'ep-a/postgres', application_name: 'two-cycle' });
  open.push({ end: () => client.destroy() });
  const id = await sessionId(yard(), 'two-cycle');
  for (let round = 0; round < 100; round++) {
    client.write(parse('', `SELECT $1::int + ${round}, inet_server_port()`), describeStatement(''), sync);
    await client.until('Z');
    expect(await move(yard(), id, round % 2 === 0 ? 'ep-b' : 'ep-a')).toMatchObject({ outcome: 'success' });
    client.write(bind('', '', ['1']), execute(''), sync);
    const port = round % 2 === 0 ? b().port : a().port;
    expect(rows(await client.until('Z'))).toEqual([[String(round + 1), String(port)]]);
  }
});

/** Another value for every setting that the session may change, as far as the server takes one. */
const CHANGE_ALL = `DO $$ DECLARE s record; v text; BEGIN
  FOR s IN SELECT name, setting, vartype, enumvals, min_val, max_val, unit FROM pg_settings WHERE context IN ('user', 'superuser')
    AND name NOT IN ('role', 'session_authorization', 'transaction_isolation', 'transaction_read_only', 'transaction_deferrable', 'is_superuser',
      'client_encoding', 'default_transaction_read_only', 'session_preload_libraries', 'local_preload_libraries', 'dynamic_library_path',
      'jit_provider', 'default_tablespace', 'temp_tablespaces', 'default_table_access_method', 'log_statement', 'debug_print_parse', 'debug_print_rewritten',
      'debug_print_plan', 'zero_damaged_pages', 'ignore_system_indexes', 'ignore_checksum_failure', 'exit_on_error', 'trace_sort', 'event_triggers',
      'statement_timeout', 'lock_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'backtrace_functions',
      'log_min_messages', 'log_min_error_statement', 'client_min_messages', 'session_replication_role', 'allow_system_table_mods', 'quote_all_identifiers')
  LOOP
    CONTINUE WHEN s.name LIKE 'log\\_%' OR s.name LIKE 'debug\\_%' OR s.name LIKE 'wal\\_%';
    v := CASE s.vartype
      WHEN 'bool' THEN CASE s.setting WHEN 'on' THEN 'off' ELSE 'on' END
      WHEN 'enum' THEN (SELECT e FROM unnest(s.enumvals) e WHERE e <> s.setting LIMIT 1)
      WHEN 'integer' THEN CASE WHEN s.setting::int8 + 1 <= s.max_val::int8 THEN (s.setting::int8 + 1) ELSE (s.setting::int8 - 1) END::text
      WHEN 'real' THEN CASE WHEN s.setting::float8 + 0.5 <= s.max_val::float8 THEN s.setting::float8 + 0.5 ELSE s.setting::float8 / 2 END::text
      ELSE NULL END;
    BEGIN IF v IS NOT NULL THEN PERFORM set_config(s.name, v, false); END IF; EXCEPTION WHEN OTHERS THEN NULL; END;
  END LOOP; END $$`;
const STRINGS = `SET search_path = evil, "A b", public; SET DateStyle = 'SQL, DMY'; SET TimeZone = '<-02:30>+02:30'; SET application_name = 'n''"\\ame';
  SET default_text_search_config = 'pg_catalog.english'; SET lc_monetary = 'C.UTF-8'; SET statement_timeout = '50s'; SET lock_timeout = 12345; SET client_encoding = 'LATIN1';
  SET default_table_access_method = heap; SET client_min_messages = 'error'; SET restrict_nonsystem_relation_kind = 'foreign-table'`;

test('(3) over a hundred and twenty settings move at once, and DISCARD ALL returns to the same afterwards', async () => {
  const settings = `SELECT name, setting, source FROM pg_settings WHERE context IN ('user', 'superuser') AND name NOT LIKE 'transaction%' ORDER BY name`;
  const all = async (client: pg.Client): Promise<Map<string, string>> =>
    new Map(
      (await client.query<{ name: string; setting: string; source: string }>(settings)).rows.map((row) => [
        row.name,
        `${row.setting} (${row.source})`,
      ]),
    );
  const client = await connect({ application_name: 'settings', options: '-c work_mem=5MB -c app.start=begin' });
  // Its library has settings of its own, which are there once it is loaded.
  const load = `DO $$ BEGIN NULL; END $$`;
  await client.query(load);
  const atStart = await all(client);
  await client.query(CHANGE_ALL);
  await client.query(STRINGS);
  const before = await all(client);
  const changed = [...before].filter(([, value]) => value.endsWith('(session)'));
  expect(changed.length).toBeGreaterThan(120);
  expect(await move(yard(), client, 'ep-b')).toMatchObject({ outcome: 'success', reason: null });
  expect(await serverPort(client)).toBe(b().port);
  await client.query(load);
  expect([...(await all(client))]).toEqual([...before]);
  await client.query('DISCARD ALL');
  expect([...(await all(client))]).toEqual([...atStart]);
  expect((await client.query('SHOW app.start')).rows).toEqual([{ 'app.start': 'begin' }]);
});

test('(4) a statement prepared among neighbours with side effects is prepared again without them', async () => {
  const client = await connect();
  await client.query(
    `INSERT INTO side_effect VALUES (1); PREPARE one AS SELECT ';' AS v; INSERT INTO side_effect VALUES (2); /* ; */ PREPARE "two"(int) AS SELECT $1 AS v -- ;`,
  );
  expect(await move(yard(), client, 'ep-b')).toMatchObject({ outcome: 'success' });
  expect((await client.query('SELECT count(*)::int AS n FROM side_effect')).rows).toEqual([{ n: 0 }]);
  expect((await client.query('EXECUTE one')).rows).toEqual([{ v: ';' }]);
  expect((await client.query('EXECUTE two(5)')).rows).toEqual([{ v: 5 }]);
});

test('(11) a LATIN1 and an SQL_ASCII database move byte for byte, whatever the client encodes in', async () => {
  const strange = Buffer.from([0xe9, 0x20, 0xdf]);
  for (const [database, encoding, clientEncoding] of [
    ['latin', 'LATIN1', 'LATIN1'],
    ['latin', 'LATIN1', 'UTF8'],
    ['bytes', 'SQL_ASCII', 'SQL_ASCII'],
  ] as const) {
    const isThere = `SELECT FROM pg_database WHERE datname = '${database}'`;
    for (const cluster of [a(), b()]) {
      const admin = new pg.Client({ connectionString: cluster.url() });
      await admin.connect();
      if ((await admin.query(isThere)).rowCount === 0)
        await admin.query(`CREATE DATABASE ${database} ENCODING '${encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`);
      await admin.end();
    }
    const text = clientEncoding === 'UTF8' ? Buffer.from('é ß') : strange;
    const socket = await WireClient.open(yard().port);
    open.push({ end: () => socket.destroy() });
    const application = `${database} ${clientEncoding}`;
    socket.write(
      startup({ user: 'postgres', database: `ep-a/${database}`, application_name: application, client_encoding: clientEncoding }),
    );
    await socket.until('Z');
    const zero = Buffer.from([0]);
    const named = Buffer.concat([Buffer.from('s'), text, zero]);
    socket.write(message('P', named, Buffer.from(`SELECT '`), text, Buffer.from(`' AS "`), text, Buffer.from(`"\0`), int16(0)), sync);
    socket.write(message('Q', Buffer.from(`SET app.v = '`), text, Buffer.from(`'\0`)));
    await socket.until('Z');
    const answer = await socket.until('Z');
    expect(answer.map(({ type }) => type)).toEqual(['C', 'Z']);
    expect(await move(yard(), application, 'ep-b')).toMatchObject({ outcome: 'success', reason: null });
    socket.write(message('D', Buffer.from('S'), named), message('B', zero, named, int16(0), int16(0), int16(0)), execute(''), sync);
    const found = await socket.until('Z');
    expect(found.map(({ type }) => type)).toEqual(['t', 'T', '2', 'D', 'C', 'Z']);
    expect(found.find(({ type }) => type === 'D')?.body.subarray(6)).toEqual(text);
    expect(found.find(({ type }) => type === 'T')?.body.subarray(2, 2 + text.length)).toEqual(text);
    socket.write(message('Q', cstring('SHOW app.v')));
    expect((await socket.until('Z')).find(({ type }) => type === 'D')?.body.subarray(6)).toEqual(text);
  }
});

test('(12) defaults that a role has on the old server only are kept, by RESET and DISCARD ALL as well, and back again', async () => {
  await onBoth('postgres', 'CREATE ROLE settled LOGIN');
  const given = {
    search_path: 'special',
    DateStyle: 'SQL, DMY',
    statement_timeout: '33s',
    lock_timeout: '4s',
    TimeZone: 'Asia/Tokyo',
    work_mem: '9MB',
  };
  for (const [name, value] of Object.entries({ ...given, 'app.tenant': 'blue' }))
    await run(a().url(), `ALTER ROLE settled SET ${name} = '${value}'`);
  await run(b().url(), `ALTER ROLE settled SET search_path = other`);
  const client = await connect({ user: 'settled' });
  const shown = async (): Promise<unknown> =>
    (
      await client.query(
        `SELECT ${[...Object.keys(given), 'app.tenant'].map((name) => `current_setting('${name}', true) AS "${name}"`).join(', ')}`,
      )
    ).rows[0];
  const kept = { ...given, 'app.tenant': 'blue', work_mem: '4MB' };
  await client.query(`SET statement_timeout = '44s'; SET app.tenant = 'red'`);
  const { verdicts } = await yard().switchyard.handlers.preflight({ sessionIds: [await sessionId(yard(), client)], to: 'ep-b' });
  const said = (code: string): string | undefined => verdicts[0]?.findings.find((finding) => finding.code === code)?.message;
  expect(said('defaults')).toBe('a role or database has been given other defaults on the target: work_mem (9216 here, 4096 there)');
  expect(said('defaults_kept')).toMatch(/^defaults that differ are kept as they are here: .*search_path \(special here, other there\)/);
  expect(await move(yard(), client, 'ep-b')).toMatchObject({ outcome: 'success' });
  expect(await shown()).toEqual({ ...kept, statement_timeout: '44s', 'app.tenant': 'red' });
  await client.query('RESET ALL');
  expect(await shown()).toEqual(kept);
  await client.query('SET search_path = x');
  await client.query('DISCARD ALL');
  expect(await shown()).toEqual(kept);
  expect(await move(yard(), client, 'ep-a')).toMatchObject({ outcome: 'success' });
  await client.query('DISCARD ALL');
  expect(await shown()).toEqual({ ...given, 'app.tenant': 'blue' });
});

test('(12) what a client gives itself at its startup is no default, and stays', async () => {
  await onBoth('postgres', 'CREATE ROLE chooser LOGIN');
  await run(a().url(), `ALTER ROLE chooser SET search_path = special`, `ALTER ROLE chooser SET statement_timeout = '33s'`);
  const client = await connect({ user: 'chooser', options: '-c search_path=mine --statement-timeout=5s' });
  expect(await move(yard(), client, 'ep-b')).toMatchObject({ outcome: 'success' });
  await client.query('DISCARD ALL');
  expect((await client.query('SHOW search_path')).rows).toEqual([{ search_path: 'mine' }]);
  expect((await client.query('SHOW statement_timeout')).rows).toEqual([{ statement_timeout: '5s' }]);
});
