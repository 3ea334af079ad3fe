/**
 * What PgBouncer documents as never working in transaction mode (SET and RESET, LISTEN, cursors WITH HOLD, PREPARE and DEALLOCATE,
 * temporary tables that keep or delete their rows, LOAD, session advisory locks), and what belongs to it: each works here, with another
 * client on the same and only server connection in between. Either the state is carried: the other client is served at once, and sees
 * nothing of it. Or it pins: the other client waits, is seen to, and is served once the state is gone.
 */
import pg from 'pg';
import { afterEach, describe, expect, test } from 'vitest';
import type { SessionRow } from '../../core/contract/index.ts';
import { useCluster } from '../support/cluster.ts';
import { useYard } from '../support/yard.ts';

const server = useCluster({ name: 'a' });
const fifteen = useCluster({ major: 15, name: 'a' });

/** An item of the table. All statements are single queries, whose first column of the first row counts. */
interface Item {
  readonly what: string;
  /** What the client does. */
  readonly make: readonly string[];
  /** What it asks afterwards, and what it hears. */
  readonly ask: string;
  readonly hears: unknown;
  /** What another client hears to the same question, or the SQLSTATE of its error. */
  readonly other: unknown;
  /** The code of the pin; null: it is carried. */
  readonly pin: string | null;
  /** Ends the pin; null: nothing but leaving does. */
  readonly end?: string | null;
}

const COUNT_LOCKS = `SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()`;

const TABLE: readonly Item[] = [
  { what: 'SET', make: [`SET work_mem = '7MB'`], ask: 'SHOW work_mem', hears: '7MB', other: '4MB', pin: null },
  {
    what: 'SET of a literal’s meaning',
    make: [`SET DateStyle = 'SQL, DMY'`],
    ask: `SELECT ('01/02/2024'::date)::text`,
    hears: '01/02/2024',
    other: '2024-01-02',
    pin: null,
  },
  {
    what: 'SET of a custom setting',
    make: [`SET app.tenant = 'acme'`],
    ask: `SELECT current_setting('app.tenant', true)`,
    hears: 'acme',
    other: null,
    pin: null,
  },
  {
    what: 'set_config',
    make: [`SELECT set_config('search_path', 'pg_catalog', false)`],
    ask: 'SHOW search_path',
    hears: 'pg_catalog',
    other: '"$user", public',
    pin: null,
  },
  {
    what: 'SET SESSION CHARACTERISTICS',
    make: ['SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY'],
    ask: 'SHOW default_transaction_read_only',
    hears: 'on',
    other: 'off',
    pin: null,
  },
  { what: 'RESET', make: [`SET work_mem = '7MB'`, 'RESET work_mem'], ask: 'SHOW work_mem', hears: '4MB', other: '4MB', pin: null },
  {
    what: 'RESET ALL',
    make: [`SET work_mem = '7MB'`, `SET application_name = 'other'`, 'RESET ALL'],
    ask: 'SHOW application_name',
    hears: 'never',
    other: 'never',
    pin: null,
  },
  {
    what: 'SET that was rolled back',
    make: ['BEGIN', `SET work_mem = '7MB'`, 'ROLLBACK'],
    ask: 'SHOW work_mem',
    hears: '4MB',
    other: '4MB',
    pin: null,
  },
  { what: 'SET ROLE', make: ['SET ROLE pg_monitor'], ask: 'SELECT current_user::text', hears: 'pg_monitor', other: 'postgres', pin: null },
  { what: 'PREPARE', make: ['PREPARE mine AS SELECT 42 AS n'], ask: 'EXECUTE mine', hears: 42, other: '26000', pin: null },
  {
    what: 'DEALLOCATE',
    make: ['PREPARE mine AS SELECT 42 AS n', 'PREPARE kept AS SELECT 43 AS n', 'DEALLOCATE mine'],
    ask: 'EXECUTE kept',
    hears: 43,
    other: '26000',
    pin: null,
  },
  {
    what: 'DISCARD ALL',
    make: [`SET work_mem = '7MB'`, 'PREPARE mine AS SELECT 42 AS n', 'DISCARD ALL'],
    ask: 'SHOW work_mem',
    hears: '4MB',
    other: '4MB',
    pin: null,
  },
  {
    what: 'LISTEN',
    make: ['LISTEN news'],
    ask: 'SELECT pg_listening_channels()',
    hears: 'news',
    other: undefined,
    pin: 'listen',
    end: 'UNLISTEN *',
  },
  {
    what: 'a cursor WITH HOLD',
    make: ['DECLARE held CURSOR WITH HOLD FOR SELECT n FROM generate_series(1, 3) n', 'FETCH 1 FROM held'],
    ask: 'FETCH 1 FROM held',
    hears: 2,
    other: '34000',
    pin: 'held_cursor',
    end: 'CLOSE held',
  },
  {
    what: 'a temporary table that keeps its rows',
    make: ['CREATE TEMP TABLE basket(n int) ON COMMIT PRESERVE ROWS', 'INSERT INTO basket VALUES (5)'],
    ask: 'SELECT n FROM basket',
    hears: 5,
    other: '42P01',
    pin: 'temp_object',
    end: 'DROP TABLE basket',
  },
  {
    what: 'a temporary table that deletes its rows',
    make: ['CREATE TEMP TABLE basket(n int) ON COMMIT DELETE ROWS', 'INSERT INTO basket VALUES (5)'],
    ask: 'SELECT count(*)::int FROM basket',
    hears: 0,
    other: '42P01',
    pin: 'temp_object',
    end: 'DISCARD TEMP',
  },
  {
    what: 'a temporary table made within a function',
    make: [`DO $$ BEGIN EXECUTE 'CREATE TEMP TABLE basket AS SELECT 6 AS n'; END $$`],
    ask: 'SELECT n FROM basket',
    hears: 6,
    other: '42P01',
    pin: 'temp_object',
    end: 'DROP TABLE basket',
  },
  { what: 'LOAD', make: [`LOAD 'plpgsql'`], ask: 'SELECT 1', hears: 1, other: 1, pin: 'library_or_seed', end: null },
  {
    what: 'a session advisory lock',
    make: ['SELECT pg_advisory_lock(77)'],
    ask: COUNT_LOCKS,
    hears: 1,
    other: 0,
    pin: 'advisory_lock',
    end: 'SELECT pg_advisory_unlock(77)',
  },
  {
    what: 'a session advisory lock taken in a function',
    make: [`DO $$ BEGIN PERFORM pg_advisory_lock_shared(78); END $$`],
    ask: COUNT_LOCKS,
    hears: 1,
    other: 0,
    pin: 'advisory_lock',
    end: 'SELECT pg_advisory_unlock_all()',
  },
  {
    what: 'currval',
    make: [`SELECT nextval('public.numbers')`, `SELECT setval('public.numbers', 70)`],
    ask: `SELECT currval('public.numbers')::int`,
    hears: 70,
    other: '55000',
    pin: 'sequence',
    end: 'DISCARD SEQUENCES',
  },
  { what: 'setseed', make: ['SELECT setseed(0.25)'], ask: 'SELECT 1', hears: 1, other: 1, pin: 'library_or_seed', end: null },
];

