/**
 * What an operator does to pools while clients work (PgBouncer's test_operations, and the shutdown of test_misc): pause and resume,
 * reconnect, kill, a server that is replaced, other settings, the end.
 */
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CallError, type PoolMode, type Settings, type SettingsInput } from '../../core/contract/index.ts';
import { useCluster } from '../support/cluster.ts';
import {
  asleep,
  cancel,
  driver,
  errorCodes,
  lastWords,
  one,
  pool,
  pooledYard,
  query,
  raw,
  sessionsIn,
  soon,
  value,
} from '../support/pooled.ts';
import { describeWithProgram, runProgram } from '../support/programs.ts';
import { fields, rows } from '../support/wire-client.ts';
import { startYard, type Yard } from '../support/yard.ts';

const cluster = useCluster({ name: 'a' });
const other = useCluster({ name: 'b' });
const yardWith = (pooling: SettingsInput['pooling'] = {}): Promise<Yard> =>
  pooledYard({ 'ep-a': cluster().url(), 'ep-b': other().url() }, pooling);

const calls = (yard: Yard) => {
  const { handlers } = yard.switchyard;
  return {
    pause: (withinMs = 20_000) => handlers['pool.pause']({ endpoint: 'ep-a', withinMs }),
    resume: () => handlers['pool.resume']({ endpoint: 'ep-a' }),
    reconnect: () => handlers['pool.reconnect']({ endpoint: 'ep-a' }),
    kill: () => handlers['pool.kill']({ endpoint: 'ep-a' }),
  };
};
const pooling = async (yard: Yard, changed: Partial<Settings['pooling']>): Promise<void> => {
  const { settings } = await yard.switchyard.handlers['settings.get']({});
  const { users: _users, ...authentication } = settings.authentication;
  await yard.switchyard.handlers['settings.save']({
    ...settings,
    authentication,
    pooling: { ...settings.pooling, ...changed },
  });
};
const to = (endpoint: string): Record<string, string> => ({ options: `endpoint=${endpoint}` });

