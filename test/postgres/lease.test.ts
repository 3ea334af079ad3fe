import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { SettingsInput } from '../../core/contract/index.ts';
import { useCluster } from '../support/cluster.ts';
import { move, serverPort, sessionId } from '../support/migration.ts';
import { bind, cancelRequest, execute, fields, message, parse, rows, sync, WireClient } from '../support/wire-client.ts';
import { startYard, type Yard } from '../support/yard.ts';

const cluster = useCluster({ name: 'a' });
const other = useCluster({ name: 'b' });

async function yardWith(pooling: SettingsInput['pooling']): Promise<Yard> {
  const yard = await startYard({
    endpoints: { 'ep-a': cluster().url(), 'ep-b': other().url() },
    options: { poolSize: pooling?.size ?? 200, settings: { pooling: { mode: 'transaction', ...pooling } } },
  });
  onTestFinished(() => yard.stop());
  return yard;
}

async function connect(yard: Yard, options: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: yard.connectionString('ep-a'), ...options });
  client.on('error', () => {});
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

async function one(client: pg.Client, sql: string): Promise<string> {
  return String((await client.query<string[]>({ text: sql, rowMode: 'array' })).rows[0]?.[0]);
}

const pid = (client: pg.Client): Promise<string> => one(client, 'select pg_backend_pid()');

