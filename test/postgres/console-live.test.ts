/** The console before real pools and servers: what it shows is so, and what it is told to do happens. */
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { viewNames } from '../../core/console/views.ts';
import { useCluster } from '../support/cluster.ts';
import { describeWithProgram, runProgram } from '../support/programs.ts';
import { readPrometheusText } from '../support/prometheus-text.ts';
import { startYard, type Yard } from '../support/yard.ts';

const servers = useCluster({ name: 'console' });
let yard: Yard;
let console: pg.Client;
let clients: pg.Client[];
let ended: number;

beforeEach(async () => {
  clients = [];
  ended = 0;
  yard = await startYard({
    endpoints: { 'ep-a': servers().url(), 'ep-b': servers().url() },
    options: {
      settings: { pooling: { mode: 'transaction', size: 1 } },
      onShutdown: () => void ended++,
    },
  });
  console = await connect('pgbouncer');
});

afterEach(async () => {
  await Promise.allSettled(clients.map((client) => client.end()));
  await yard.stop();
});

/** A client of an endpoint, or of the console. */
async function connect(database: string, application = 'test'): Promise<pg.Client> {
  const client = new pg.Client({ host: yard.host, port: yard.port, user: 'postgres', database, application_name: application });
  client.on('error', () => undefined);
  clients.push(client);
  await client.connect();
  return client;
}

type Row = Record<string, string | null>;
const show = async (view: string): Promise<Row[]> => (await console.query<Row>(`SHOW ${view}`)).rows;
const idOf = async (application: string): Promise<string> => {
  const found = (await show('CLIENTS')).find((row) => row['application_name'] === application);
  if (found?.['id'] == null) throw new Error(`there is no client ${application}`);
  return found['id'];
};
/** The error of a query that is to fail; rejects when it does not. */
async function failure(query: Promise<unknown>): Promise<{ code?: string; message: string; hint?: string }> {
  try {
    await query;
  } catch (error) {
    return error as { code?: string; message: string };
  }
  throw new Error('the query succeeded');
}
const wait = { timeout: 20_000 };

it('says who waits for whom, and frees the queue', async () => {
  const holder = await connect('ep-a/postgres', 'holder');
  await holder.query('BEGIN');
  await holder.query('SELECT 1');
  const waiter = await connect('ep-a/postgres', 'waiter').catch((error: unknown) => error);
  // A login needs a server connection of its own when none is known yet; this one's parameters are.
  if (!(waiter instanceof pg.Client)) throw waiter;
  const answer = waiter.query<{ n: number }>('SELECT 2 AS n');
  await expect.poll(() => show('WAITS'), wait).toHaveLength(1);
  expect(await show('WAITS')).toMatchObject([
    {
      application_name: 'waiter',
      endpoint: 'ep-a',
      position: '1',
      holders: '1',
      holder: await idOf('holder'),
      holder_application_name: 'holder',
      holder_state: 'idle in transaction',
      holder_statement_kind: 'SELECT',
      why: 'all server connections are in use',
    },
  ]);
  expect(await show('POOLS')).toMatchObject([{ cl_waiting: '1', sv_active: '1', pool_mode: 'transaction' }]);
  await console.query(`ROLLBACK_CLIENT ${await idOf('holder')}`);
  expect((await answer).rows).toEqual([{ n: 2 }]);
  expect(await failure(holder.query('SELECT 1'))).toMatchObject({ code: '25P02' });
  await holder.query('ROLLBACK');
  expect((await holder.query('SELECT 3 AS n')).rows).toEqual([{ n: 3 }]);
  expect(await show('WAITS')).toEqual([]);
});

it('cancels what a client runs, and what it waits for', async () => {
  const running = await connect('ep-a/postgres', 'running');
  const waiting = await connect('ep-a/postgres', 'waiting');
  const slept = failure(running.query('SELECT pg_sleep(300)'));
  await expect.poll(async () => (await show('POOLS'))[0]?.['sv_active'], wait).toBe('1');
  const queued = failure(waiting.query('SELECT 1'));
  await expect.poll(() => show('WAITS'), wait).toHaveLength(1);
  await console.query(`CANCEL_CLIENT ${await idOf('waiting')}`);
  expect(await queued).toMatchObject({ code: '57014' });
  await console.query(`CANCEL_CLIENT ${await idOf('running')}`);
  expect(await slept).toMatchObject({ code: '57014' });
  await Promise.all([running.query('SELECT 1'), waiting.query('SELECT 1')]);
});

