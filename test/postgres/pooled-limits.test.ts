/** How many clients and server connections there may be, in transaction mode (PgBouncer's test_limits). */
import { describe, expect, it } from 'vitest';
import type { PoolMode, SettingsInput } from '../../core/contract/index.ts';
import { useCluster } from '../support/cluster.ts';
import { lastWords, pool, pooledYard, query, raw, sessionsIn, soon, value } from '../support/pooled.ts';
import { describeWithProgram, runProgram } from '../support/programs.ts';
import { fields, rows, startup, WireClient } from '../support/wire-client.ts';
import type { Yard } from '../support/yard.ts';

const cluster = useCluster({ name: 'limits', settings: { max_connections: 40 } });
const yardWith = (
  pooling: SettingsInput['pooling'] = {},
  limits: SettingsInput['limits'] = {},
  endpoints: Record<string, string> = { 'ep-a': cluster().url() },
): Promise<Yard> => pooledYard(endpoints, pooling, { limits });

/** The fields of the error that refuses a login. */
async function refused(yard: Yard, parameters: Record<string, string> = {}): Promise<Record<string, string>> {
  const client = await WireClient.open(yard.port);
  client.write(startup({ user: 'postgres', database: 'postgres', ...parameters }));
  try {
    return await lastWords(client);
  } finally {
    client.destroy();
  }
}

describe('limits of clients, who share one server connection', () => {
  it.each<[string, SettingsInput['limits'], Record<string, string>, Record<string, string>]>([
    ['in total', { clients: 3 }, {}, { user: 'somebody' }],
    ['per endpoint', { clientsPerEndpoint: 3 }, {}, {}],
    ['per user', { clientsPerUser: 3 }, {}, {}],
  ])('%s: the one too many is refused, the others work; a place that is free is given out', async (_which, limits, mine, others) => {
    const yard = await yardWith({ size: 1 }, limits);
    const clients = await Promise.all(Array.from({ length: 3 }, () => raw(yard, mine)));
    expect(await refused(yard, others)).toMatchObject({ S: 'FATAL', C: '53300' });
    for (const { client } of clients) expect(await value(client, 'select 1')).toBe('1');
    clients[0]?.client.destroy();
    await expect.poll(async () => (await yard.sessions()).length, soon).toBe(2);
    expect(await value((await raw(yard, mine)).client, 'select 2')).toBe('2');
    expect(await pool(yard)).toMatchObject({ opened: 1 });
  });

  it('one user’s, or one endpoint’s, are no other’s', async () => {
    const yard = await yardWith(
      { size: 1 },
      { clientsPerUser: 2, clientsPerEndpoint: 3 },
      { 'ep-a': cluster().url(), 'ep-b': cluster().url() },
    );
    await Promise.all([raw(yard), raw(yard)]);
    expect(await refused(yard)).toMatchObject({ C: '53300' });
    const second = await raw(yard, { user: 'second' });
    expect(await refused(yard, { user: 'second' }), 'the endpoint is full').toMatchObject({ C: '53300' });
    const elsewhere = await raw(yard, { user: 'second', options: 'endpoint=ep-b' });
    for (const { client } of [second, elsewhere]) expect(await value(client, 'select 1')).toBe('1');
  });
});

describe.each<PoolMode>(['transaction', 'session'])('pooling.size in %s mode', (mode) => {
  it('is never exceeded, by many clients and short statements; all are served', async () => {
    const yard = await yardWith({ mode, size: 4 });
    const direct = await WireClient.start(cluster().port, { application_name: 'watcher' });
    let most = 0;
    let running = true;
    const watch = (async () => {
      while (running)
        most = Math.max(
          most,
          Number(await value(direct.client, `select count(*) from pg_stat_activity where application_name = 'crowd ${mode}'`)),
        );
    })();
    const name = { application_name: `crowd ${mode}` };
    const served = await Promise.all(
      Array.from({ length: 30 }, async (_, at) => {
        const { client } = await raw(yard, name);
        for (let i = 0; i < 5; i++) expect(rows(await client.query(`select ${at}, ${i}`))).toEqual([[String(at), String(i)]]);
        client.destroy();
        return at;
      }),
    );
    running = false;
    await watch;
    direct.client.destroy();
    expect(served).toHaveLength(30);
    expect(most).toBeLessThanOrEqual(4);
    expect(most).toBeGreaterThan(0);
    expect((await pool(yard)).opened).toBeLessThanOrEqual(4);
  });
});

