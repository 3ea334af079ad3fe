/** What is told of one session is what its own server says of it; and asking never gets in the way of a session that works. */
import { setImmediate } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import type { DetailSetting, SessionDetail } from '../../core/contract/index.ts';
import { findClientProcess } from '../../main/client-process/find.ts';
import { useCluster } from '../support/cluster.ts';
import { move, sessionId } from '../support/migration.ts';
import { useYard } from '../support/yard.ts';

const one = useCluster({ name: 'a' });
const other = useCluster({ name: 'b' });
const yard = useYard(() => ({
  endpoints: { 'ep-a': one().url(), 'ep-b': other().url(), 'ep-pooled': one().url() },
  options: { findClientProcess, settings: { pooling: { endpoints: [{ endpoint: 'ep-pooled', mode: 'transaction' }] } } },
}));

const clients: pg.Client[] = [];
afterEach(async () => {
  await yard().switchyard.handlers['capture.stop']({});
  await yard().switchyard.handlers['capture.clear']({});
  await Promise.all(clients.splice(0).map((client) => client.end()));
});

async function connect(endpoint = 'ep-a'): Promise<{ client: pg.Client; id: number }> {
  const client = new pg.Client({ connectionString: yard().connectionString(endpoint), application_name: 'detail' });
  await client.connect();
  clients.push(client);
  return { client, id: await sessionId(yard(), client) };
}

async function detail(id: number): Promise<SessionDetail> {
  return await yard().switchyard.handlers['session.detail']({ sessionId: id });
}

/** Once the session is at rest and was asked. */
async function asked(id: number): Promise<SessionDetail> {
  await expect.poll(async () => (await detail(id)).settings, { timeout: 15_000 }).toMatchObject({ source: 'server', missing: null });
  return await detail(id);
}

function byName(rows: readonly DetailSetting[]): Map<string, DetailSetting> {
  return new Map(rows.map((row) => [row.name, row]));
}