describe('transaction mode', () => {
  it('serves many sessions with one server connection, each with what it has set', async () => {
    const yard = await yardWith({ size: 1 });
    const [first, second, third] = await Promise.all([connect(yard), connect(yard), connect(yard)]);
    expect(new Set([await pid(first), await pid(second), await pid(third)]).size).toBe(1);
    await first.query("set timezone = 'Asia/Tokyo'");
    await second.query('set search_path = "$user", pg_catalog');
    await second.query('begin');
    await second.query('set work_mem = 1234');
    await second.query('rollback');
    for (let round = 0; round < 3; round++) {
      expect(await one(first, 'show timezone')).toBe('Asia/Tokyo');
      expect(await one(second, 'show search_path')).toBe('"$user", pg_catalog');
      expect(await one(second, 'show work_mem')).toBe('4MB');
      expect(await one(third, 'show timezone')).not.toBe('Asia/Tokyo');
      expect(await one(third, 'show search_path')).toBe('"$user", public');
    }
    await first.query('reset timezone');
    expect(await one(first, 'show timezone')).toBe(await one(third, 'show timezone'));
    const { pools } = await yard.snapshot();
    expect(pools[0]).toMatchObject({ opened: 1, size: 1 });
  });

  it('pins what cannot be carried, says why, and lets go by itself', async () => {
    const yard = await yardWith({ size: 2 });
    const client = await connect(yard, { application_name: 'locker' });
    const helper = await connect(yard);
    await client.query('select pg_advisory_lock(42)');
    const row = async () => (await yard.sessions()).find(({ application }) => application === 'locker');
    await expect.poll(async () => (await row())?.pins.map(({ code }) => code)).toEqual(['advisory_lock']);
    expect((await row())?.serverPid).not.toBeNull();
    expect((await row())?.pins[0]?.reason).toContain('ExclusiveLock on 42');
    const own = await pid(client);
    expect(await one(helper, 'select pg_try_advisory_lock(42)')).toBe('false');
    expect(await pid(client)).toBe(own);
    await client.query('select pg_advisory_unlock(42)');
    await expect.poll(async () => (await row())?.pins).toEqual([]);
    expect((await row())?.serverPid).toBeNull();
  });

  it('logs clients in without a server connection, once it has had one', async () => {
    const yard = await yardWith({ size: 1 });
    const busy = await connect(yard);
    await busy.query('begin');
    const next = await connect(yard);
    const answer = pid(next);
    await expect.poll(async () => (await yard.sessions()).filter(({ state }) => state === 'waiting').length).toBe(1);
    await busy.query('commit');
    expect(await answer).toBe(await pid(busy));
  });

  it('answers a cancel in the queue itself, and goes on', async () => {
    const yard = await yardWith({ size: 1 });
    const { client: busy } = await WireClient.start(yard.port);
    onTestFinished(() => busy.destroy());
    await busy.query('begin');
    const { client, greeting } = await WireClient.start(yard.port);
    onTestFinished(() => client.destroy());
    const key = greeting.find(({ type }) => type === 'K');
    if (key === undefined) throw new Error('no key');
    client.write(parse('', 'select 1'), bind('', ''), execute(''), sync);
    await expect.poll(async () => (await yard.sessions()).filter(({ state }) => state === 'waiting').length).toBe(1);
    const canceller = await WireClient.open(yard.port);
    canceller.write(cancelRequest(key.body));
    await canceller.closed();
    const refused = await client.until('Z');
    expect(refused.map(({ type }) => type)).toEqual(['E', 'Z']);
    expect(refused.slice(0, 1).map(fields)).toMatchObject([{ C: '57014', S: 'ERROR' }]);
    await busy.query('commit');
    expect(rows(await client.query('select 7'))).toEqual([['7']]);
  });

  it('rolls back what a lost client leaves open, and keeps the server connection', async () => {
    const yard = await yardWith({ size: 1 });
    const { client } = await WireClient.start(yard.port);
    await client.query('create table if not exists left_open (a int)');
    await client.query('begin');
    const own = rows(await client.query('select pg_backend_pid()'));
    await client.query('insert into left_open values (1)');
    client.write(message('Q', Buffer.from('select pg_sleep(60)\0')));
    await expect.poll(async () => (await yard.sessions())[0]?.state).toBe('active');
    client.socket.resetAndDestroy();
    const { client: next } = await WireClient.start(yard.port);
    onTestFinished(() => next.destroy());
    expect(rows(await next.query('select pg_backend_pid()'))).toEqual(own);
    expect(rows(await next.query('select count(*) from left_open'))).toEqual([['0']]);
  });

  it('rolls a transaction back for the operator: the queue is freed, the client meets a failed transaction', async () => {
    const yard = await yardWith({ size: 1 });
    const culprit = await connect(yard, { application_name: 'culprit' });
    await culprit.query('begin');
    await culprit.query('create table never_made (a int)');
    const waiter = await connect(yard);
    const answer = one(waiter, "select to_regclass('never_made')");
    await expect.poll(async () => (await yard.sessions()).filter(({ state }) => state === 'waiting').length).toBe(1);
    await yard.switchyard.handlers['session.rollback']({ sessionId: await sessionId(yard, 'culprit') });
    expect(await answer).toBe('null');
    await expect
      .poll(async () => (await yard.sessions()).find((row) => row.application === 'culprit')?.state)
      .toBe('idle in transaction (aborted)');
    await expect(culprit.query('select 1')).rejects.toMatchObject({ code: '25P02' });
    expect((await culprit.query('commit')).command).toBe('ROLLBACK');
    expect(await one(culprit, 'select 5')).toBe('5');
  });

  it('can be switched on and off while sessions live', async () => {
    const yard = await yardWith({ mode: 'session', size: 2 });
    const client = await connect(yard);
    await client.query("set timezone = 'Asia/Tokyo'");
    await client.query('prepare p as select 1');
    await yard.switchyard.handlers['endpoints.pooling']({ id: 'ep-a', mode: 'transaction', profile: 'strict' });
    await expect.poll(async () => (await yard.sessions())[0]?.serverPid).toBeNull();
    const strangers = await Promise.all([connect(yard), connect(yard)]);
    await Promise.all(strangers.map((each) => each.query('select pg_sleep(0.05)')));
    expect(await one(client, 'show timezone')).toBe('Asia/Tokyo');
    expect(await one(client, 'execute p')).toBe('1');
    await yard.switchyard.handlers['endpoints.pooling']({ id: 'ep-a', mode: 'session', profile: 'strict' });
    const own = await pid(client);
    expect(await pid(client)).toBe(own);
    await expect.poll(async () => (await yard.sessions()).filter(({ serverPid }) => serverPid !== null).length).toBe(1);
  });

  it('moves a detached session without a pause, with what it carries', async () => {
    const yard = await yardWith({ size: 1 });
    const client = await connect(yard, { application_name: 'mover' });
    await client.query("set timezone = 'Asia/Tokyo'; set my.tenant = 'seven'");
    await expect.poll(async () => (await yard.sessions())[0]?.serverPid).toBeNull();
    const before = await serverPort(client);
    const moved = await move(yard, 'mover', 'ep-b');
    expect(moved).toMatchObject({ outcome: 'success', pause_ms: '0' });
    expect(await serverPort(client)).not.toBe(before);
    expect(await one(client, 'show timezone')).toBe('Asia/Tokyo');
    expect(await one(client, 'show my.tenant')).toBe('seven');
    await client.query('begin');
    const back = move(yard, 'mover', 'ep-a');
    await expect.poll(async () => (await yard.snapshot()).transfers.at(-1)?.phase).toBe('armed');
    await client.query('commit');
    expect(await back).toMatchObject({ outcome: 'success' });
    expect(await serverPort(client)).toBe(before);
    expect(await one(client, 'show my.tenant')).toBe('seven');
  });

  it('tells who waits that it waits, and gives up after a while without losing the session', async () => {
    const yard = await yardWith({ size: 1, wait: 2, waitNotice: 1 });
    const busy = await connect(yard);
    await busy.query('begin');
    const waiter = await connect(yard);
    const notices: string[] = [];
    waiter.on('notice', ({ message: text }) => notices.push(String(text)));
    await expect(waiter.query('select 1')).rejects.toMatchObject({ code: '53300' });
    expect(notices.join()).toContain('waiting for a server connection');
    await busy.query('commit');
    expect(await one(waiter, 'select 2')).toBe('2');
  });
});