describe('pooling.min', () => {
  it('is opened while a client is there, kept when unused, and used first', async () => {
    const yard = await yardWith({ size: 5, min: 3, idle: 1 });
    const { client } = await raw(yard);
    await expect.poll(async () => (await pool(yard)).idle, soon).toBe(3);
    const clients = await Promise.all(Array.from({ length: 2 }, () => raw(yard)));
    await Promise.all([client, ...clients.map((each) => each.client)].map((each) => each.query('begin')));
    expect(await pool(yard)).toMatchObject({ active: 3, opened: 3 });
    await Promise.all([client, ...clients.map((each) => each.client)].map((each) => each.query('commit')));
    await expect.poll(async () => (await pool(yard)).idle, soon).toBe(3);
    for (const each of [client, ...clients.map(({ client: one }) => one)]) each.destroy();
    // Nobody is there any more.
    await expect.poll(async () => (await pool(yard)).idle, soon).toBe(0);
  });
});

describe('pooling.reserve', () => {
  it('is touched only when somebody has waited for pooling.reserveAfter seconds', async () => {
    const yard = await yardWith({ size: 1, reserve: 1, reserveAfter: 1 });
    const holder = await raw(yard);
    await holder.client.query('begin');
    const { client: patient } = await raw(yard);
    const begun = Date.now();
    expect(await value(patient, 'select 1')).toBe('1');
    expect(Date.now() - begun).toBeGreaterThan(900);
    expect(await pool(yard)).toMatchObject({ opened: 2 });
    // No more than that.
    await patient.query('begin');
    const { client: third } = await raw(yard);
    third.write(query("select 'third'"));
    await sessionsIn(yard, 'waiting', 1);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect((await pool(yard)).opened).toBe(2);
    await patient.query('commit');
    expect(rows(await third.until('Z'))).toEqual([['third']]);
    await holder.client.query('commit');
    await expect.poll(async () => (await pool(yard)).active, soon).toBe(0);
  });

  it('is not touched by a queue that moves', async () => {
    const yard = await yardWith({ size: 1, reserve: 3, reserveAfter: 10 });
    const clients = await Promise.all(Array.from({ length: 10 }, () => raw(yard)));
    await Promise.all(
      clients.map(async ({ client }, at) => expect(await value(client, `select ${at} from pg_sleep(0.02)`)).toBe(String(at))),
    );
    expect((await pool(yard)).opened).toBe(1);
  });
});

describe('pooling.perBackend', () => {
  it('holds for all pools of a server together: an idle connection of another pool makes room', async () => {
    const yard = await yardWith({ size: 5, perBackend: 2 });
    const { client: maker } = await raw(yard);
    for (const name of ['one', 'two', 'three']) await maker.query(`create database ${name}`);
    maker.destroy();
    const clients = await Promise.all(['one', 'two', 'three'].map((database) => raw(yard, { database })));
    for (let round = 0; round < 3; round++) {
      for (const [at, name] of ['one', 'two', 'three'].entries()) {
        expect(await value(clients[at]?.client ?? expect.fail(), 'select current_database()')).toBe(name);
        const { pools } = await yard.snapshot();
        expect(pools.reduce((sum, row) => sum + row.active + row.idle + row.connecting, 0)).toBeLessThanOrEqual(2);
      }
    }
    const [first, second, third] = clients.map(({ client }) => client);
    await first?.query('begin');
    await second?.query('begin');
    third?.write(query('select 3'));
    await sessionsIn(yard, 'waiting', 1);
    await second?.query('commit');
    expect(rows((await third?.until('Z')) ?? [])).toEqual([['3']]);
    await first?.query('commit');
  });

  it('is shared fairly between endpoints: one that floods does not shut the other out', async () => {
    const yard = await yardWith({ size: 10, perBackend: 2 }, {}, { 'ep-a': cluster().url(), 'ep-b': cluster().url('template1') });
    let running = true;
    const flood = await Promise.all(Array.from({ length: 20 }, () => raw(yard, { options: 'endpoint=ep-a' })));
    const flooding = flood.map(async ({ client }) => {
      while (running) await client.query('select pg_sleep(0.005)');
    });
    const { client: modest } = await raw(yard, { options: 'endpoint=ep-b', database: 'template1' });
    const waits: number[] = [];
    for (let i = 0; i < 10; i++) {
      const begun = Date.now();
      await modest.query('select 1');
      waits.push(Date.now() - begun);
    }
    running = false;
    await Promise.all(flooding);
    expect(Math.max(...waits), waits.join()).toBeLessThan(10_000);
  });
});

it('a server that has no room for more: who waits is served with what the pool has, and the log says why', async () => {
  const direct = await Promise.all(Array.from({ length: 30 }, () => WireClient.start(cluster().port)));
  const yard = await yardWith({ size: 60, wait: 60 });
  await raw(yard);
  const clients = await Promise.all(Array.from({ length: 12 }, () => raw(yard)));
  for (const { client } of clients) client.write(query('begin'));
  await expect.poll(async () => (await yard.snapshot()).log.some(({ code }) => code === 'server_login_failed'), soon).toBe(true);
  await Promise.all(
    clients.map(async ({ client }, at) => {
      await client.until('Z');
      expect(await value(client, `select ${at}`)).toBe(String(at));
      await client.query('commit');
    }),
  );
  for (const { client } of direct) client.destroy();
  expect((await pool(yard)).opened).toBeLessThanOrEqual(10);
});