it('shows what pins, what is prepared, and what a client has set', async () => {
  const client = await connect('ep-a/postgres', 'pinned');
  const id = await idOf('pinned');
  await client.query({ name: 'mine', text: 'SELECT $1::int', values: [1] });
  expect(await show('PREPARED')).toMatchObject([{ client: id, name: 'mine', shared: 't', statement: 'SELECT $1::int' }]);
  expect((await show('CLIENTS'))[0]).toMatchObject({ prepared_statements: '1', pool_mode: 'transaction' });
  expect((await show('SERVERS'))[0]).toMatchObject({ prepared_statements: '1', state: 'idle' });
  await client.query("SET DateStyle = 'German'");
  await client.query('LISTEN news');
  await expect.poll(() => show('PINS'), wait).toMatchObject([{ client: id, code: 'listen', endpoint: 'ep-a' }]);
  expect((await show(`STATE ${id}`)).find(({ key }) => key === 'DateStyle')).toEqual({
    key: 'DateStyle',
    client: 'German, DMY',
    server: 'German, DMY',
  });
  await client.query("SET app.token = 'pl4nted-secret'");
  await client.query('SET work_mem = 1234');
  await client.query('UNLISTEN *');
  await expect.poll(() => show('PINS'), wait).toEqual([]);
  const state = await show(`STATE ${id}`);
  expect(state.find(({ key }) => key === 'work_mem')).toMatchObject({ client: '1234', server: null });
  expect(state.find(({ key }) => key === 'app.token')).toMatchObject({ client: '(set)' });
  expect(JSON.stringify(state)).not.toContain('pl4nted');
});

it('answers every view alike as text and in binary, with numbers where it announces them', async () => {
  const holder = await connect('ep-a/postgres', 'holder');
  await holder.query('BEGIN');
  const waiting = (await connect('ep-a/postgres', 'waiter')).query('SELECT 1');
  await expect.poll(() => show('WAITS'), wait).toHaveLength(1);
  for (const view of viewNames) {
    const query: pg.QueryConfig & { binary: boolean } = { text: `SHOW ${view}`, values: [], binary: true };
    const { rows, fields } = await console.query<Row>(query);
    const numbers = fields.flatMap(({ name, dataTypeID }) => (dataTypeID === 20 ? [name] : []));
    for (const row of rows) for (const name of numbers) expect(String(row[name]), `${view}.${name}`).toMatch(/^(?:-?\d+|null)$/);
    expect(fields.map(({ name }) => name)).toEqual((await console.query(`SHOW ${view}`)).fields.map(({ name }) => name));
  }
  await holder.query('COMMIT');
  await waiting;
});

it('PAUSE holds clients back, RESUME lets them go on; a pause that cannot be had is none', async () => {
  const client = await connect('ep-a/postgres', 'patient');
  await client.query('BEGIN');
  expect(await failure(console.query('PAUSE WITHIN 0.2'))).toMatchObject({
    code: '55000',
    message: expect.stringContaining('patient') as unknown,
  });
  expect((await show('DATABASES')).map(({ paused }) => paused)).toEqual(['0', '0']);
  await client.query('COMMIT');
  await console.query('PAUSE');
  expect((await show('DATABASES')).map(({ paused }) => paused)).toEqual(['1', '1']);
  expect((await show('STATE')).find(({ key }) => key === 'paused')).toEqual({ key: 'paused', value: 'yes' });
  const held = client.query<{ n: number }>('SELECT 1 AS n');
  await expect.poll(() => show('WAITS'), wait).toMatchObject([{ application_name: 'patient', why: 'the endpoint is paused' }]);
  await console.query('RESUME');
  expect((await held).rows).toEqual([{ n: 1 }]);
});

