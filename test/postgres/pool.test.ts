import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { startYard, useYard, type Yard } from '../support/yard.ts';
import { bind, cstring, fields, message, parse, rows, startup, sync, WireClient } from '../support/wire-client.ts';

const cluster = useCluster();
const yard = useYard(() => ({ endpoints: { 'ep-a': cluster().url() } }));

async function start(at: Yard, parameters: Record<string, string> = {}): Promise<WireClient> {
  const { client } = await WireClient.start(at.port, parameters);
  onTestFinished(() => client.destroy());
  return client;
}

async function small(size: number, endpoints: Record<string, string> = { 'ep-a': cluster().url() }): Promise<Yard> {
  const made = await startYard({ endpoints, options: { poolSize: size } });
  onTestFinished(() => made.stop());
  return made;
}

async function leave(client: WireClient, at: Yard): Promise<void> {
  const before = (await at.sessions()).length;
  client.write(message('X'));
  await client.closed();
  await expect.poll(async () => (await at.sessions()).length).toBe(before - 1);
}

async function onServer(sql: string): Promise<string[]> {
  const client = new pg.Client(cluster().url());
  await client.connect();
  try {
    return (await client.query<[string]>({ text: sql, rowMode: 'array' })).rows.map(([first]) => String(first));
  } finally {
    await client.end();
  }
}

/** Everything of a session that a later one could notice. */
const traces = `select pg_backend_pid(), current_setting('work_mem'), current_setting('TimeZone'), current_setting('application_name'), current_user,
  (select count(*) from pg_prepared_statements), (select count(*) from pg_listening_channels()),
  (select count(*) from pg_class where relnamespace = pg_my_temp_schema() and relkind in ('r', 'S')),
  (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()), (select count(*) from pg_cursors),
  coalesce(current_setting('my.setting', true), '')`;

describe('a server connection that is handed on', () => {
  it('shows nothing of the session before', async () => {
    const first = await start(yard());
    const before = rows(await first.query(traces))[0];
    await first.query(`set work_mem = '7MB'; set timezone = 'Asia/Tokyo'; set application_name = 'left over'; prepare p as select 1; listen c;
      create temp table t as select 1; create temp sequence s; select pg_advisory_lock(42); declare held cursor with hold for select 1; set my.setting = 'secret'`);
    await first.query('create role somebody; set role somebody');
    first.write(parse('', 'select 1'), parse('named', 'select 2'), sync);
    await first.until('Z');
    expect(rows(await first.query('reset role; ' + traces))[0]).not.toEqual(before);
    first.write(parse('', "select 'unnamed'"), sync);
    await first.until('Z');
    await leave(first, yard());

    const next = await start(yard());
    next.write(bind('', ''), sync);
    expect(fields((await next.until('Z'))[0] ?? expect.fail())['C']).toBe('26000');
    expect(rows(await next.query(traces))[0]).toEqual(before);
    await next.query('drop role somebody');
    await leave(next, yard());
  });

  it('never goes to a client with other startup parameters', async () => {
    const first = await start(yard(), { application_name: 'one', options: '-c work_mem=9MB' });
    const pid = rows(await first.query('select pg_backend_pid()'))[0]?.[0];
    await leave(first, yard());
    const other = await start(yard(), { application_name: 'two', options: '-c work_mem=9MB' });
    await other.query('set work_mem = 1024; reset work_mem');
    expect(
      rows(
        await other.query(
          "select pg_backend_pid() = any('{" + pid + "}'), current_setting('work_mem'), current_setting('application_name')",
        ),
      ),
    ).toEqual([['f', '9MB', 'two']]);
    const same = await start(yard(), { options: '-c work_mem=9MB', application_name: 'one' });
    expect(rows(await same.query('select pg_backend_pid()'))).toEqual([[pid]]);
    await Promise.all([other, same].map((client) => client.query('select 1')));
    await leave(other, yard());
    await leave(same, yard());
  });

  it('is not one that the server has ended meanwhile', async () => {
    const first = await start(yard(), { application_name: 'doomed' });
    await leave(first, yard());
    await expect.poll(() => onServer("select state from pg_stat_activity where application_name = 'doomed'")).toEqual(['idle']);
    await onServer("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'doomed'");
    await expect.poll(async () => (await yard().snapshot()).pools.reduce((sum, { idle }) => sum + idle, 0)).toBeLessThanOrEqual(3);
    await expect.poll(() => onServer("select count(*) from pg_stat_activity where application_name = 'doomed'")).toEqual(['0']);
    const next = await start(yard(), { application_name: 'doomed' });
    expect(rows(await next.query('select 1'))).toEqual([['1']]);
    await leave(next, yard());
  });

  it('has nothing left of a transaction that its client abandoned', async () => {
    const first = await start(yard(), { application_name: 'open' });
    await first.query('begin; create table abandoned ()');
    await leave(first, yard());
    const next = await start(yard(), { application_name: 'open' });
    expect(rows(await next.query("select to_regclass('abandoned') is null, now() = statement_timestamp()"))).toEqual([['t', 't']]);
    await leave(next, yard());
  });

  it('is a new one after a transaction that its client abandoned, where that is asked for', async () => {
    const at = await startYard({ endpoints: { 'ep-a': cluster().url() }, options: { settings: { pooling: { abandoned: 'close' } } } });
    onTestFinished(() => at.stop());
    const first = await start(at);
    const pid = rows(await first.query('select pg_backend_pid()'))[0]?.[0];
    await first.query('begin');
    await leave(first, at);
    const next = await start(at);
    expect(rows(await next.query('select pg_backend_pid()'))[0]?.[0]).not.toBe(pid);
    await leave(next, at);
  });
});