describe('PAUSE', () => {
  it('waits for transactions under way, holds what comes, and lets it go at RESUME; nobody notices more than a delay', async () => {
    const yard = await yardWith({ size: 3 });
    const { pause, resume } = calls(yard);
    const { client: open } = await raw(yard);
    await open.query('begin');
    const clients = await Promise.all(Array.from({ length: 6 }, () => raw(yard)));
    const paused = Promise.resolve(pause());
    await expect.poll(async () => (await yard.snapshot()).endpoints.find(({ id }) => id === 'ep-a')?.paused, soon).toBe(true);
    // What is open goes on to its end.
    expect(await value(open, 'select 1')).toBe('1');
    clients.forEach(({ client }, at) => client.write(query(`select ${at}`)));
    await sessionsIn(yard, 'waiting', 6);
    await open.query('commit');
    await paused;
    expect(await pool(yard)).toMatchObject({ active: 0 });
    // The other endpoint is not concerned.
    expect(await value((await raw(yard, to('ep-b'))).client, 'select 2')).toBe('2');
    await sessionsIn(yard, 'waiting', 6);
    await resume();
    for (const [at, { client }] of clients.entries()) expect(rows(await client.until('Z'))).toEqual([[String(at)]]);
  });

  it('that does not come about in time names its reason, and is over', async () => {
    const yard = await yardWith({ size: 2 });
    const client = await driver(yard, { application_name: 'stubborn' });
    await client.query('begin');
    const refusal = await Promise.resolve(calls(yard).pause(300)).then(
      () => null,
      (error: unknown) => error,
    );
    expect(refusal).toBeInstanceOf(CallError);
    expect((refusal as CallError).code).toBe('pause_timeout');
    expect(`${(refusal as CallError).message} ${(refusal as CallError).hint}`).toContain('stubborn');
    expect(await one(await driver(yard), 'select 1')).toBe('1');
    await client.query('commit');
  });

  it('lets a server be restarted under clients that never hear of it', async () => {
    const yard = await yardWith({ size: 3 });
    const { pause, resume } = calls(yard);
    const clients = await Promise.all(Array.from({ length: 6 }, () => driver(yard)));
    await Promise.all(clients.map((client, at) => client.query(`set my.number = '${at}'`)));
    await Promise.all(clients.map((client) => client.query({ name: 'kept', text: "select current_setting('my.number') as n" })));
    let running = true;
    const errors: string[] = [];
    let done = 0;
    const work = clients.map(async (client, at) => {
      while (running) {
        await client.query<{ n: string }>({ name: 'kept', text: "select current_setting('my.number') as n" }).then(
          ({ rows: [row] }) => (row?.n === String(at) ? done++ : errors.push(`client ${at} heard ${row?.n}`)),
          (error: Error) => errors.push(error.message),
        );
      }
    });
    await expect.poll(() => done, soon).toBeGreaterThan(50);
    await pause();
    const before = done;
    await cluster().restart('fast');
    await resume();
    await expect.poll(() => done, soon).toBeGreaterThan(before + 50);
    running = false;
    await Promise.all(work);
    expect(errors).toEqual([]);
  });

  it('holds in session mode as well: who has its server connection keeps it, others wait', async () => {
    const yard = await yardWith({ mode: 'session', size: 3 });
    const { pause, resume } = calls(yard);
    const client = await driver(yard);
    await client.query('select 1');
    const paused = Promise.resolve(pause());
    const next = driver(yard);
    await expect.poll(async () => (await pool(yard)).waiting, soon).toBe(1);
    expect(await one(client, 'select 1')).toBe('1');
    await client.end();
    await paused;
    await resume();
    expect(await one(await next, 'select 2')).toBe('2');
  });

  it('lets who waits behind it cancel, leave, and run into the limit of the queue', async () => {
    const yard = await yardWith({ size: 1, wait: 2 });
    const { pause, resume } = calls(yard);
    const [cancelled, gone, patient] = [await raw(yard), await raw(yard), await raw(yard)];
    await pause();
    for (const { client } of [cancelled, gone, patient]) client.write(query('select 1'));
    await sessionsIn(yard, 'waiting', 3);
    await cancel(yard, cancelled.key);
    expect(errorCodes(await cancelled.client.until('Z'))).toEqual(['57014']);
    gone.client.destroy();
    const late = await patient.client.until('Z');
    expect(errorCodes(late)).toEqual(['53300']);
    expect(fields(late.find(({ type }) => type === 'E') ?? expect.fail())['M']).toContain('paused');
    await resume();
    expect(await value(patient.client, 'select 1')).toBe('1');
    expect(await value(cancelled.client, 'select 1')).toBe('1');
  });
});

describe.each<PoolMode>(['transaction', 'session'])('RECONNECT in %s mode', (mode) => {
  it('replaces server connections as they are given back, and never one in use', async () => {
    const yard = await yardWith({ mode, size: 2 });
    const { client: open } = await raw(yard);
    await open.query('begin');
    const own = await value(open, 'select pg_backend_pid()');
    const { client: other } = await raw(yard);
    const others = await value(other, 'select pg_backend_pid()');
    await calls(yard).reconnect();
    expect(await value(open, 'select pg_backend_pid()')).toBe(own);
    await open.query('commit');
    const { client: next } = mode === 'session' ? await leaveAndReturn(yard, open) : { client: open };
    const renewed = await value(next, 'select pg_backend_pid()');
    expect([own, others]).not.toContain(renewed);
    if (mode === 'transaction') expect([own, others]).not.toContain(await value(other, 'select pg_backend_pid()'));
    else expect(await value(other, 'select pg_backend_pid()')).toBe(others);
  });
});

async function leaveAndReturn(yard: Yard, client: Awaited<ReturnType<typeof raw>>['client']): ReturnType<typeof raw> {
  const before = (await yard.sessions()).length;
  client.destroy();
  await expect.poll(async () => (await yard.sessions()).length, soon).toBe(before - 1);
  return await raw(yard);
}

