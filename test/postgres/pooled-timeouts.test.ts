/** How long statements, transactions, waits and server connections may take, in transaction mode (PgBouncer's test_timeouts). */
import { describe, expect, it, onTestFinished } from 'vitest';
import type { SettingsInput } from '../../core/contract/index.ts';
import { useCluster } from '../support/cluster.ts';
import { driver, errorCodes, lastWords, one, pool, pooledYard, query, raw, sessionsIn, soon, value } from '../support/pooled.ts';
import { startRelay } from '../support/relay.ts';
import { bind, execute, fields, flush, message, parse, rows, sync } from '../support/wire-client.ts';
import type { Yard } from '../support/yard.ts';

const cluster = useCluster();
const yardWith = (pooling: SettingsInput['pooling'], times: SettingsInput['times'] = {}): Promise<Yard> =>
  pooledYard({ 'ep-a': cluster().url() }, pooling, { times });

describe.each(['transaction', 'session'] as const)('times.query in %s mode', (mode) => {
  it('cancels a statement that is over its time, says so, and lets its client go on', async () => {
    const yard = await yardWith({ mode, size: 2 }, { query: 1 });
    const [{ client }, other] = await Promise.all([raw(yard), driver(yard)]);
    client.write(query('select pg_sleep(60)'));
    const answers = await client.until('Z');
    expect(errorCodes(answers)).toEqual(['57014']);
    expect(answers.filter(({ type }) => type === 'N').map((notice) => fields(notice)['M'])).toEqual([
      'Switchyard: the statement is cancelled because it has run for more than 1 s',
    ]);
    expect(await value(client, 'select 1')).toBe('1');
    expect(await one(other, 'select 2')).toBe('2');
    expect((await yard.snapshot()).log.filter(({ code }) => code === 'query_timeout')).toHaveLength(1);
  });

  it('fails the transaction, no more', async () => {
    const yard = await yardWith({ mode, size: 1 }, { query: 1 });
    const client = await driver(yard);
    await client.query('begin');
    await expect(client.query('select pg_sleep(60)')).rejects.toMatchObject({ code: '57014' });
    await expect(client.query('select 1')).rejects.toMatchObject({ code: '25P02' });
    expect((await client.query('commit')).command).toBe('ROLLBACK');
    expect(await one(client, 'select 3')).toBe('3');
  });

  it('counts each statement of a pipeline by itself, and what only a Flush asks for', async () => {
    const yard = await yardWith({ mode, size: 1 }, { query: 3 });
    const { client } = await raw(yard);
    const part = [parse('', 'select pg_sleep(0.7)'), bind('', ''), execute(''), sync];
    client.write(...Array.from({ length: 5 }, () => part).flat());
    for (let i = 0; i < 5; i++) expect(errorCodes(await client.until('Z'))).toEqual([]);
    client.write(parse('', 'select pg_sleep(60)'), bind('', ''), execute(''), flush);
    const refused = await client.until('E');
    expect(errorCodes(refused)).toEqual(['57014']);
    client.write(sync);
    await client.until('Z');
    expect(await value(client, 'select 4')).toBe('4');
  });
});

it('times.query does not count the wait for a server connection', async () => {
  const yard = await yardWith({ size: 1 }, { query: 2 });
  const { client: holder } = await raw(yard);
  const { client: waiter } = await raw(yard);
  await holder.query('begin');
  waiter.write(query("select 'after all'"));
  await sessionsIn(yard, 'waiting', 1);
  // As long as the limit and a look of the timer.
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  await holder.query('commit');
  expect(rows(await waiter.until('Z'))).toEqual([['after all']]);
});

describe.each(['transaction', 'session'] as const)('times.transaction in %s mode', (mode) => {
  it.each([
    ['idle in between', []],
    ['in the middle of a statement', ['select pg_sleep(60)']],
  ])('ends a session whose transaction is over its time, %s; it is rolled back, and others are served', async (_what, statements) => {
    const yard = await yardWith({ mode, size: 2 }, { transaction: 2 });
    const { client: other } = await raw(yard);
    await other.query('drop table if exists too_late');
    await other.query('create table too_late (a int)');
    const { client } = await raw(yard);
    await client.query('begin');
    await client.query('insert into too_late values (1)');
    for (const statement of statements) client.write(query(statement));
    expect(await lastWords(client)).toMatchObject({ S: 'FATAL', C: '25P04', M: 'terminating connection due to transaction timeout' });
    await expect.poll(async () => (await yard.sessions()).length, soon).toBe(1);
    // Waits for the lock, if the transaction is still there.
    expect(await value(other, 'alter table too_late add b int; select count(*) from too_late')).toBe('0');
    expect((await yard.snapshot()).log.filter(({ code }) => code === 'transaction_timeout')).toHaveLength(1);
  });

  it('counts each transaction by itself', async () => {
    const yard = await yardWith({ mode, size: 1 }, { transaction: 3 });
    const client = await driver(yard);
    for (let i = 0; i < 5; i++) {
      await client.query('begin');
      expect(await one(client, 'select pg_sleep(0.8), 1')).toBe('');
      await client.query('commit');
    }
  });
});

it('times.idleInTransaction frees the server connection for who waits', async () => {
  const yard = await yardWith({ size: 1 }, { idleInTransaction: 1 });
  const { client: culprit } = await raw(yard);
  const { client: waiter } = await raw(yard);
  await culprit.query('begin');
  const own = await value(culprit, 'select pg_backend_pid()');
  const answer = value(waiter, 'select pg_backend_pid()');
  expect(await lastWords(culprit)).toMatchObject({ C: '25P03' });
  expect(await answer, 'rolled back and used again').toBe(own);
});