it('RECONNECT replaces server connections as they are given back, and WAIT_CLOSE waits for that', async () => {
  const pidOf = async (client: pg.Client): Promise<number> =>
    (await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid ?? 0;
  const client = await connect('ep-a/postgres');
  const first = await pidOf(client);
  await client.query('BEGIN');
  await console.query('RECONNECT ep-a');
  expect(await show('SERVERS')).toMatchObject([{ close_needed: '1', remote_pid: String(first) }]);
  const other = await connect('switchyard');
  let closed = false;
  const waited = other.query('WAIT_CLOSE ep-a').then(() => (closed = true));
  expect(await pidOf(client)).toBe(first);
  expect(closed).toBe(false);
  await client.query('COMMIT');
  await waited;
  expect(await pidOf(client)).not.toBe(first);
  expect((await show('SERVERS')).map((row) => row['close_needed'])).toEqual(['0']);
});

it('KILL ends the clients of an endpoint and leaves it paused; KILL_CLIENT ends one', async () => {
  const [one, two, other] = [
    await connect('ep-a/postgres', 'one'),
    await connect('ep-a/postgres', 'two'),
    await connect('ep-b/postgres', 'other'),
  ];
  const gone = (client: pg.Client): Promise<void> => new Promise((resolve) => client.once('end', () => resolve()));
  const first = gone(one);
  await console.query(`KILL_CLIENT ${await idOf('one')}`);
  await first;
  const second = gone(two);
  await console.query('KILL ep-a');
  await second;
  expect((await show('CLIENTS')).map((row) => row['application_name'])).toEqual(['other']);
  expect((await show('DATABASES')).map(({ paused }) => paused)).toEqual(['1', '0']);
  await other.query('SELECT 1');
  await console.query('RESUME ep-a');
  await (await connect('ep-a/postgres')).query('SELECT 1');
});

it('DISABLE refuses new clients, not those that are there, and never the console', async () => {
  const there = await connect('ep-a/postgres');
  await console.query('DISABLE ep-a');
  expect(await failure(connect('ep-a/postgres'))).toMatchObject({ code: '57P03', hint: expect.stringContaining('ENABLE') as unknown });
  await there.query('SELECT 1');
  await (await connect('ep-b/postgres')).query('SELECT 1');
  await (await connect('switchyard')).query('SHOW VERSION');
  await console.query('ENABLE ep-a');
  await (await connect('ep-a/postgres')).query('SELECT 1');
});

it('ENABLE lets in again whom the window refuses', async () => {
  const there = await connect('ep-a/postgres');
  await yard.switchyard.handlers['clients.admit']({ admit: false });
  expect(await failure(connect('ep-b/postgres'))).toMatchObject({ code: '57P03', hint: expect.stringContaining('window') as unknown });
  expect((await show('DATABASES')).map(({ disabled }) => disabled)).toEqual(['1', '1']);
  await there.query('SELECT 1');
  await console.query('ENABLE');
  await (await connect('ep-b/postgres')).query('SELECT 1');
  expect((await yard.switchyard.handlers.snapshot({})).host.admitting).toBe(true);
});

it('SET changes a setting while clients are connected', async () => {
  const clients = [await connect('ep-a/postgres'), await connect('ep-a/postgres')];
  await clients[0]?.query('BEGIN');
  const second = clients[1]?.query('SELECT 1');
  await expect.poll(() => show('WAITS'), wait).toHaveLength(1);
  await console.query('SET default_pool_size = 2');
  await second;
  expect((await show('CONFIG')).find(({ key }) => key === 'default_pool_size')).toMatchObject({ value: '2' });
  expect(yard.switchyard.settings().settings.pooling.size).toBe(2);
  expect(await failure(console.query('RELOAD'))).toMatchObject({
    code: '55000',
    message: expect.stringContaining('no settings file') as unknown,
  });
});

describe('SHUTDOWN', () => {
  it('ends at once', async () => {
    await console.query('SHUTDOWN');
    await expect.poll(() => ended, wait).toBe(1);
  });

  it('WAIT_FOR_CLIENTS lets nobody in, and ends when the last has left', async () => {
    const client = await connect('ep-a/postgres');
    await console.query('SHUTDOWN WAIT_FOR_CLIENTS');
    expect(await failure(connect('ep-b/postgres'))).toMatchObject({ code: '57P03' });
    await client.query('SELECT 1');
    expect([ended, (await show('STATE')).at(-1)?.['value']]).toEqual([0, 'yes']);
    await client.end();
    await expect.poll(() => ended, wait).toBe(1);
  });

  it('WAIT_FOR_SERVERS ends when the last server connection is given back', async () => {
    const client = await connect('ep-a/postgres');
    await client.query('BEGIN');
    await console.query('SHUTDOWN WAIT_FOR_SERVERS');
    expect(await failure(connect('ep-a/postgres'))).toMatchObject({ code: '57P03' });
    expect(ended).toBe(0);
    await client.query('COMMIT');
    await expect.poll(() => ended, wait).toBe(1);
  });
});

describe('the metrics', () => {
  const read = (): Map<string, number> =>
    new Map([...readPrometheusText(yard.switchyard.metrics()).values()].flatMap(({ samples }) => [...samples]));
  const counters = (): Map<string, number> =>
    new Map(
      [...readPrometheusText(yard.switchyard.metrics()).values()].flatMap(({ type, samples }) => (type === 'counter' ? [...samples] : [])),
    );

  it('agree with the console, and no counter falls when clients, pools and endpoints go', async () => {
    const client = await connect('ep-a/postgres', 'counted');
    const before = read();
    for (let n = 0; n < 5; n++) await client.query('SELECT $1::int', [n]);
    const after = read();
    const gain = (name: string): number => (after.get(name) ?? 0) - (before.get(name) ?? 0);
    expect(gain('pgbouncer_stats_queries_pooled_total{database="ep-a"}')).toBe(5);
    expect(gain('pgbouncer_stats_sql_transactions_pooled_total{database="ep-a"}')).toBe(5);
    expect(gain('pgbouncer_stats_binds_total{database="ep-a"}')).toBe(5);
    const backend = (await yard.snapshot()).pools[0]?.backend ?? '';
    const pool = `{backend="${backend}",server_database="postgres",user="postgres"}`;
    expect(gain(`switchyard_pool_assignments_total${pool}`)).toBe(5);
    expect(after.get(`switchyard_pool_connections_opened_total${pool}`)).toBe(1);
    expect(after.get('pgbouncer_client_connections{application_name="counted",database="ep-a",state="idle",user="postgres"}')).toBe(1);
    expect(after.get('pgbouncer_pools_server_idle_connections{database="ep-a",user="postgres"}')).toBe(1);
    const stats = (await show('STATS')).find(({ database }) => database === 'ep-a');
    expect(stats?.['total_query_count']).toBe(String(after.get('pgbouncer_stats_queries_pooled_total{database="ep-a"}')));

    const high = counters();
    await client.end();
    await expect.poll(() => show('CLIENTS'), wait).toEqual([]);
    await yard.switchyard.handlers['endpoints.remove']({ id: 'ep-a' });
    await yard.switchyard.handlers['endpoints.remove']({ id: 'ep-b' });
    const low = counters();
    expect([...high].filter(([name, value]) => (low.get(name) ?? 0) < value)).toEqual([]);
  });
});

describeWithProgram('psql', 'psql', (psql) => {
  const run = (sql: string) =>
    runProgram(psql, ['-X', '-At', '-c', sql, `host=${yard.host} port=${yard.port} user=postgres dbname=pgbouncer`]);

  it('shows and commands over the simple protocol', async () => {
    const client = await connect('ep-a/postgres', 'there');
    expect(await run('SHOW VERSION')).toMatchObject({ code: 0, stdout: 'Switchyard 0.0.0-test\n' });
    expect((await run('SHOW POOLS')).stdout).toMatch(/^ep-a\|postgres\|1\|0\|/);
    expect(await run('PAUSE ep-b')).toMatchObject({ code: 0, stdout: 'PAUSE\n' });
    expect(await run('RESUME ep-b')).toMatchObject({ code: 0, stdout: 'RESUME\n' });
    const gone = new Promise<void>((resolve) => client.once('end', () => resolve()));
    expect(await run(`KILL_CLIENT ${await idOf('there')}`)).toMatchObject({ code: 0, stdout: 'KILL_CLIENT\n' });
    await gone;
    expect((await run('SUSPEND')).stderr).toContain('not supported');
  });
});