describe('KILL', () => {
  it('ends the endpoint’s sessions, detached, waiting and at work, and nobody else’s', async () => {
    const yard = await yardWith({ size: 1 });
    const { client: idle } = await raw(yard);
    await idle.query('select 1');
    const { client: busy } = await raw(yard);
    busy.write(query('select pg_sleep(60)'));
    await asleep(cluster().port, 1);
    const { client: waiting } = await raw(yard);
    waiting.write(query('select 1'));
    await sessionsIn(yard, 'waiting', 1);
    const { client: stranger } = await raw(yard, to('ep-b'));
    await stranger.query('begin');
    await calls(yard).kill();
    for (const client of [idle, busy, waiting]) expect(await lastWords(client)).toMatchObject({ S: 'FATAL', C: '57P01' });
    expect(await value(stranger, 'select 1')).toBe('1');
    // It stays paused; then all is as new.
    await calls(yard).resume();
    expect(await value((await raw(yard)).client, 'select 2')).toBe('2');
    const { client: direct } = await raw(yard, to('ep-a'));
    await expect
      .poll(() => value(direct, `select count(*) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid()`), soon)
      .toBe('0');
  });

  it('in the middle of a row sends nothing behind it', async () => {
    const yard = await yardWith({ size: 1 });
    const { client } = await raw(yard);
    client.socket.removeAllListeners('data');
    client.socket.pause();
    client.write(query("select repeat('x', 60000000)"));
    await expect.poll(async () => (await yard.sessions())[0]?.bytesOut ?? 0, soon).toBeGreaterThan(100_000);
    const [row] = await yard.sessions();
    await yard.switchyard.handlers['session.close']({ sessionId: row?.id ?? 0 });
    let tail = Buffer.alloc(0);
    client.socket.on('data', (chunk: Buffer) => (tail = Buffer.concat([tail, chunk]).subarray(-20)));
    client.socket.resume();
    await client.closed();
    expect(tail.toString()).toBe('x'.repeat(20));
    expect(await value((await raw(yard)).client, 'select 1')).toBe('1');
  });
});

describe('an endpoint that is mapped to another server', () => {
  it('takes new clients there; those that are in stay where they are, without a server connection too', async () => {
    const yard = await yardWith({ size: 2 });
    const client = await driver(yard);
    await client.query("set my.number = '5'");
    const port = await one(client, 'select inet_server_port()');
    await yard.switchyard.handlers['endpoints.save']({ id: 'ep-a', url: other().url() });
    const next = await driver(yard);
    expect(await one(next, 'select inet_server_port()')).not.toBe(port);
    expect(await one(client, 'select inet_server_port()')).toBe(port);
    expect(await one(client, 'show my.number')).toBe('5');
    const [stranded] = (await yard.sessions()).filter(({ backend }) => backend.endsWith(`:${port}`));
    expect(stranded).toMatchObject({ endpoint: 'ep-a' });
  });
});

