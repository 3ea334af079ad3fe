/** The pools in front of real servers: paced, limited, checked, failing fast, paused and killed. */
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { PoolRow, SettingsInput } from '../../core/contract/index.ts';
import { startTestCluster, useCluster } from '../support/cluster.ts';
import { fields, message, rows, startup, WireClient } from '../support/wire-client.ts';
import { startYard, type Yard } from '../support/yard.ts';

const cluster = useCluster({ settings: { max_connections: '40' } });
const patience = { timeout: 20_000 };

async function yardWith(
  pooling: SettingsInput['pooling'],
  endpoints = { 'ep-a': cluster().url() } as Record<string, string>,
): Promise<Yard> {
  // A client at rest would outlive its server: that is tried elsewhere.
  const at = await startYard({ endpoints, options: { settings: { pooling, resurrection: { enabled: false } } } });
  onTestFinished(() => at.stop());
  return at;
}

async function start(at: Yard, parameters: Record<string, string> = {}): Promise<WireClient> {
  const { client } = await WireClient.start(at.port, parameters);
  onTestFinished(() => client.destroy());
  return client;
}

/** A client that has sent its startup message, and no more. */
async function knock(at: Yard, parameters: Record<string, string> = {}): Promise<WireClient> {
  const client = await WireClient.open(at.port);
  onTestFinished(() => client.destroy());
  client.write(startup({ user: 'postgres', database: 'postgres', ...parameters }));
  return client;
}

async function pidOf(client: WireClient): Promise<string> {
  return rows(await client.query('select pg_backend_pid()'))[0]?.[0] ?? expect.fail();
}

async function poolOf(at: Yard): Promise<PoolRow> {
  return (await at.snapshot()).pools[0] ?? expect.fail();
}

async function onServer(sql: string, url = cluster().url()): Promise<string[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query<[string]>({ text: sql, rowMode: 'array' })).rows.map(([first]) => String(first));
  } finally {
    await client.end();
  }
}

async function leave(client: WireClient): Promise<void> {
  client.write(message('X'));
  await client.closed();
}

/** What the client is refused with. */
async function refusal(client: WireClient): Promise<Record<string, string>> {
  return fields((await client.until('E')).at(-1) ?? expect.fail());
}