const open: pg.Client[] = [];
afterEach(async () => {
  for (const client of open.splice(0)) await client.end();
});

describe.each([
  ['PostgreSQL 18', server],
  ['PostgreSQL 15', fifteen],
] as const)('%s', (_, cluster) => {
  const yard = useYard(() => ({
    endpoints: { 'ep-a': cluster().url() },
    options: { settings: { pooling: { mode: 'transaction', size: 1 } } },
  }));

  async function connect(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: yard().connectionString('ep-a'), application_name: 'never' });
    await client.connect();
    open.push(client);
    return client;
  }

  /** The sessions in the order they came. */
  async function row(index: number): Promise<SessionRow> {
    const found = (await yard().sessions()).toSorted((one, other) => one.id - other.id)[index];
    if (found === undefined) throw new Error(`there is no session ${index}`);
    return found;
  }

  test.each(TABLE)('$what', async ({ make, ask, hears, other, pin, end }) => {
    const client = await connect();
    const beside = await connect();
    await client.query('CREATE SEQUENCE IF NOT EXISTS public.numbers');
    await client.query('DISCARD ALL');
    for (const sql of make) await client.query(sql);
    if (pin === null) {
      await expect.poll(async () => (await row(0)).serverPid, { timeout: 10_000 }).toBeNull();
      expect(await heard(beside, ask)).toEqual(other);
      expect(await heard(client, ask)).toEqual(hears);
      expect(await heard(beside, ask)).toEqual(other);
      expect((await row(0)).pins).toEqual([]);
    } else {
      await expect.poll(async () => (await row(0)).pins.map(({ code }) => code), { timeout: 10_000 }).toEqual([pin]);
      const waiting = heard(beside, ask);
      await expect.poll(async () => (await row(1)).state, { timeout: 10_000 }).toBe('waiting');
      expect(await heard(client, ask)).toEqual(hears);
      expect((await row(0)).pins[0]?.endsWhen).not.toBe('');
      expect((await row(1)).state).toBe('waiting');
      if (end == null) await open.splice(open.indexOf(client), 1)[0]?.end();
      else await client.query(end);
      expect(await waiting).toEqual(other);
    }
    const { pools } = await yard().snapshot();
    expect(pools[0]?.size).toBe(1);
  });
});

/** Found by the random sessions: what functions set is read from their sources, on a connection with the client's own startup. */
describe('a custom setting that a trigger makes', () => {
  const yard = useYard(() => ({
    endpoints: { 'ep-a': server().url() },
    options: { settings: { pooling: { mode: 'transaction', size: 1 } } },
  }));

  test.each(['on', 'off'])('stays with its client where standard_conforming_strings is %s', async (value) => {
    const connectionString = yard().connectionString('ep-a');
    const clients = [1, 2, 3].map(() => new pg.Client({ connectionString, options: `-c standard_conforming_strings=${value}` }));
    for (const client of clients) {
      await client.connect();
      open.push(client);
    }
    const [maker, client, beside] = clients as [pg.Client, pg.Client, pg.Client];
    const table = `triggering_${value}`;
    await maker.query(`CREATE TABLE ${table}(v text)`);
    await maker.query(`CREATE FUNCTION ${table}() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN PERFORM set_config('app.triggered', NEW.v, false); RETURN NEW; END $$`);
    await maker.query(`CREATE TRIGGER made BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION ${table}()`);
    // From here on it is known what functions set.
    await client.query(`SET work_mem = '5MB'`);
    await client.query('RESET work_mem');
    await client.query(`INSERT INTO ${table} VALUES ('mine')`);
    const ask = `SELECT current_setting('app.triggered', true)`;
    expect(await heard(beside, ask)).toBeNull();
    expect(await heard(client, ask)).toBe('mine');
  });
});

/** The first column of the first row; undefined without one; the SQLSTATE of an error. */
async function heard(client: pg.Client, sql: string): Promise<unknown> {
  try {
    const { rows } = await client.query<unknown[]>({ text: sql, rowMode: 'array' });
    return rows[0]?.[0];
  } catch (error) {
    if (error instanceof pg.DatabaseError) return error.code;
    throw error;
  }
}