describe('state that no statement names', () => {
  it('is found in functions, and sequences tell nobody what others did', async () => {
    const yard = await yardWith({ size: 2 });
    const first = await connect(yard);
    const second = await connect(yard);
    await first.query(
      `create or replace function sets_tenant(text) returns text language sql as $$ select set_config('app.hidden', $1, false) $$`,
    );
    await first.query("select sets_tenant('umbrella')");
    expect(await one(second, "select current_setting('app.hidden', true)")).toBe('null');
    expect(await one(first, "select current_setting('app.hidden', true)")).toBe('umbrella');
    await first.query('create table if not exists counted (id serial)');
    await expect(second.query('select lastval()')).rejects.toMatchObject({ code: '55000' });
    await first.query('insert into counted default values');
    await expect(second.query('select lastval()')).rejects.toMatchObject({ code: '55000' });
  });

  it('shows nobody the statements of others', async () => {
    const yard = await yardWith({ size: 1 });
    const first = await connect(yard);
    const second = await connect(yard);
    await first.query({ name: 'mine', text: 'select 1' });
    expect((await second.query('select name from pg_prepared_statements')).rows).toEqual([]);
    await second.query('begin');
    expect((await second.query('select name from pg_prepared_statements where name <> $1', [''])).rows).toEqual([]);
    await second.query('commit');
    expect((await first.query({ name: 'mine', text: 'select 1' })).rows).toHaveLength(1);
    expect((await first.query('select name from pg_prepared_statements')).rows).toEqual([{ name: 'mine' }]);
    await second.query('prepare theirs as select 2');
    await expect(second.query({ name: 'theirs', text: 'select 3' })).rejects.toMatchObject({ code: '42P05' });
    await first.query('deallocate mine');
    await expect(first.query('execute mine')).rejects.toMatchObject({ code: '26000' });
  });
});