describe('a pool', () => {
  it('logs in as often as there is need for, and no oftener at the same time than is set', async () => {
    const at = await yardWith({ size: 20, logins: 2 });
    const clients = await Promise.all(Array.from({ length: 12 }, () => start(at)));
    expect(new Set(await Promise.all(clients.map(pidOf))).size).toBe(12);
    expect(await poolOf(at)).toMatchObject({ opened: 12, active: 12, assignments: 12, waiting: 0, failure: null, wait: { count: 12 } });
  });

  it('keeps a minimum open while a client is there, and closes what is unused for too long', async () => {
    const at = await yardWith({ min: 3, idle: 1 });
    const client = await start(at);
    await expect.poll(() => poolOf(at), patience).toMatchObject({ active: 1, idle: 2 });
    await leave(client);
    await expect.poll(() => poolOf(at), patience).toMatchObject({ active: 0, idle: 0, resetting: 0 });
  });

  it('asks a connection that was unused for long whether it answers', async () => {
    const at = await yardWith({ check: 1 });
    const first = await start(at);
    const pid = await pidOf(first);
    await leave(first);
    await expect.poll(() => poolOf(at), patience).toMatchObject({ idle: 1 });
    await expect
      .poll(() => onServer(`select query from pg_stat_activity where pid = ${pid} and now() - state_change > interval '1.2 s'`), patience)
      .toEqual(['DISCARD ALL']);
    const second = await start(at);
    // The empty query came before the client's.
    expect(rows(await second.query('select pg_backend_pid()'))).toEqual([[pid]]);
    expect(await poolOf(at)).toMatchObject({ opened: 1, reused: 1, checking: 0 });
  });

  it('tells who waits that it waits, and refuses it in the end with the limit that is in the way', async () => {
    const at = await yardWith({ size: 1, wait: 2, waitNotice: 1 });
    await start(at);
    const waiting = await knock(at);
    await expect.poll(() => poolOf(at), patience).toMatchObject({ waiting: 1 });
    const heard = await waiting.until('E');
    expect(heard.filter(({ type }) => type === 'N').map((notice) => fields(notice)['M'])).toEqual([
      expect.stringContaining('waiting for a server connection') as string,
    ]);
    const answer = fields(heard.at(-1) ?? expect.fail());
    expect(answer).toMatchObject({ S: 'FATAL', C: '53300' });
    expect(answer['M']).toContain('became free within 2 s: all 1 of pool');
    expect(answer['H']).toContain('pooling.size');
    await expect.poll(() => poolOf(at), patience).toMatchObject({ waiting: 0 });
  });

  it('gives those who have waited for long something of its reserve', async () => {
    const at = await yardWith({ size: 1, reserve: 1, reserveAfter: 1 });
    const first = await start(at);
    const second = await start(at);
    expect(await pidOf(second)).not.toBe(await pidOf(first));
    expect((await poolOf(at)).wait.max).toBeGreaterThan(900);
    await knock(at);
    await expect.poll(() => poolOf(at), patience).toMatchObject({ waiting: 1, active: 2 });
  });

  it('keeps to what the backend may have, all its pools together', async () => {
    const at = await yardWith({ perBackend: 2 });
    await onServer('create database other');
    const first = await start(at);
    await start(at, { database: 'other' });
    const third = await knock(at, { database: 'other' });
    await expect.poll(async () => (await at.snapshot()).pools.map(({ waiting }) => waiting), patience).toEqual([0, 1]);
    await leave(first);
    await third.until('Z');
    expect((await at.snapshot()).pools).toMatchObject([
      { active: 0, idle: 0 },
      { active: 2, waiting: 0 },
    ]);
  });

  it('goes on with what it has when the server lets nobody else in, and grows when it can', async () => {
    const at = await yardWith({ size: 60, retryAfter: 1 });
    const hogs: pg.Client[] = [];
    const first = await start(at);
    for (;;) {
      const hog = new pg.Client(cluster().url());
      hog.on('error', () => {});
      try {
        await hog.connect();
      } catch {
        break;
      }
      hogs.push(hog);
    }
    onTestFinished(() => Promise.all(hogs.map((hog) => hog.end().catch(() => {}))).then(() => {}));
    const second = await knock(at);
    await expect.poll(async () => (await at.snapshot()).log.map(({ code }) => code), patience).toContain('server_login_failed');
    await leave(first);
    await second.until('Z');
    const third = await knock(at);
    await expect.poll(() => poolOf(at), patience).toMatchObject({ waiting: 1 });
    await hogs[0]?.end();
    await third.until('Z');
    expect(await poolOf(at)).toMatchObject({ active: 2, waiting: 0 });
  });

  it('tells everybody at once why the server cannot be had, and has it again when it is back', async () => {
    const server = await startTestCluster();
    const at = await yardWith({ retryAfter: 3_600 }, { 'ep-a': server.url() });
    const client = await start(at);
    const gone = client.closed();
    await server.stop('immediate');
    await gone;
    const [first, second] = [await knock(at), await knock(at)];
    expect([await refusal(first), await refusal(second)]).toMatchObject([{ C: '08001' }, { C: '08001' }]);
    const { failure } = await poolOf(at);
    expect(failure).not.toBe(null);
    const told = await refusal(await knock(at));
    expect(told['M']).toBe(failure);
    // Asked for by hand, the server is found to be there again: nobody waits for the hour to pass.
    const again = await startTestCluster({ port: server.port });
    onTestFinished(() => again.stop('immediate'));
    await at.switchyard.handlers['endpoints.check']({ id: 'ep-a' });
    await start(at);
    expect(await poolOf(at)).toMatchObject({ active: 1, failure: null });
  });

  it('takes changed settings at once', async () => {
    const at = await yardWith({ size: 1 });
    await start(at);
    const second = await knock(at);
    await expect.poll(() => poolOf(at), patience).toMatchObject({ waiting: 1, size: 1 });
    await at.switchyard.applySettings({ pooling: { size: 2 } });
    await second.until('Z');
    expect(await poolOf(at)).toMatchObject({ active: 2, size: 2 });
  });
});

