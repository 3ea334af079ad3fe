/** A server goes away under a session that is at a safe point, and the session goes on as if nothing had been. */
import pg from 'pg';
import postgres from 'postgres';
import { describe, expect, it, onTestFinished } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { lookedAt } from '../support/resurrection.ts';
import { useYard } from '../support/yard.ts';

const cluster = useCluster({ name: 'mortal' });
const yard = useYard(() => ({ endpoints: { ep: cluster().url() } }));

async function connect(application: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: yard().connectionString('ep'), application_name: application });
  client.on('error', (error) => errors.push(`${application}: ${error.message}`));
  client.on('notice', (notice) => errors.push(`${application}: ${notice.message ?? ''}`));
  await client.connect();
  onTestFinished(() => client.end().catch(() => undefined));
  return client;
}

/** What clients heard that they did not ask for. */
const errors: string[] = [];

async function setUp(client: pg.Client): Promise<void> {
  await client.query(`SET TimeZone = 'Asia/Kathmandu'`);
  await client.query(`SET statement_timeout = '41s'`);
  await client.query(`SET app.user_id = 'grace'`);
  await client.query(`SET search_path = pg_catalog, public`);
  await client.query({ name: 'named', text: 'SELECT $1::int + 1 AS n', values: [1] });
  await client.query(`PREPARE by_sql (int) AS SELECT $1 * 2 AS n`);
  await client.query(`SELECT $1::text`, ['unnamed']);
  await client.query(`SET ROLE pg_monitor`);
}

async function check(client: pg.Client): Promise<void> {
  const { rows } = await client.query<Record<string, string>>(
    `SELECT current_setting('TimeZone') AS zone, current_setting('statement_timeout') AS timeout, current_setting('app.user_id') AS app,
     current_setting('search_path') AS path, current_user AS role, current_setting('application_name') AS application`,
  );
  expect(rows).toEqual([
    {
      zone: 'Asia/Kathmandu',
      timeout: '41s',
      app: 'grace',
      path: 'pg_catalog, public',
      role: 'pg_monitor',
      application: 'dressed',
    },
  ]);
  // The driver sends no Parse for a name that it knows.
  expect((await client.query({ name: 'named', text: 'SELECT $1::int + 1 AS n', values: [41] })).rows).toEqual([{ n: 42 }]);
  expect((await client.query('EXECUTE by_sql (21)')).rows).toEqual([{ n: 42 }]);
}

const ways = {
  'a fast restart': () => cluster().restart('fast'),
  'an immediate restart': () => cluster().restart('immediate'),
  'a crash': async () => {
    await cluster().kill();
    await cluster().up();
  },
} as const;

describe('what a session has set outlives', () => {
  it.each(Object.entries(ways))('%s', async (_name, restart) => {
    errors.length = 0;
    const dressed = await connect('dressed');
    const silent = await connect('silent');
    const sql = postgres(yard().connectionString('ep'), {
      max: 1,
      onnotice: (notice) => errors.push(`postgres: ${notice['message'] ?? ''}`),
    });
    onTestFinished(() => sql.end({ timeout: 1 }));
    await setUp(dressed);
    expect(await sql`SELECT ${'x'}::text AS x`).toEqual([{ x: 'x' }]);
    await lookedAt(yard(), cluster(), 'ep');
    const before = (await yard().sessions()).map(({ id }) => id);

    await restart();

    await check(dressed);
    expect((await silent.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    expect(await sql`SELECT ${'y'}::text AS x`).toEqual([{ x: 'y' }]);
    const after = await yard().sessions();
    expect(after.map(({ id }) => id)).toEqual(before);
    expect(after.map(({ resurrections }) => resurrections)).toEqual([1, 1, 1]);
    expect(errors).toEqual([]);
  });

  it('pg_terminate_backend, and the death of its process', async () => {
    errors.length = 0;
    const dressed = await connect('dressed');
    const admin = await connect('admin');
    await setUp(dressed);
    const resurrections = async (): Promise<number | undefined> =>
      (await yard().sessions()).find(({ application }) => application === 'dressed')?.resurrections;
    await lookedAt(yard(), cluster(), 'ep');
    const pid = async (): Promise<number> =>
      (await yard().sessions()).find(({ application }) => application === 'dressed')?.serverPid ?? expect.fail();
    await admin.query('SELECT pg_terminate_backend($1)', [await pid()]);
    await expect.poll(resurrections).toBe(1);
    await check(dressed);
    await lookedAt(yard(), cluster(), 'ep');
    process.kill(await pid(), 'SIGKILL');
    // What is sent before anybody knows is lost with the server.
    await expect.poll(resurrections).toBe(2);
    await check(dressed);
    expect(errors).toEqual([]);
  });
});