describe('a session in session mode', () => {
  it('has the settings and statements that its server lists', async () => {
    const direct = new pg.Client({ connectionString: one().url() });
    await direct.connect();
    clients.push(direct);
    await direct.query(`ALTER ROLE postgres SET work_mem = '7MB'`);
    const { client, id } = await connect();
    await direct.query('ALTER ROLE postgres RESET work_mem');
    await client.query(`SET TimeZone = 'Asia/Tokyo'; SET statement_timeout = '30s'; SET search_path = a, public; SET app.user_id = '7'`);
    await client.query(`SET app.api_token = 'hunter2'`);
    // There is none before 17.
    await client.query(`SET transaction_timeout = '20s'`).catch(() => {});
    await client.query(`PREPARE by_sql(int) AS SELECT $1 + 1`);
    await client.query({ name: 'by driver', text: 'select $1::int as n, $2::text as t', values: [1, 'a'] });
    const told = await asked(id);
    const { rows: listed } = await client.query<{ name: string; setting: string; unit: string | null; source: string; standard: string }>(
      `SELECT name, setting, unit, source, CASE source WHEN 'session' THEN reset_val ELSE boot_val END AS standard FROM pg_settings
       WHERE source IN ('session', 'client', 'user', 'database', 'database user')
         AND setting IS DISTINCT FROM CASE source WHEN 'session' THEN reset_val ELSE boot_val END ORDER BY name`,
    );
    const settings = byName(told.settings.rows);
    expect(listed.length).toBeGreaterThan(4);
    for (const { name, setting, unit, source, standard } of listed)
      expect([...settings.values()]).toContainEqual({ name, value: setting, unit, standard, from: source });
    expect(settings.get('app.user_id')).toMatchObject({ value: '7', from: 'session' });
    expect(settings.get('app.api_token')).toMatchObject({ value: null });
    expect([...settings.keys()].filter((name) => !listed.some((row) => row.name === name)).toSorted()).toEqual([
      'app.api_token',
      'app.user_id',
    ]);
    expect(JSON.stringify(told)).not.toContain('hunter2');
    const { rows: statements } = await client.query<{ name: string; bytes: number; parameters: number }>(
      `SELECT name, octet_length(statement) AS bytes, cardinality(parameter_types) AS parameters FROM pg_prepared_statements ORDER BY name`,
    );
    const named = told.statements.rows.filter(({ name }) => name !== '');
    expect(statements).toHaveLength(2);
    expect(named.map(({ name, bytes, parameters }) => ({ name, bytes, parameters }))).toEqual(expect.arrayContaining(statements));
    expect(named).toMatchObject([
      { name: 'by_sql', by: 'prepare', kind: 'SELECT', text: null },
      { name: 'by driver', by: 'parse', kind: 'SELECT', text: null },
    ]);
    // Asking has left nothing behind, and is seen by nobody.
    expect((await client.query('select $1::int + 1 as n', [1])).rows).toEqual([{ n: 2 }]);
  });

  it('is told with its program, its way and its server', async () => {
    const { client, id } = await connect();
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    await expect.poll(async () => (await detail(id)).process, { timeout: 15_000 }).toMatchObject({ pid: process.pid });
    expect(await move(yard(), client, 'ep-b')).toMatchObject({ outcome: 'success' });
    const told = await asked(id);
    expect(told.server?.pid).not.toBe(rows[0]?.pid);
    expect(told.server?.pid).toBe((await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid);
    expect(told.routing).toMatchObject({ endpoint: 'ep-b', requestedEndpoint: 'ep-a', routedBy: 'database', user: 'postgres' });
    expect(told.routing.steps).toHaveLength(2);
    expect(told.routing.steps[1]).toContain('Moved once since');
    expect(told.safePoint).toMatchObject({ isSafe: true, reason: null, outstanding: 0, transaction: 'I', response: { type: 'Z' } });
    expect(told.waits.now).toBeNull();
  });

  it('is not asked while it works, and what it had before is told as that', async () => {
    const { client, id } = await connect();
    await client.query(`SET TimeZone = 'Asia/Tokyo'`);
    const before = await asked(id);
    await client.query('BEGIN');
    await client.query('select 1');
    const { clock } = (await detail(id)).safePoint;
    const inside = await detail(id);
    expect(inside.safePoint).toMatchObject({ isSafe: false, transaction: 'T', clock });
    expect(inside.settings).toMatchObject({ source: 'server', at: before.settings.at, rows: before.settings.rows });
    expect(inside.settings.missing).toContain('busy in transaction');
    const running = client.query('select pg_sleep(0.5)');
    await expect.poll(async () => (await detail(id)).safePoint.outstanding, { timeout: 15_000 }).toBe(1);
    await running;
    await client.query('COMMIT');
    expect((await asked(id)).settings.at).toBeGreaterThan(before.settings.at ?? 0);
    await expect(yard().switchyard.handlers['session.detail']({ sessionId: 999_999 })).rejects.toMatchObject({ code: 'unknown_session' });
  });

  it('loses nothing to being asked over and over while it works', async () => {
    const { client, id } = await connect();
    let isOver = false;
    const watching = (async () => {
      while (!isOver) {
        await detail(id);
        await setImmediate();
      }
    })();
    for (let n = 0; n < 300; n++) {
      const { rows } = await client.query<{ n: number }>({ name: 'n', text: 'select $1::int as n', values: [n] });
      expect(rows).toEqual([{ n }]);
      // Now and then it rests for long enough to be asked.
      if (n % 100 === 50) await expect.poll(async () => (await detail(id)).settings.missing, { timeout: 15_000 }).toBeNull();
    }
    isOver = true;
    await watching;
    expect((await yard().sessions()).find((row) => row.id === id)?.state).toBe('idle');
  });
});

describe('a session in transaction mode', () => {
  it('is told from what the proxy has tracked, because it has no server connection to ask', async () => {
    const { client, id } = await connect('ep-pooled');
    await client.query(`SET TimeZone = 'Asia/Tokyo'`);
    await client.query({ name: 'mine', text: 'select $1::int as n', values: [1] });
    await expect.poll(async () => (await detail(id)).server, { timeout: 15_000 }).toBeNull();
    const told = await detail(id);
    expect(told.serverReason).toContain('pooled by transaction');
    expect(told.settings.source).toBe('tracked');
    expect(byName(told.settings.rows).get('TimeZone')).toMatchObject({ value: 'Asia/Tokyo', from: 'session' });
    expect(told.statements).toMatchObject({
      source: 'tracked',
      missing: null,
      rows: [{ name: 'mine', kind: 'SELECT', by: 'parse', text: null }],
    });
    expect(told.safePoint.isSafe).toBe(true);
  });
});

describe('a capture', () => {
  it.each(['ep-a', 'ep-pooled'])('of a session at %s hears its statements, and no secret', async (endpoint) => {
    const { handlers } = yard().switchyard;
    const { client, id } = await connect(endpoint);
    const bystander = await connect(endpoint);
    await client.query(`select 'before'`);
    expect((await yard().snapshot()).host.capture).toBeNull();
    const capture = await handlers['capture.start']({ sessionIds: [id], seconds: 60 });
    expect((await yard().snapshot()).host.capture).toEqual(capture);
    await bystander.client.query(`select 'bystander'`);
    await client.query(`select 'plain' as text`);
    await client.query('select $1::text as value', ['value of a parameter']);
    await client.query('CREATE ROLE clerk_of_capture');
    await client.query(`ALTER ROLE clerk_of_capture PASSWORD 'hunter2'`);
    await client.query('DROP ROLE clerk_of_capture');
    await expect(client.query('select * from nowhere_at_all')).rejects.toThrow('nowhere_at_all');
    const page = async () => await handlers['capture.read']({ after: -1 });
    await expect.poll(async () => (await page()).statements.every(({ ms }) => ms !== null), { timeout: 15_000 }).toBe(true);
    const { statements } = await page();
    expect(statements.map(({ sessionId: whose, via, text, error }) => ({ whose, via, text, error }))).toEqual([
      { whose: id, via: 'query', text: `select 'plain' as text`, error: null },
      { whose: id, via: 'execute', text: 'select $1::text as value', error: null },
      { whose: id, via: 'query', text: 'CREATE ROLE clerk_of_capture', error: null },
      { whose: id, via: 'query', text: 'ALTER ROLE clerk_of_capture PASSWORD ?', error: null },
      { whose: id, via: 'query', text: 'DROP ROLE clerk_of_capture', error: null },
      { whose: id, via: 'query', text: 'select * from nowhere_at_all', error: '42P01' },
    ]);
    const everything = JSON.stringify([await yard().snapshot(), await handlers['timelines.export']({}), await page()]);
    for (const secret of ['hunter2', 'value of a parameter', 'bystander', `'before'`]) expect(everything).not.toContain(secret);
    const { log } = await yard().snapshot();
    expect(JSON.stringify(log)).not.toContain('clerk_of_capture');
    expect(log.map(({ code }) => code)).toContain('capture_started');
    await handlers['capture.stop']({});
    expect((await yard().snapshot()).host.capture).toBeNull();
    await client.query(`select 'after'`);
    expect((await page()).statements).toHaveLength(6);
    await handlers['capture.clear']({});
    expect(await page()).toMatchObject({ statements: [], keptUntil: null });
  });

  it('shows the texts of prepared statements while it runs, and not afterwards', async () => {
    const { handlers } = yard().switchyard;
    const { client, id } = await connect();
    await client.query({ name: 'mine', text: 'select $1::int as n', values: [1] });
    expect((await asked(id)).statements.rows.find(({ name }) => name === 'mine')?.text).toBeNull();
    await handlers['capture.start']({ sessionIds: null, seconds: 60 });
    expect((await asked(id)).statements.rows.find(({ name }) => name === 'mine')?.text).toBe('select $1::int as n');
    await handlers['capture.stop']({});
    const after = await asked(id);
    expect(after.captured).toBe(false);
    expect(JSON.stringify(after)).not.toContain('select $1::int');
    expect(() => handlers['capture.start']({ sessionIds: [999_999], seconds: 60 })).toThrow('None of these sessions');
  });
});
