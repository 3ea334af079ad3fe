/** What the preflight learns from real servers of every version, and what it makes of the differences between two of them. */
import pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { loginFor } from '../../core/backend/login.ts';
import type { Finding } from '../../core/contract/index.ts';
import { parseBackendUrl } from '../../core/endpoints/map.ts';
import { compareDefaults, compareFacts, compareShapes } from '../../core/migration/preflight/compare.ts';
import { isSameServer } from '../../core/migration/preflight/facts.ts';
import { ServerBook, type KnownPostgres } from '../../core/migration/preflight/server-book.ts';
import { installedMajors, useCluster, type Major } from '../support/cluster.ts';

const majors = installedMajors();
const clusters = new Map(majors.map((major) => [major, useCluster({ major, name: 'facts' })] as const));
const twin = useCluster({ name: 'facts-twin' });

const SCHEMA = `CREATE SCHEMA shop; CREATE TYPE shop.colour AS ENUM ('red', 'green');
  CREATE TABLE shop.item (id bigint NOT NULL, price numeric(12, 2), paint shop.colour, tags text[]);
  CREATE VIEW shop.cheap AS SELECT id, current_setting('shop.limit') AS l FROM shop.item;
  CREATE FUNCTION shop.enter(who text) RETURNS text LANGUAGE sql AS $$ SELECT set_config('shop.user_id', who, false) $$;
  CREATE FUNCTION shop.leave() RETURNS void LANGUAGE plpgsql AS $$ BEGIN SET shop.place = 'outside'; END $$;`;

function url(major: Major, database = 'postgres', user = 'postgres'): string {
  const cluster = clusters.get(major);
  if (cluster === undefined) throw new Error(`PostgreSQL ${major} is not installed`);
  return cluster().url(database, user);
}

async function run(address: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: address });
  await client.connect();
  try {
    for (const sql of statements) await client.query(sql);
  } finally {
    await client.end();
  }
}

async function known(address: string): Promise<KnownPostgres> {
  const spec = { id: 'ep', ...parseBackendUrl(address) };
  const found = await new ServerBook(null).look(loginFor(spec, spec.user, spec.database, new Map()));
  if (found.kind !== 'postgres') throw new Error('that is no PostgreSQL');
  return found;
}

function levels(findings: readonly Finding[]): Record<string, string> {
  return Object.fromEntries(findings.map(({ code, level }) => [code, level]));
}

const strict = { allowOlderServer: false };
const none = { client: new Map<string, string>(), present: new Map<string, string>() };

beforeAll(async () => {
  for (const major of majors) await run(url(major), 'CREATE DATABASE shop');
  await run(twin().url(), 'CREATE DATABASE shop');
  for (const address of [...majors.map((major) => url(major, 'shop')), twin().url('shop')]) await run(address, SCHEMA);
});

describe.each(majors.flatMap((from) => majors.map((to) => [from, to] as const)))('from PostgreSQL %i to %i', (from, to) => {
  test('only the version speaks of itself', async () => {
    const [here, there] = [await known(url(from, 'shop')), await known(url(to, 'shop'))];
    const found = levels(compareFacts(here.facts, there.facts, strict));
    const expected = from === to ? { same_server: 'info' } : from < to ? { newer_server: 'warn' } : { older_server: 'block' };
    expect(found).toEqual(expected);
    expect(levels(compareFacts(here.facts, there.facts, { allowOlderServer: true }))).toEqual(
      from > to ? { older_server: 'warn' } : expected,
    );
    expect(here.shape?.columns).toEqual(there.shape?.columns);
    expect(here.shape?.functions).toEqual(there.shape?.functions);
    const defaults = compareDefaults(here.facts, there.facts, none, 'startup');
    expect(defaults.filter(({ level }) => level === 'warn')).toEqual([]);
  });
});

test.each(majors)('PostgreSQL %i tells the custom settings that its functions and views speak of', async (major) => {
  const { shape } = await known(url(major, 'shop'));
  expect(shape?.customNames.toSorted()).toEqual(['shop.limit', 'shop.place', 'shop.user_id']);
});

test('two servers are the same one only if they are: an equal one, started alike, is not', async () => {
  const [a, b] = [await known(url(18)), await known(twin().url())];
  expect(isSameServer(a.facts, b.facts)).toBe(false);
  expect(isSameServer(a.facts, (await known(url(18, 'shop'))).facts)).toBe(true);
});

test('another table, function and type are told, each at its level', async () => {
  await run(
    twin().url('shop'),
    `ALTER TABLE shop.item ADD extra int`,
    `CREATE TYPE shop.size AS ENUM ('s')`,
    `CREATE OR REPLACE FUNCTION shop.leave() RETURNS void LANGUAGE sql AS ''`,
  );
  const [a, b] = [await known(url(18, 'shop')), await known(twin().url('shop'))];
  expect(levels(compareShapes(a.shape, b.shape))).toEqual({ types_differ: 'warn', schema_differs: 'warn', functions_differ: 'info' });
  expect(levels(compareShapes(a.shape, null))).toEqual({ shape_unknown: 'info' });
});

