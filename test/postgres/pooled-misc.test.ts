/** What else a client may notice of being pooled (PgBouncer's test_misc): notices, startup parameters, names, many sessions. */
import pg from 'pg';
import postgres from 'postgres';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { PoolMode, SettingsInput } from '../../core/contract/index.ts';
import { useCluster } from '../support/cluster.ts';
import { driver, one, pool, pooledYard, query, raw, sessionsIn, soon, value } from '../support/pooled.ts';
import { describeWithProgram, runProgram } from '../support/programs.ts';
import { fields, rows, startup, WireClient, type WireMessage } from '../support/wire-client.ts';
import type { Yard } from '../support/yard.ts';

const cluster = useCluster();
const yardWith = (pooling: SettingsInput['pooling'] = {}): Promise<Yard> =>
  pooledYard({ 'ep-a': cluster().url() }, { size: 1, ...pooling });
const notices = (messages: readonly WireMessage[]): string[] =>
  messages.filter(({ type }) => type === 'N').map((notice) => fields(notice)['M'] ?? '');

describe('the notice to who waits', () => {
  it('comes once, after pooling.waitNotice seconds, in front of the answer', async () => {
    const yard = await yardWith({ waitNotice: 1 });
    const holder = await raw(yard);
    await holder.client.query('begin');
    const { client } = await raw(yard);
    client.write(query('select 1'));
    const notice = await client.next();
    expect(notice.type).toBe('N');
    expect(fields(notice)).toMatchObject({ S: 'NOTICE' });
    expect(fields(notice)['M']).toContain('waiting for a server connection');
    // A second one would come within this time.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await holder.client.query('commit');
    const answers = await client.until('Z');
    expect(notices(answers)).toEqual([]);
    expect(rows(answers)).toEqual([['1']]);
  });

  it('does not come when nobody waits for so long, nor with 0', async () => {
    const yard = await yardWith({ waitNotice: 0 });
    const holder = await raw(yard);
    await holder.client.query('begin');
    const { client } = await raw(yard);
    client.write(query('select 1'));
    await sessionsIn(yard, 'waiting', 1);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await holder.client.query('commit');
    expect(notices(await client.until('Z'))).toEqual([]);
  });

  it('reaches a client that waits at its login, between its key and its parameters', async () => {
    const yard = await yardWith({ mode: 'session', waitNotice: 1 });
    const holder = await raw(yard);
    const client = await WireClient.open(yard.port);
    onTestFinished(() => client.destroy());
    client.write(startup({ user: 'postgres', database: 'postgres' }));
    const greeting = client.until('Z');
    await expect.poll(async () => (await pool(yard)).waiting, soon).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    holder.client.destroy();
    const types = (await greeting).map(({ type }) => type).join('');
    expect(types).toMatch(/^RKN?S+Z$/);
    expect(await value(client, 'select 1')).toBe('1');
  });
});