it('times.idleClient ends a session that has no server connection, and none that waits for one', async () => {
  const yard = await yardWith({ size: 1 }, { idleClient: 2 });
  const { client: holder } = await raw(yard);
  await holder.query('begin');
  const { client: idle } = await raw(yard);
  const { client: waiter } = await raw(yard);
  waiter.write(query("select 'served'"));
  expect(await lastWords(idle)).toMatchObject({ C: '57P05' });
  await sessionsIn(yard, 'waiting', 1);
  await holder.query('commit');
  expect(rows(await waiter.until('Z'))).toEqual([['served']]);
});

describe('pooling.wait', () => {
  it('ends every wait in its time, in the order of the queue; sessions live on', async () => {
    const yard = await yardWith({ size: 1, wait: 2 });
    const holder = await driver(yard);
    await holder.query('begin');
    const clients = await Promise.all(Array.from({ length: 4 }, () => driver(yard)));
    const order: number[] = [];
    const outcomes = clients.map(async (client, at) => {
      await expect(client.query('select 1')).rejects.toMatchObject({ code: '53300', severity: 'ERROR' });
      order.push(at);
    });
    await Promise.all(outcomes);
    expect(order).toHaveLength(4);
    expect((await pool(yard)).waiting).toBe(0);
    await holder.query('commit');
    for (const client of clients) expect(await one(client, 'select 5')).toBe('5');
  });

  it('does not end a wait that is over, and 0 is for ever', async () => {
    const yard = await yardWith({ size: 1, wait: 0 });
    const holder = await driver(yard);
    await holder.query('begin');
    const client = await driver(yard);
    const answer = one(client, 'select pg_sleep(1.5), 6');
    await sessionsIn(yard, 'waiting', 1);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await holder.query('commit');
    expect(await answer).toBe('');
  });
});

describe('server connections', () => {
  it('are closed when unused for pooling.idle seconds, but pooling.min of them', async () => {
    const yard = await yardWith({ size: 4, idle: 1, min: 1 });
    const clients = await Promise.all(Array.from({ length: 3 }, () => driver(yard)));
    await Promise.all(clients.map((client) => client.query('begin')));
    expect((await pool(yard)).active).toBe(3);
    await Promise.all(clients.map((client) => client.query('commit')));
    await expect.poll(async () => (await pool(yard)).idle, soon).toBe(1);
    expect((await pool(yard)).active).toBe(0);
    for (const client of clients) expect(await one(client, 'select 7')).toBe('7');
  });

  it('are replaced after pooling.lifetime seconds, never in a transaction', async () => {
    const yard = await yardWith({ size: 1, lifetime: 1 });
    const client = await driver(yard);
    await client.query('begin');
    const own = await one(client, 'select pg_backend_pid()');
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(await one(client, 'select pg_backend_pid()')).toBe(own);
    await client.query('commit');
    expect(await one(client, 'select pg_backend_pid()')).not.toBe(own);
  });

  it('that nobody used for pooling.check seconds are asked first: one that is lost then costs its client nothing', async () => {
    const relay = await startRelay(cluster().port);
    onTestFinished(() => relay.close());
    const yard = await pooledYard({ 'ep-a': `postgresql://postgres@127.0.0.1:${relay.port}/postgres` }, { size: 1, check: 1 });
    const { client } = await raw(yard);
    const own = await value(client, 'select pg_backend_pid()');
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(await value(client, 'select pg_backend_pid()'), 'it answers, and is kept').toBe(own);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    // Whatever comes next on a connection that is open finds the way cut.
    relay.arm('close', '');
    client.write(query('select pg_backend_pid()'));
    await relay.struck();
    relay.release();
    const answers = await client.until('Z');
    expect(errorCodes(answers)).toEqual([]);
    expect(rows(answers)[0]?.[0]).not.toBe(own);
  });

  it('that cannot be had are tried again after pooling.retryAfter seconds; meanwhile the error is at hand', async () => {
    const yard = await yardWith({ size: 2, retryAfter: 1 });
    const clients = await Promise.all(Array.from({ length: 10 }, () => driver(yard)));
    const client = clients[0] ?? expect.fail();
    await client.query('select 1');
    await cluster().down('fast');
    try {
      await expect.poll(async () => (await pool(yard)).idle, soon).toBe(0);
      const begun = Date.now();
      const refusals = await Promise.allSettled(clients.map((each) => each.query('select 1')));
      expect(refusals.every(({ status }) => status === 'rejected')).toBe(true);
      expect(Date.now() - begun).toBeLessThan(10_000);
    } finally {
      await cluster().up();
    }
    await expect.poll(async () => one(client, 'select 8').catch((error: Error) => error.message), soon).toBe('8');
  });
});

it('a cancelled statement’s server connection serves nobody before the cancel has arrived', async () => {
  const yard = await yardWith({ size: 1 }, { query: 1 });
  const { client } = await raw(yard);
  const others = await Promise.all(Array.from({ length: 5 }, () => driver(yard)));
  for (let round = 0; round < 3; round++) {
    client.write(query('select pg_sleep(60)'));
    await sessionsIn(yard, 'active', 1);
    const answers = others.map((other, at) => one(other, `select pg_sleep(0.01), ${at}`));
    expect(errorCodes(await client.until('Z'))).toEqual(['57014']);
    expect(await Promise.all(answers)).toEqual(others.map(() => ''));
  }
  client.write(message('X'));
});
