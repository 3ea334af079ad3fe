/** Prepared statements of the protocol in transaction mode (PgBouncer's test_prepared), beside what a direct connection says. */
import postgres from 'postgres';
import { describe, expect, it, onTestFinished } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { driver, errorCodes, one, pool, pooledYard, query, raw, sessionsIn, soon, value } from '../support/pooled.ts';
import {
  bind,
  closeStatement,
  describeStatement,
  execute,
  flush,
  parse,
  rows,
  sync,
  WireClient,
  type WireMessage,
} from '../support/wire-client.ts';
import type { Yard } from '../support/yard.ts';

const cluster = useCluster();
const yardWith = (size: number): Promise<Yard> => pooledYard({ 'ep-a': cluster().url() }, { size });

const cycle = async (client: WireClient, ...frames: Buffer[]): Promise<WireMessage[]> => {
  client.write(...frames, sync);
  return await client.until('Z');
};
const run = (client: WireClient, name: string, values: string[] = []): Promise<WireMessage[]> =>
  cycle(client, bind('', name, values), execute(''));
const said = (messages: readonly WireMessage[]): string[] => messages.map(({ type, body }) => `${type}${body.toString('hex')}`);

/** What a client hears directly, message by message. */
async function directly(frames: readonly Buffer[][]): Promise<string[][]> {
  const { client } = await WireClient.start(cluster().port);
  try {
    const heard: string[][] = [];
    for (const part of frames) heard.push(said(await cycle(client, ...part)));
    return heard;
  } finally {
    client.destroy();
  }
}

it('the same name means something else to each client, on one server connection', async () => {
  const yard = await yardWith(1);
  const clients = await Promise.all(Array.from({ length: 5 }, () => raw(yard)));
  for (const [at, { client }] of clients.entries()) expect(errorCodes(await cycle(client, parse('mine', `select ${at}`)))).toEqual([]);
  for (let round = 0; round < 3; round++)
    for (const [at, { client }] of clients.entries()) expect(rows(await run(client, 'mine'))).toEqual([[String(at)]]);
  expect(await pool(yard)).toMatchObject({ opened: 1 });
});

it('the same text, under as many names as there are clients, each of whom sees its own', async () => {
  const yard = await yardWith(1);
  const clients = await Promise.all(Array.from({ length: 10 }, () => raw(yard)));
  for (const [at, { client }] of clients.entries()) {
    await cycle(client, parse(`name_${at}`, 'select $1::int + 1 as shared'));
    expect(rows(await run(client, `name_${at}`, [String(at)]))).toEqual([[String(at + 1)]]);
  }
  for (const [at, { client }] of clients.entries())
    expect(rows(await client.query('select name, statement from pg_prepared_statements'))).toEqual([
      [`name_${at}`, 'select $1::int + 1 as shared'],
    ]);
});

it('follow their client from one server connection to the other, as often as that changes', async () => {
  const yard = await yardWith(3);
  const members = await Promise.all(Array.from({ length: 3 }, () => raw(yard)));
  const { client } = members[0] ?? expect.fail();
  await cycle(client, parse('where', 'select pg_backend_pid(), $1::text'));
  const pids = new Set<string | null | undefined>();
  for (let round = 0; round < 12; round++) {
    // Others occupy what is free, each time something else.
    const busy = members.slice(1).filter((_, at) => ((round >> at) & 1) === 1);
    for (const each of busy) await each.client.query('begin');
    const [row] = rows(await run(client, 'where', [`round ${round}`]));
    expect(row?.[1]).toBe(`round ${round}`);
    pids.add(row?.[0]);
    for (const each of busy) await each.client.query('commit');
  }
  expect(pids.size).toBeGreaterThan(1);
});