describe('startup parameters', () => {
  it('are each client’s own, on one pool: what it asked for is what it has, and what RESET goes back to', async () => {
    const yard = await yardWith({ size: 2 });
    const logins: Record<string, string>[] = [
      { application_name: 'one', options: '-c work_mem=5MB' },
      { application_name: 'two', options: '-c work_mem=6MB -c search_path=pg_catalog' },
      { application_name: 'three', DateStyle: 'SQL, DMY', TimeZone: 'Asia/Tokyo' },
    ];
    const members = await Promise.all(logins.map((login) => raw(yard, login)));
    const ask = `select concat_ws('|', current_setting('application_name'), current_setting('work_mem'), current_setting('search_path'), current_setting('DateStyle'), current_setting('TimeZone'))`;
    const expected = await Promise.all(
      logins.map(async (login) => {
        const { client } = await WireClient.start(cluster().port, login);
        onTestFinished(() => client.destroy());
        return await value(client, ask);
      }),
    );
    for (let round = 0; round < 3; round++) {
      for (const [at, { client }] of members.entries()) {
        expect(await value(client, ask)).toBe(expected[at]);
        await client.query(`set work_mem = '${10 + at}MB'; set timezone = 'UTC'; set application_name = 'changed'`);
      }
      for (const [at, { client }] of members.entries()) {
        expect(await value(client, 'show work_mem')).toBe(`${10 + at}MB`);
        await client.query(round % 2 === 0 ? 'reset all' : 'discard all');
        expect(await value(client, ask)).toBe(expected[at]);
      }
    }
    expect((await pool(yard)).size).toBe(2);
  });

  it('that mean the same share a server connection', async () => {
    const yard = await yardWith({ size: 5 });
    const same = [
      { application_name: 'same', TimeZone: 'UTC' },
      { TimeZone: 'UTC', application_name: 'same' },
    ];
    const pids = new Set<string | null | undefined>();
    for (const login of [...same, ...same]) pids.add(await value((await raw(yard, login)).client, 'select pg_backend_pid()'));
    expect(pids.size).toBe(1);
  });

  it('are reported to the client as the server reports them, and every change of them', async () => {
    const yard = await yardWith();
    const reported = (messages: readonly WireMessage[]): Map<string, string> =>
      new Map(
        messages
          .filter(({ type }) => type === 'S')
          .map(({ body }) => body.toString('utf8').split('\0'))
          .map(([name = '', text = '']) => [name, text]),
      );
    const login = { application_name: 'told', DateStyle: 'SQL, DMY' };
    const direct = await WireClient.start(cluster().port, login);
    onTestFinished(() => direct.client.destroy());
    await raw(yard, login);
    const { client, greeting } = await WireClient.start(yard.port, login);
    onTestFinished(() => client.destroy());
    expect(reported(greeting)).toEqual(reported(direct.greeting));
    const other = await raw(yard, login);
    expect(reported(await client.query("set timezone = 'Asia/Tokyo'"))).toEqual(new Map([['TimeZone', 'Asia/Tokyo']]));
    await other.client.query("set timezone = 'UTC'; set application_name = 'other'");
    // On a server connection that was somebody else's in between: nothing is new to it.
    expect(reported(await client.query('select 1'))).toEqual(new Map());
    expect(reported(await client.query('reset timezone')).get('TimeZone')).toBe(reported(direct.greeting).get('TimeZone'));
  });

  it('that the server refuses are refused as the server does, with a warm pool too', async () => {
    const yard = await yardWith();
    await raw(yard);
    for (const login of [
      { options: '-c no_such_setting=1' },
      { no_such_setting: '1' },
      { options: '--nonsense' },
      { TimeZone: 'Nowhere/At/All' },
    ]) {
      const words = async (port: number): Promise<Record<string, string>> => {
        const client = await WireClient.open(port);
        client.write(startup({ user: 'postgres', database: 'postgres', ...(login as Record<string, string>) }));
        const error = (await client.until('E')).at(-1) ?? expect.fail();
        client.destroy();
        const { S, C, M } = fields(error);
        return { S: S ?? '', C: C ?? '', M: M ?? '' };
      };
      expect(await words(yard.port)).toEqual(await words(cluster().port));
    }
  });
});

describe('application_name', () => {
  it.each(['', 'a name with spaces, "quotes" and ünïcödé', 'x'.repeat(100)])(
    '%j is the server’s for as long as the client has the connection',
    async (name) => {
      const yard = await yardWith();
      const login = name === '' ? {} : { application_name: name };
      const { client: direct } = await WireClient.start(cluster().port, login);
      onTestFinished(() => direct.destroy());
      const expected = await value(direct, 'show application_name');
      const named = await raw(yard, login);
      const other = await raw(yard, { application_name: 'somebody else' });
      for (let round = 0; round < 3; round++) {
        expect(await value(named.client, 'show application_name')).toBe(expected);
        expect(await value(other.client, 'select application_name from pg_stat_activity where pid = pg_backend_pid()')).toBe(
          'somebody else',
        );
      }
    },
  );

  it('set later goes along, and shows in the list of sessions', async () => {
    const yard = await yardWith();
    const [client, other] = [await driver(yard), await driver(yard)];
    await client.query("set application_name = 'renamed'");
    await other.query('select 1');
    expect(await one(client, 'select application_name from pg_stat_activity where pid = pg_backend_pid()')).toBe('renamed');
    expect((await yard.sessions()).map(({ application }) => application)).toContain('renamed');
    expect(await one(other, 'show application_name')).toBe('');
  });
});