describe('a full pool', () => {
  it('serves those who wait in their order, and forgets one who leaves', async () => {
    const at = await small(1);
    const holder = await start(at);
    const waiting: WireClient[] = [];
    for (let i = 0; i < 4; i++) {
      const client = await WireClient.open(at.port);
      onTestFinished(() => client.destroy());
      client.write(startup({ user: 'postgres', database: 'postgres' }));
      await expect.poll(async () => (await at.snapshot()).pools[0]?.waiting).toBe(i + 1);
      waiting.push(client);
    }
    const rest = waiting.filter((_, i) => i !== 1);
    waiting[1]?.destroy();
    await expect.poll(async () => (await at.snapshot()).pools[0]?.waiting).toBe(3);
    const order: number[] = [];
    const served = rest.map(async (client, i) => {
      await client.until('Z');
      order.push(i);
      await client.query('select 1');
      client.write(message('X'));
      await client.closed();
    });
    holder.write(message('X'));
    await Promise.all(served);
    expect(order).toEqual([0, 1, 2]);
    expect((await at.snapshot()).pools[0]).toMatchObject({ waiting: 0, active: 0, opened: 1 });
  });

  it('makes room for other parameters by closing the oldest idle connection', async () => {
    const at = await small(1);
    await leave(await start(at, { application_name: 'a' }), at);
    const other = await start(at, { application_name: 'b' });
    expect(rows(await other.query('show application_name'))).toEqual([['b']]);
    expect((await at.snapshot()).pools[0]).toMatchObject({ active: 1, idle: 0, opened: 2 });
  });

  it('tells each who waits that the server cannot be reached', async () => {
    const at = await small(1, { dead: 'postgresql://postgres@127.0.0.1:1/postgres' });
    const answers = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const client = await WireClient.open(at.port);
        onTestFinished(() => client.destroy());
        client.write(startup({ user: 'postgres', database: 'postgres' }));
        return fields((await client.until('E')).at(-1) ?? expect.fail());
      }),
    );
    expect(answers.map(({ C }) => C)).toEqual(Array.from({ length: 5 }, () => '08001'));
    expect((await at.snapshot()).pools).toMatchObject([{ failure: expect.stringContaining('127.0.0.1:1') as string, waiting: 0 }]);
    // It is forgotten with its failure.
    await expect.poll(async () => (await at.snapshot()).pools, { timeout: 20_000 }).toEqual([]);
  });
});

describe('a server that is killed under load', () => {
  it('is told to its sessions, and noticed by no others; nothing is left over', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    process.on('uncaughtException', note);
    onTestFinished(() => {
      process.off('unhandledRejection', note);
      process.off('uncaughtException', note);
    });
    const at = await small(50);
    const clients = await Promise.all(
      Array.from({ length: 12 }, (_, i) => start(at, { application_name: i < 6 ? 'victim' : 'bystander' })),
    );
    let ends = 0;
    let stopped = false;
    const counts = clients.map(() => 0);
    const loops = clients.map(async (client, i) => {
      for (;;) {
        if (stopped && i >= 6) return null;
        client.write(message('Q', cstring('select pg_sleep(0.002)')));
        let fatal: Record<string, string> | null = null;
        for (let answer = await client.next(); answer.type !== 'Z'; answer = await client.next()) {
          if (answer.type !== 'E') continue;
          fatal = fields(answer);
          break;
        }
        if (fatal !== null) {
          ends++;
          return fatal;
        }
        counts[i] = (counts[i] ?? 0) + 1;
      }
    });
    await expect.poll(() => counts.every((count) => count > 5)).toBe(true);
    const before = [...counts];
    await onServer("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'victim'");
    await expect.poll(() => ends).toBe(6);
    await expect.poll(() => counts.slice(6).every((count, i) => count > (before[i + 6] ?? 0) + 10)).toBe(true);
    stopped = true;
    for (const [i, fatal] of (await Promise.all(loops)).entries()) {
      if (i < 6) expect(fatal).toMatchObject({ S: 'FATAL', C: '57P01' });
      else expect(fatal).toBeNull();
    }
    for (const client of clients.slice(0, 6)) await client.closed();
    await expect.poll(async () => (await at.sessions()).length).toBe(6);
    for (const client of clients) client.destroy();
    await expect.poll(async () => (await at.sessions()).length).toBe(0);
    await expect.poll(async () => (await at.snapshot()).pools.map(({ active, resetting }) => active + resetting).join()).toBe('0');
    expect(unhandled).toEqual([]);
    await at.stop();
    await expect
      .poll(() => onServer("select count(*) from pg_stat_activity where application_name in ('victim', 'bystander')"))
      .toEqual(['0']);
  });
});