describe('settings that change while clients work', () => {
  it('a pool that becomes smaller closes what is too much as it is given back; one that grows serves who waits', async () => {
    const yard = await yardWith({ size: 4 });
    const clients = await Promise.all(Array.from({ length: 4 }, () => raw(yard)));
    await Promise.all(clients.map(({ client }) => client.query('begin')));
    await pooling(yard, { size: 2 });
    expect(await value(clients[0]?.client ?? expect.fail(), 'select 1'), 'nobody loses what it has').toBe('1');
    await Promise.all(clients.map(({ client }) => client.query('commit')));
    await expect.poll(async () => (await pool(yard)).idle, soon).toBe(2);
    await Promise.all(clients.slice(0, 2).map(({ client }) => client.query('begin')));
    const third = clients[2]?.client ?? expect.fail();
    third.write(query("select 'third'"));
    await sessionsIn(yard, 'waiting', 1);
    await pooling(yard, { size: 3 });
    expect(rows(await third.until('Z'))).toEqual([['third']]);
  });

  it('from session to transaction mode and back, under load: no error, no lost setting', async () => {
    const yard = await yardWith({ size: 12 });
    const clients = await Promise.all(Array.from({ length: 8 }, () => driver(yard)));
    await Promise.all(clients.map((client, at) => client.query(`set my.number = '${at}'`)));
    let running = true;
    let done = 0;
    const wrong: string[] = [];
    const work = clients.map(async (client, at) => {
      while (running) {
        await client.query('begin');
        const heard = await one(client, 'show my.number');
        await client.query('commit');
        if (heard === String(at)) done++;
        else wrong.push(`${at}: ${heard}`);
      }
    });
    for (const mode of ['session', 'transaction', 'session', 'transaction'] as const) {
      await yard.switchyard.handlers['endpoints.pooling']({ id: 'ep-a', mode, profile: 'strict' });
      const before = done;
      await expect.poll(() => done, soon).toBeGreaterThan(before + 40);
    }
    running = false;
    await Promise.all(work);
    expect(wrong).toEqual([]);
    await expect.poll(async () => (await pool(yard)).active, soon).toBe(0);
  });
});

describe('the end of the switchyard', () => {
  it.each<PoolMode>(['transaction', 'session'])(
    'in %s mode tells every client 57P01, whatever it does, and leaves nothing on the server',
    async (mode) => {
      const yard = await yardWith({ mode, size: 3 });
      const name = `ending ${mode}`;
      const login = { application_name: name };
      const idle = await raw(yard, login);
      await idle.client.query('select 1');
      const open = await raw(yard, login);
      await open.client.query('begin');
      const busy = await raw(yard, login);
      busy.client.write(query('select pg_sleep(60)'));
      await asleep(cluster().port, 1);
      const members = [idle, open, busy];
      await yard.stop();
      for (const { client } of members)
        expect(await lastWords(client)).toMatchObject({ S: 'FATAL', C: '57P01', M: 'Switchyard is shutting down' });
      const direct = new pg.Client(cluster().url());
      await direct.connect();
      onTestFinished(() => direct.end());
      await expect.poll(() => one(direct, `select count(*) from pg_stat_activity where application_name = '${name}'`), soon).toBe('0');
    },
  );

  it('by SHUTDOWN WAIT_FOR_SERVERS refuses new clients and waits for transactions', async () => {
    let ended = 0;
    const yard = await startYard({
      endpoints: { 'ep-a': cluster().url() },
      options: { settings: { pooling: { mode: 'transaction', size: 2 } }, onShutdown: () => void ended++ },
    });
    onTestFinished(() => yard.stop());
    const { client } = await raw(yard);
    await client.query('begin');
    const console = await yard.consoleClient();
    console.on('error', () => {});
    onTestFinished(() => console.end().catch(() => {}));
    const answer = console.query('SHUTDOWN WAIT_FOR_SERVERS').then(
      () => 'done',
      () => 'closed',
    );
    await expect.poll(async () => (await raw(yard).catch(() => null)) === null, soon).toBe(true);
    expect(ended).toBe(0);
    expect(await value(client, 'select 1')).toBe('1');
    await client.query('commit');
    await expect.poll(() => ended, soon).toBe(1);
    await yard.stop();
    await answer;
  });
});

describeWithProgram('psql', 'psql across PAUSE and RESUME', (psql) => {
  it('waits, and goes on', async () => {
    const yard = await yardWith({ size: 1 });
    await calls(yard).pause();
    const result = runProgram(psql, ['-XAtc', "select 'went on'", yard.connectionString('ep-a')]);
    await expect.poll(async () => (await yard.sessions()).length, soon).toBe(1);
    await calls(yard).resume();
    expect(await result).toMatchObject({ code: 0, stdout: 'went on\n' });
  });
});