describe('errors are a direct connection’s, to the byte', () => {
  it.each<[string, Buffer[][]]>([
    ['a name that is taken (42P05)', [[parse('a', 'select 1')], [parse('a', 'select 2')], [bind('', 'a'), execute('')]]],
    [
      'a name that is free again',
      [[parse('a', 'select 1')], [closeStatement('a')], [parse('a', 'select 2')], [bind('', 'a'), execute('')]],
    ],
    ['a name that never was (26000)', [[bind('', 'a'), execute('')], [describeStatement('a')], [closeStatement('a')]]],
    [
      'a Parse that fails, and the name is free',
      [[parse('a', 'selec')], [bind('', 'a')], [parse('a', 'select 3')], [bind('', 'a'), execute('')]],
    ],
    [
      'a Parse that fails amid others',
      [[parse('a', 'select 1'), parse('b', 'selec'), parse('c', 'select 3')], [bind('', 'a'), execute('')], [bind('', 'c')]],
    ],
    [
      'an Execute that fails amid others',
      [
        [parse('a', 'select 1/$1::int'), bind('', 'a', ['0']), execute(''), parse('b', 'select 2')],
        [bind('', 'a', ['1']), execute('')],
        [bind('', 'b')],
      ],
    ],
    ['too few parameters', [[parse('a', 'select $1::int')], [bind('', 'a', [])], [bind('', 'a', ['1']), execute('')]]],
    ['the unnamed statement, two cycles', [[parse('', 'select 1')], [bind('', ''), execute('')], [parse('', 'selec')], [bind('', '')]]],
    [
      'a Parse within one transaction, used in another',
      [
        [parse('b', 'begin'), bind('', 'b'), execute(''), parse('a', 'select 5')],
        [bind('', 'a'), execute('')],
        [parse('r', 'rollback'), bind('', 'r'), execute('')],
        [bind('', 'a'), execute('')],
      ],
    ],
    ['a long name', [[parse('n'.repeat(80), 'select 6')], [bind('', 'n'.repeat(80)), execute('')]]],
    ['an empty statement', [[parse('e', '')], [describeStatement('e')], [bind('', 'e'), execute('')]]],
  ])('%s', async (_what, frames) => {
    const yard = await yardWith(1);
    const { client } = await raw(yard);
    const { client: other } = await raw(yard);
    // What others have under the same names is no concern of its.
    await cycle(other, parse('a', "select 'not yours'"), parse('b', "select 'nor that'"), parse('', "select 'nor this'"));
    const expected = await directly(frames);
    for (const [at, part] of frames.entries()) {
      expect(said(await cycle(client, ...part)), `cycle ${at}`).toEqual(expected[at]);
      if (!['54', '45'].includes(expected[at]?.at(-1)?.slice(-2) ?? '')) expect(rows(await run(other, 'a'))).toEqual([['not yours']]);
    }
  });
});

it('a pipeline over many statements, with its Syncs late, is answered in order', async () => {
  const yard = await yardWith(2);
  const [one, two] = await Promise.all([raw(yard), raw(yard)]);
  for (const { client } of [one, two]) {
    const frames = Array.from({ length: 300 }, (_, i) => [
      parse(`s${i}`, `select ${i}, $1::int`),
      bind('', `s${i}`, [String(i)]),
      execute(''),
    ]);
    client.write(...frames.flat(), flush);
  }
  for (const { client } of [one, two]) {
    client.write(sync);
    expect(rows(await client.until('Z'))).toEqual(Array.from({ length: 300 }, (_, i) => [String(i), String(i)]));
  }
  for (const { client } of [two, one]) expect(rows(await run(client, 's299', ['7']))).toEqual([['299', '7']]);
});

it('far more statements than a server connection keeps: none is lost', async () => {
  const yard = await yardWith(1);
  const [first, second] = await Promise.all([raw(yard), raw(yard)]);
  const count = 800;
  for (const [at, { client }] of [first, second].entries()) {
    client.write(...Array.from({ length: count }, (_, i) => parse(`s${i}`, `select ${at}, ${i}`)), sync);
    expect(errorCodes(await client.until('Z'))).toEqual([]);
  }
  for (const i of [0, 1, 399, 400, 799, 0]) {
    expect(rows(await run(first.client, `s${i}`))).toEqual([['0', String(i)]]);
    expect(rows(await run(second.client, `s${i}`))).toEqual([['1', String(i)]]);
  }
});

it('a Bind of 5 MB; a Parse of 5 MB pins until it is closed', async () => {
  const yard = await yardWith(2);
  const [one, two] = await Promise.all([raw(yard), raw(yard)]);
  const long = 'x'.repeat(5_000_000);
  await cycle(one.client, parse('long', `select length('${long}')`));
  await cycle(two.client, parse('long', 'select length($1::text)'));
  for (let round = 0; round < 2; round++) {
    expect(rows(await run(one.client, 'long'))).toEqual([['5000000']]);
    expect(rows(await run(two.client, 'long', [long]))).toEqual([['5000000']]);
  }
  const pins = async (): Promise<string[]> => (await yard.sessions()).flatMap((row) => row.pins.map(({ code }) => code));
  await expect.poll(pins, soon).toEqual(['prepared_statement']);
  await cycle(one.client, closeStatement('long'));
  await expect.poll(pins, soon).toEqual([]);
});