test('defaults of a role: what statements mean something by is kept, the rest is said', async () => {
  await run(url(18), `CREATE ROLE keeper LOGIN`, `ALTER ROLE keeper SET search_path = shop`, `ALTER ROLE keeper SET work_mem = '9MB'`);
  await run(url(18), `ALTER ROLE keeper SET statement_timeout = '7s'`, `ALTER ROLE keeper SET app.tenant = 'blue'`);
  await run(twin().url(), `CREATE ROLE keeper LOGIN`);
  const [a, b] = [await known(url(18, 'postgres', 'keeper')), await known(twin().url('postgres', 'keeper'))];
  const findings = compareDefaults(a.facts, b.facts, none, 'startup');
  expect(findings).toEqual([
    {
      level: 'info',
      code: 'defaults_kept',
      hint: null,
      message:
        'defaults that differ are kept as they are here: search_path (shop here, "$user", public there), statement_timeout (7000 here, 0 there), app.tenant (blue here, not set there)',
    },
    {
      level: 'warn',
      code: 'defaults',
      hint: null,
      message: 'a role or database has been given other defaults on the target: work_mem (9216 here, 4096 there)',
    },
  ]);
  // What the client has given itself has no default; what was pinned once stays.
  const client = new Map([
    ['options', '-c search-path=x'],
    ['STATEMENT_TIMEOUT', '1'],
  ]);
  const again = compareDefaults(a.facts, b.facts, { client, present: new Map([...client, ['app.tenant', 'red']]) }, 'setting');
  expect(again.map(({ level, code }) => [level, code])).toEqual([['warn', 'defaults']]);
  expect(again[0]?.message).toMatch(/: work_mem \(9216 here, 4096 there\), app\.tenant \(red here, not set there\)$/);
  // Where server connections are shared it is set, and lost with RESET.
  const shared = compareDefaults(a.facts, b.facts, none, 'setting');
  expect(shared[0]).toMatchObject({
    level: 'warn',
    message:
      'defaults that differ are kept as they are here, but only until RESET or DISCARD ALL: search_path (shop here, "$user", public there)',
  });
});

test('extensions that are missing, older, or keep data of a session', async () => {
  await run(url(18, 'shop'), 'CREATE EXTENSION dblink', 'CREATE EXTENSION hstore VERSION "1.7"');
  await run(twin().url('shop'), 'CREATE EXTENSION hstore');
  const [a, b] = [await known(url(18, 'shop')), await known(twin().url('shop'))];
  const findings = compareFacts(a.facts, b.facts, strict);
  expect(findings.map(({ level, message }) => `${level}: ${message}`)).toEqual([
    'warn: the target lacks extensions: dblink',
    'warn: extensions have other versions on the target: hstore (1.7 here, 1.8 there)',
    'warn: dblink can keep data of a session that nobody can see: what they keep is not carried',
  ]);
});

test('a full target, a role with fewer rights, a login event trigger, prepared transactions and a read-only target', async () => {
  await run(url(18), `CREATE ROLE boss`, `CREATE ROLE clerk LOGIN IN ROLE boss`);
  await run(twin().url(), `CREATE ROLE clerk LOGIN CONNECTION LIMIT 2`, `ALTER ROLE clerk SET default_transaction_read_only = on`);
  await run(
    twin().url(),
    `CREATE FUNCTION greet() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$`,
    `CREATE EVENT TRIGGER greeting ON login EXECUTE FUNCTION greet()`,
  );
  const guest = new pg.Client({ connectionString: twin().url('postgres', 'clerk') });
  await guest.connect();
  try {
    const [a, b] = [await known(url(18, 'postgres', 'clerk')), await known(twin().url('postgres', 'clerk'))];
    expect(levels(compareFacts(a.facts, b.facts, strict))).toEqual({
      read_only: 'block',
      no_slots: 'block',
      memberships: 'warn',
      login_trigger: 'warn',
    });
  } finally {
    await guest.end();
  }
});

test('what no test server can be made to be: a standby, a pooler, another encoding and collation', async () => {
  const { facts } = await known(url(18));
  const standby = { ...facts, inRecovery: true };
  expect(levels(compareFacts(facts, standby, strict))).toEqual({ standby: 'block', same_server: 'info' });
  expect(levels(compareFacts(standby, facts, strict))).toEqual({ leaves_standby: 'warn', same_server: 'info' });
  expect(levels(compareFacts(standby, standby, strict))).toEqual({ same_server: 'info' });
  const pooled = compareFacts(facts, { ...facts, isPooled: true }, strict);
  expect(pooled[0]).toMatchObject({ level: 'block', code: 'pooler_between', message: expect.stringContaining('the target') as string });
  const other = { ...facts, locale: { ...facts.locale, encoding: 'LATIN1', version: '2.1' } };
  const found = compareFacts({ ...facts, locale: { ...facts.locale, version: '2.0' } }, other, strict);
  expect(found.map(({ level, message }) => `${level}: ${message}`).slice(0, 2)).toEqual([
    "block: the database's encoding differs: UTF8 here, LATIN1 there",
    'warn: the collation version differs: 2.0 here, 2.1 there',
  ]);
  expect(levels(compareFacts({ ...facts, preparedTransactions: 2 }, { ...facts, systemId: 'another' }, strict))).toEqual({
    prepared_transactions: 'warn',
  });
});

test('a look at a server leaves no connection behind', async () => {
  const client = new pg.Client({ connectionString: url(18) });
  await client.connect();
  try {
    await known(url(18));
    const left = async (): Promise<number | undefined> => {
      const sql = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'switchyard'`;
      return (await client.query<{ n: number }>(sql)).rows[0]?.n;
    };
    await expect.poll(left).toBe(0);
  } finally {
    await client.end();
  }
});
