/** The preflight in the whole: what it tells of a session before a move, and what the move makes of it. */
import pg from 'pg';
import { afterEach, expect, test } from 'vitest';
import { parseBackendUrl } from '../../core/endpoints/map.ts';
import { useCluster } from '../support/cluster.ts';
import { move, sessionId, transfer } from '../support/migration.ts';
import { findPgBouncer, startPgBouncer } from '../support/pgbouncer.ts';
import { startRelay } from '../support/relay.ts';
import { bind, execute, parse, rows, sync, WireClient } from '../support/wire-client.ts';
import { useYard } from '../support/yard.ts';

const a = useCluster({ name: 'preflight-a' });
const b = useCluster({ name: 'preflight-b' });
const yard = useYard(() => ({ endpoints: { 'ep-a': a().url(), 'ep-b': b().url() } }));

const open: { end(): unknown }[] = [];
afterEach(async () => {
  for (const client of open.splice(0)) await client.end();
});

async function connect(endpoint = 'ep-a', database = 'postgres'): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: yard().connectionString(endpoint, database) });
  await client.connect();
  open.push(client);
  return client;
}

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

async function verdictOf(client: pg.Client | string, to: string): ReturnType<typeof verdicts> {
  return await verdicts(await sessionId(yard(), client), to);
}

async function verdicts(
  id: number,
  to: string,
): Promise<{ verdict: string; reason: string | null; findings: { level: string; code: string; message: string }[] }> {
  const [found] = (await yard().switchyard.handlers.preflight({ sessionIds: [id], to })).verdicts;
  if (found === undefined) throw new Error('there is no verdict');
  return found;
}

test('custom settings that only functions, policies and views speak of are carried', async () => {
  await onBoth('postgres', 'CREATE DATABASE tenants');
  await onBoth(
    'tenants',
    `CREATE FUNCTION enter(who text) RETURNS text LANGUAGE sql AS $$ SELECT set_config('tenant.user', who, false) $$`,
    `CREATE FUNCTION choose(name text, value text) RETURNS text LANGUAGE sql AS $$ SELECT set_config(name, value, false) $$`,
    `CREATE FUNCTION place() RETURNS void LANGUAGE plpgsql AS $$ BEGIN SET tenant.place = 'inside'; END $$`,
    `CREATE TABLE thing (owner text DEFAULT current_setting('tenant.default_owner', true))`,
    `CREATE POLICY mine ON thing USING (owner = current_setting('tenant.policy'))`,
    `CREATE VIEW here AS SELECT current_setting('tenant.view', true) AS v`,
  );
  const client = await connect('ep-a', 'tenants');
  await client.query(`SELECT enter('bob'), place()`);
  for (const part of ['default_owner', 'policy', 'view']) await client.query(`SELECT choose($1, $2)`, [`tenant.${part}`, part]);
  const { findings } = await verdictOf(client, 'ep-b');
  expect(findings.find(({ code }) => code === 'custom_settings')?.message).toBe(
    'functions set custom settings by names that only their callers know: choose',
  );
  expect(await move(yard(), client, 'ep-b')).toMatchObject({ outcome: 'success' });
  const names = ['user', 'place', 'default_owner', 'policy', 'view'];
  const shown = await client.query(
    `SELECT ${names.map((name) => `current_setting('tenant.${name}', true) AS ${name === 'user' ? '"user"' : name}`).join(', ')}`,
  );
  expect(shown.rows).toEqual([{ user: 'bob', place: 'inside', default_owner: 'default_owner', policy: 'policy', view: 'view' }]);
});

test('every verdict says what was not checked, and what is not the same by nature', async () => {
  const client = await connect();
  const idle = await verdictOf(client, 'ep-b');
  expect(idle).toMatchObject({ verdict: 'ready', reason: null });
  await client.query('BEGIN');
  const busy = await verdictOf(client, 'ep-b');
  expect(busy).toMatchObject({ verdict: 'waits', reason: expect.stringContaining('transaction') as string });
  for (const { findings } of [idle, busy]) {
    const infos = findings.filter(({ level }) => level === 'info').map(({ code }) => code);
    expect(infos).toEqual(expect.arrayContaining(['not_checked', 'not_equal']));
  }
  expect(idle.findings.find(({ code }) => code === 'not_checked')?.message).toMatch(
    /random seed.*PL\/Perl.*dblink.*base backup.*custom settings/,
  );
  await client.query('COMMIT');
});

test('another database of the same server is the same server, and no more is compared than has to be', async () => {
  await run(a().url(), 'CREATE DATABASE beside');
  yard().switchyard.addEndpoint({ id: 'ep-beside', ...parseBackendUrl(a().url('beside')) });
  const client = await connect();
  const { verdict, findings } = await verdictOf(client, 'ep-beside');
  expect(verdict).toBe('ready');
  expect(findings.map(({ code }) => code)).toContain('same_server');
  expect(await move(yard(), client, 'ep-beside')).toMatchObject({ outcome: 'success' });
  expect((await client.query('SELECT current_database() AS d')).rows).toEqual([{ d: 'beside' }]);
});