describe('a login in transaction mode', () => {
  it('is refused with the server’s own words, each time, and others come in', async () => {
    const yard = await yardWith({ size: 2 });
    for (let round = 0; round < 3; round++) {
      expect(await refused(yard, { database: 'nowhere' })).toMatchObject({ S: 'FATAL', C: '3D000' });
      expect(await refused(yard, { options: '-c no.such=1 -c work_mem=nonsense' })).toMatchObject({ S: 'FATAL', C: '22023' });
      expect(await value((await raw(yard)).client, 'select 1')).toBe('1');
    }
    await expect.poll(async () => (await yard.snapshot()).pools.length, soon).toBe(1);
  });

  it('costs no server connection once one was there, and finds a full pool open', async () => {
    const yard = await yardWith({ size: 1 });
    const { client: holder } = await raw(yard);
    await holder.query('begin');
    const idle = await Promise.all(Array.from({ length: 30 }, () => raw(yard)));
    expect(await pool(yard)).toMatchObject({ opened: 1, waiting: 0 });
    await holder.query('commit');
    for (const { client } of idle) expect(await value(client, 'select 1')).toBe('1');
    expect(await pool(yard)).toMatchObject({ opened: 1 });
  });
});

it('who waits for the only server connection is served in the order of the queue', async () => {
  const yard = await yardWith({ size: 1 });
  const { client: holder } = await raw(yard);
  await holder.query('begin');
  await holder.query('create table if not exists turns (n serial, who int)');
  const clients = await Promise.all(Array.from({ length: 10 }, () => raw(yard)));
  for (const [at, { client }] of clients.entries()) {
    client.write(query(`insert into turns (who) values (${at})`));
    await sessionsIn(yard, 'waiting', at + 1);
  }
  await holder.query('commit');
  for (const { client } of clients) await client.until('C');
  expect(rows(await holder.query('select who from turns order by n')).map(([who]) => who)).toEqual(clients.map((_, at) => String(at)));
});

it('the error of a full pool names the limit, who to ask, and how many wait', async () => {
  const yard = await yardWith({ size: 1, wait: 1 });
  const { client } = await raw(yard);
  await client.query('begin');
  const waiters = await Promise.all(Array.from({ length: 3 }, () => raw(yard)));
  for (const { client: each } of waiters) each.write(query('select 1'));
  for (const { client: each } of waiters) {
    const error = (await each.until('Z')).find(({ type }) => type === 'E') ?? expect.fail();
    expect(fields(error)).toMatchObject({ S: 'ERROR', C: '53300' });
    expect(`${fields(error)['M']} ${fields(error)['H']}`).toMatch(/within 1 s.*pool.*size.*SHOW WAITS/s);
  }
  await client.query('commit');
  expect(await value(client, 'select 1')).toBe('1');
});

describeWithProgram('psql', 'many psql at once in transaction mode', (psql) => {
  it('share the pool; every one gets its own answers', async () => {
    const yard = await yardWith({ size: 2 });
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, at) =>
        runProgram(psql, ['-XAt', yard.connectionString('ep-a')], { input: `select ${at};\nbegin;\nselect ${at} + 100;\ncommit;\n` }),
      ),
    );
    results.forEach((result, at) =>
      expect(result, result.stderr).toMatchObject({ code: 0, stdout: `${at}\nBEGIN\n${at + 100}\nCOMMIT\n` }),
    );
    expect((await pool(yard)).opened).toBeLessThanOrEqual(2);
  });
});

describeWithProgram('pgbench', 'pgbench in transaction mode', (pgbench) => {
  it.each(['simple', 'extended', 'prepared'])('20 clients on 3 server connections, -M %s, reconnecting and not', async (protocol) => {
    const yard = await yardWith({ size: 3 });
    const url = yard.connectionString('ep-a');
    expect(await runProgram(pgbench, ['-i', '-q', url])).toMatchObject({ code: 0 });
    // A thread per client: pgbench prepares with a wait of its own, in which no other client of its thread can commit.
    for (const more of [[], ['-C']]) {
      const result = await runProgram(pgbench, ['-n', '-M', protocol, '-c', '20', '-j', '20', '-t', '10', ...more, url]);
      expect(result.code, result.stderr).toBe(0);
      expect(result.stdout).toContain('number of transactions actually processed: 200/200');
    }
    expect((await pool(yard)).opened).toBeLessThanOrEqual(3);
  });
});