describe('an endpoint', () => {
  const codes = async (at: Yard): Promise<string[]> => (await at.snapshot()).log.map(({ code }) => code);

  it('that is paused gives nobody a server connection, once those that are out have come back', async () => {
    const at = await yardWith({}, { 'ep-a': cluster().url(), 'ep-b': cluster().url() });
    const { handlers } = at.switchyard;
    const holder = await start(at);
    const pause = Promise.resolve(handlers['pool.pause']({ endpoint: 'ep-a', withinMs: 30_000 }));
    const waiting = await knock(at);
    await expect.poll(() => poolOf(at), patience).toMatchObject({ waiting: 1 });
    expect((await at.snapshot()).endpoints.map(({ paused }) => paused)).toEqual([true, false]);
    await start(at, { options: 'endpoint=ep-b' });
    await leave(holder);
    await pause;
    expect(await poolOf(at)).toMatchObject({ waiting: 1 });
    expect(await codes(at)).toContain('endpoint_paused');
    await handlers['pool.resume']({ endpoint: 'ep-a' });
    await waiting.until('Z');
    expect((await at.snapshot()).endpoints.map(({ paused }) => paused)).toEqual([false, false]);
  });

  it('that cannot be paused in time goes on, and it is said who was in the way', async () => {
    const at = await yardWith({});
    const { handlers } = at.switchyard;
    await start(at, { application_name: 'the holder' });
    const paused = Promise.resolve(handlers['pool.pause']({ endpoint: 'ep-a', withinMs: 100 }));
    await expect(paused).rejects.toMatchObject({ code: 'pause_timeout', message: expect.stringContaining('the holder') as string });
    await start(at);
    expect(await codes(at)).toContain('pause_timeout');
    await expect(async () => await handlers['pool.pause']({ endpoint: 'ep-x', withinMs: 1 })).rejects.toMatchObject({
      code: 'unknown_endpoint',
    });
  });

  it('that is resumed while its pause waits goes on at once', async () => {
    const at = await yardWith({});
    const { handlers } = at.switchyard;
    await start(at);
    const paused = Promise.resolve(handlers['pool.pause']({ endpoint: 'ep-a', withinMs: 60_000 }));
    const ended = expect(paused).rejects.toMatchObject({ code: 'resumed' });
    await handlers['pool.resume']({ endpoint: 'ep-a' });
    await ended;
    await start(at);
  });

  it('gets new server connections as its clients give the old ones back', async () => {
    const at = await yardWith({});
    const [used, idle] = [await start(at), await start(at)];
    const pids = [await pidOf(used), await pidOf(idle)];
    await leave(idle);
    await expect.poll(() => poolOf(at), patience).toMatchObject({ idle: 1 });
    await at.switchyard.handlers['pool.reconnect']({ endpoint: 'ep-a' });
    await expect.poll(() => onServer(`select pid from pg_stat_activity where pid = ${pids[1]}`), patience).toEqual([]);
    expect(await pidOf(used)).toBe(pids[0]);
    await leave(used);
    await expect.poll(() => onServer(`select pid from pg_stat_activity where pid = ${pids[0]}`), patience).toEqual([]);
    expect(await poolOf(at)).toMatchObject({ opened: 2, active: 0, idle: 0 });
    expect(pids).not.toContain(await pidOf(await start(at)));
  });

  it('that is killed loses its sessions and their server connections, and stays paused', async () => {
    const at = await yardWith({}, { 'ep-a': cluster().url(), 'ep-b': cluster().url() });
    const { handlers } = at.switchyard;
    const [idle, busy, other] = [await start(at), await start(at), await start(at, { options: 'endpoint=ep-b' })];
    const pids = [await pidOf(idle), await pidOf(busy)];
    busy.write(message('Q', Buffer.from('select pg_sleep(600)\0')));
    await expect.poll(() => onServer(`select state from pg_stat_activity where pid = ${pids[1]}`), patience).toEqual(['active']);
    await handlers['pool.kill']({ endpoint: 'ep-a' });
    for (const client of [idle, busy]) expect(await refusal(client)).toMatchObject({ S: 'FATAL', C: '57P01' });
    await expect.poll(() => onServer(`select pid from pg_stat_activity where pid in (${pids.join(', ')})`), patience).toEqual([]);
    expect(rows(await other.query('select 1'))).toEqual([['1']]);
    const next = await knock(at);
    await expect.poll(async () => (await at.sessions()).filter(({ state }) => state === 'waiting').length, patience).toBe(1);
    await handlers['pool.resume']({ endpoint: 'ep-a' });
    await next.until('Z');
    expect(await codes(at)).toContain('endpoint_killed');
  });
});