describe.each<PoolMode>(['transaction', 'session'])('sessions one after the other in %s mode', (mode) => {
  it('use one server connection, whoever the clients are', async () => {
    const yard = await yardWith({ mode, size: 5 });
    const pids = new Set<string>();
    for (let i = 0; i < 5; i++) {
      const client = new pg.Client(yard.connectionString('ep-a'));
      await client.connect();
      pids.add(await one(client, 'select pg_backend_pid()'));
      await client.end();
      await expect.poll(async () => (await yard.sessions()).length, soon).toBe(0);
      await expect.poll(async () => (await pool(yard)).idle, soon).toBe(1);
    }
    expect(pids.size).toBe(1);
  });
});

it('300 clients at once on three server connections, each with a setting of its own', async () => {
  const yard = await yardWith({ size: 3 });
  const clients = await Promise.all(Array.from({ length: 300 }, () => raw(yard)));
  await Promise.all(clients.map(({ client }, at) => client.query(`set work_mem = '${at + 100}kB'`)));
  const answers = await Promise.all(clients.map(({ client }) => value(client, 'show work_mem')));
  expect(answers).toEqual(clients.map((_, at) => `${at + 100}kB`));
  await expect.poll(async () => (await yard.sessions()).filter(({ serverPid }) => serverPid !== null).length, soon).toBe(0);
  expect((await pool(yard)).opened).toBeLessThanOrEqual(3);
}, 120_000);

it('postgres.js listens on a pinned connection while its pool goes on', async () => {
  const yard = await yardWith({ size: 3 });
  const sql = postgres(yard.connectionString('ep-a'), { max: 4 });
  onTestFinished(() => sql.end({ timeout: 5 }));
  const heard: string[] = [];
  await sql.listen('news', (payload) => heard.push(payload));
  for (let i = 0; i < 5; i++) await sql.notify('news', String(i));
  await expect.poll(() => heard, soon).toEqual(['0', '1', '2', '3', '4']);
  await expect.poll(async () => (await yard.sessions()).flatMap(({ pins }) => pins.map(({ code }) => code)), soon).toEqual(['listen']);
});

describeWithProgram('psql', 'psql in transaction mode', (psql) => {
  it('a script with settings, savepoints, a temporary table, a held cursor and \\gset says what it says directly', async () => {
    const yard = await yardWith({ size: 2 });
    const script = `\\set ON_ERROR_STOP off
set timezone = 'Asia/Tokyo'; show timezone;
begin; set local work_mem = '9MB'; show work_mem; savepoint s; select 1/0; rollback to s; show work_mem; commit; show work_mem;
create temp table t as select n from generate_series(1, 3) n; select sum(n) from t;
declare c cursor with hold for select n from t order by n; fetch 2 from c; fetch 1 from c; close c;
select 42 as answer \\gset
select :answer + 1;
prepare p as select $1::int * 2; execute p(4); deallocate p; execute p(4);
select current_setting('my.own', true) is null; set my.own = 'x'; show my.own; reset my.own; discard all; show timezone;
\\parse
select 7 \\bind \\g
`;
    const [through, direct] = await Promise.all(
      [yard.connectionString('ep-a'), cluster().url()].map((url) => runProgram(psql, ['-X', '-A', '-t', url], { input: script })),
    );
    expect(through?.code).toBe(direct?.code);
    expect(through?.stdout).toBe(direct?.stdout);
    expect(through?.stderr).toBe(direct?.stderr);
    expect(through?.stdout).toContain('43');
  });
});