test('in transaction mode defaults that differ are set, and it is said that RESET loses them', async () => {
  await onBoth('postgres', 'CREATE ROLE shared LOGIN', 'GRANT CREATE ON SCHEMA public TO shared');
  await run(a().url(), `ALTER ROLE shared SET search_path = special`, `ALTER ROLE shared SET statement_timeout = '33s'`);
  for (const [id, cluster] of [
    ['ep-shared-a', a()],
    ['ep-shared-b', b()],
  ] as const) {
    yard().switchyard.addEndpoint({ id, ...parseBackendUrl(cluster.url('postgres', 'shared')) });
    await yard().switchyard.handlers['endpoints.pooling']({ id, mode: 'transaction', profile: 'strict' });
  }
  const client = await connect('ep-shared-a');
  expect((await client.query('SHOW search_path')).rows).toEqual([{ search_path: 'special' }]);
  const { findings } = await verdictOf(client, 'ep-shared-b');
  const said = (code: string): string | undefined => findings.find((finding) => finding.code === code)?.message;
  expect(said('defaults_kept')).toMatch(/but only until RESET or DISCARD ALL: search_path \(special here, "\$user", public there\)$/);
  expect(said('defaults')).toMatch(/statement_timeout \(33000 here, 0 there\)/);
  expect(await move(yard(), client, 'ep-shared-b')).toMatchObject({ outcome: 'success' });
  expect((await client.query('SHOW search_path')).rows).toEqual([{ search_path: 'special' }]);
});

const pgBouncer = findPgBouncer();
test.skipIf(pgBouncer === null).each(['session', 'transaction'] as const)(
  'a PgBouncer (%s mode) in between is found on either side, and refused',
  async (mode) => {
    const pooler = await startPgBouncer(pgBouncer ?? '', b().port, mode);
    const id = `ep-bouncer-${mode}`;
    yard().switchyard.addEndpoint({ id, ...parseBackendUrl(`postgresql://postgres@127.0.0.1:${pooler.port}/postgres`) });
    try {
      const stays = await connect();
      expect(await move(yard(), stays, id)).toMatchObject({
        outcome: 'refused',
        reason: 'a pooler stands between Switchyard and the target: another process answers than the one that greeted',
      });
      expect((await stays.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }]);
      const behind = await connect(id);
      await behind.query('SELECT 1');
      expect(await verdictOf(behind, 'ep-a')).toMatchObject({
        verdict: 'refused',
        reason: 'a pooler stands between Switchyard and the server it is on: another process answers than the one that greeted',
      });
      expect((await behind.query('SELECT 2 AS n')).rows).toEqual([{ n: 2 }]);
    } finally {
      for (const client of open.splice(0)) await client.end();
      await pooler.stop();
    }
  },
);

test.each([
  ['means the same there', 'SELECT t FROM shaped', 'success', null],
  [
    'means something else there',
    'SELECT n FROM shaped',
    'refused',
    'its unnamed statement means something else on the target: the type of its result column "n"',
  ],
  [
    'cannot be parsed there',
    'SELECT only_here FROM shaped',
    'refused',
    expect.stringContaining('column "only_here" does not exist') as string,
  ],
])('an unnamed statement that comes between two looks and %s', async (what, text, outcome, reason) => {
  const database = `second_look_${outcome}_${text.length}`;
  await onBoth('postgres', `CREATE DATABASE ${database}`);
  await run(a().url(database), 'CREATE TABLE shaped (n int, t text, only_here int)', `INSERT INTO shaped VALUES (1, 'x', 2)`);
  await run(b().url(database), 'CREATE TABLE shaped (n bigint, t text)', `INSERT INTO shaped VALUES (1, 'x')`);
  const relay = await startRelay(b().port);
  yard().switchyard.addEndpoint({ id: `ep-${database}`, ...parseBackendUrl(`postgresql://postgres@127.0.0.1:${relay.port}/${database}`) });
  const { client } = await WireClient.start(yard().port, { database: `ep-a/${database}`, application_name: what });
  open.push({ end: () => client.destroy() }, { end: () => relay.close() });
  client.write(parse('marker of the restore', 'SELECT 1'), sync);
  await client.until('Z');
  // The restore waits on its way to the target, and the client is served by its old server meanwhile.
  relay.arm('silence', 'marker of the restore');
  const moved = transfer(yard(), what, `ep-${database}`, { mode: 'two-phase' });
  await relay.struck();
  client.write(parse('', text), sync);
  await client.until('Z');
  relay.release();
  expect(await moved).toMatchObject({ outcome, reason });
  client.write(bind('', ''), execute(''), sync);
  expect(rows(await client.until('Z'))).toHaveLength(1);
});