it.each(['deallocate all', 'discard all'])('%s ends one client’s statements and nobody else’s', async (command) => {
  const yard = await yardWith(1);
  const [one, two] = await Promise.all([raw(yard), raw(yard)]);
  for (const { client } of [one, two]) await cycle(client, parse('kept', 'select 8'));
  await one.client.query(command);
  expect(errorCodes(await run(one.client, 'kept'))).toEqual(['26000']);
  expect(rows(await run(two.client, 'kept'))).toEqual([['8']]);
  expect(errorCodes(await cycle(one.client, parse('kept', 'select 9')))).toEqual([]);
  expect(rows(await run(one.client, 'kept'))).toEqual([['9']]);
  expect(rows(await run(two.client, 'kept'))).toEqual([['8']]);
});

it('SQL’s PREPARE and the protocol’s speak of the same names', async () => {
  const yard = await yardWith(1);
  const [one, two] = await Promise.all([raw(yard), raw(yard)]);
  await cycle(one.client, parse('by_protocol', 'select 10'));
  await one.client.query('prepare by_sql as select 11');
  for (let round = 0; round < 2; round++) {
    expect(await value(one.client, 'execute by_protocol')).toBe('10');
    expect(rows(await run(one.client, 'by_sql'))).toEqual([['11']]);
    expect(errorCodes(await two.client.query('execute by_sql'))).toEqual(['26000']);
    expect(errorCodes(await run(two.client, 'by_protocol'))).toEqual(['26000']);
  }
});

it('whose table changes under it is answered as a direct connection answers', async () => {
  const yard = await yardWith(1);
  const [one, two] = await Promise.all([raw(yard), raw(yard)]);
  await two.client.query('drop table if exists shape; create table shape (a int)');
  await two.client.query('insert into shape values (1)');
  await cycle(one.client, parse('all', 'select * from shape'));
  expect(rows(await run(one.client, 'all'))).toEqual([['1']]);
  await two.client.query('alter table shape add b int default 2');
  // Directly: 0A000, until the statement is prepared again. Not worse than that, and never stale.
  const again = await run(one.client, 'all');
  if (errorCodes(again).length > 0) expect(errorCodes(again)).toEqual(['0A000']);
  else expect(rows(again)).toEqual([['1', '2']]);
  await cycle(one.client, closeStatement('all'), parse('all', 'select * from shape'));
  expect(rows(await run(one.client, 'all'))).toEqual([['1', '2']]);
});

describe('drivers', () => {
  it('node-postgres: named statements of many clients, on two server connections', async () => {
    const yard = await yardWith(2);
    const clients = await Promise.all(Array.from({ length: 8 }, () => driver(yard)));
    for (let round = 0; round < 10; round++)
      await Promise.all(
        clients.map(async (client, at) => {
          const name = `s${round % 4}`;
          const { rows: answered } = await client.query<{ n: number }>({
            name,
            text: `select $1::int * ${(round % 4) + 1} as n`,
            values: [at],
          });
          expect(answered).toEqual([{ n: at * ((round % 4) + 1) }]);
        }),
      );
    expect((await pool(yard)).opened).toBeLessThanOrEqual(2);
  });

  it('postgres.js: its pool, its pipelines and its transactions', async () => {
    const yard = await yardWith(2);
    const sql = postgres(yard.connectionString('ep-a'), { max: 6, onnotice: () => {} });
    onTestFinished(() => sql.end({ timeout: 5 }));
    await sql`create table if not exists by_driver (a int)`;
    const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => sql<{ n: number }[]>`select ${i}::int + 1 as n`));
    expect(answers.map(([row]) => row?.n)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
    await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        sql
          .begin(async (tx) => {
            await tx`insert into by_driver values (${i})`;
            if (i % 2 === 1) throw new Error('changed its mind');
          })
          .catch((error: Error) => expect(error.message).toBe('changed its mind')),
      ),
    );
    expect((await sql<{ a: number }[]>`select a from by_driver order by a`).map(({ a }) => a)).toEqual([0, 2, 4, 6, 8]);
    expect((await pool(yard)).opened).toBeLessThanOrEqual(2);
  });
});

it('a statement that waits in the queue is parsed where it runs', async () => {
  const yard = await yardWith(1);
  const [holder, waiter] = await Promise.all([raw(yard), raw(yard)]);
  await holder.client.query('begin');
  waiter.client.write(parse('queued', 'select 12'), bind('', 'queued'), execute(''), sync, query('select 13'));
  await sessionsIn(yard, 'waiting', 1);
  await holder.client.query('commit');
  expect(rows(await waiter.client.until('Z'))).toEqual([['12']]);
  expect(rows(await waiter.client.until('Z'))).toEqual([['13']]);
  expect(await one(await driver(yard), 'select 14')).toBe('14');
});
