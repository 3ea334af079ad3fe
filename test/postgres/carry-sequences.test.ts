/** currval and lastval after a move, and the sequences themselves untouched by it. */
import { describe, expect, test } from 'vitest';
import type { ServerConnection } from '../../core/backend/server-connection.ts';
import { installedMajors, useCluster } from '../support/cluster.ts';
import { carryOver, connectBoth, everything } from '../support/carry.ts';
import { connectServer, prepare, runPrepared, runSql, sqlStateOf } from '../support/state.ts';

const a = useCluster({ name: 'a' });
const b = useCluster({ name: 'b' });
const fifteen = useCluster({ major: 15, name: 'a' });
// 14 is not there for every platform.
const [oldest = 15] = installedMajors();
const eldest = useCluster({ major: oldest, name: 'a' });
const seventeen = useCluster({ major: 17, name: 'a' });

const MAKE = `DROP SEQUENCE IF EXISTS one, "Two; it's", three; CREATE SEQUENCE one; CREATE SEQUENCE "Two; it's" INCREMENT BY 10 CACHE 5; CREATE SEQUENCE three START 7`;

/** The sequences' own state: nothing of a move may be seen in it. */
async function states(server: ServerConnection): Promise<unknown> {
  return [
    await runSql(server, 'SELECT * FROM one'),
    await runSql(server, `SELECT * FROM "Two; it's"`),
    await runSql(server, 'SELECT * FROM three'),
    await runSql(server, `SELECT * FROM pg_sequence WHERE seqrelid = ANY ('{one,"\\"Two; it''s\\"",three}'::regclass[]) ORDER BY 1`),
  ];
}

describe.each([
  ['18 to another 18', () => a().url(), () => b().url()],
  ['15 to 18', () => fifteen().url(), () => a().url()],
  [`${oldest} to 17`, () => eldest().url(), () => seventeen().url()],
  ['18 to itself', () => a().url(), () => a().url()],
])('from %s', (_, from, to) => {
  test('currval and lastval say the same, and the sequence is as it was', async () => {
    const { old, next } = await connectBoth(from(), to());
    await runSql(old, MAKE);
    if (from() !== to()) await runSql(next, MAKE);
    await runSql(old, `SELECT nextval('one'), nextval('one'), nextval('"Two; it''s"'), nextval('one'), nextval('"Two; it''s"')`);
    await prepare(old, '', 'SELECT 4711');
    const before = await states(await connectServer(to()));
    const { findings } = await carryOver(old, next, everything);
    expect(findings).toEqual([]);
    expect(await runPrepared(old, '')).toEqual([['4711']]);
    const tell = `SELECT currval('one'), currval('"Two; it''s"'), lastval()`;
    expect(await runSql(next, tell)).toEqual(await runSql(old, tell));
    expect(await runSql(next, tell)).toEqual([['3', '11', '11']]);
    expect(await sqlStateOf(next, `SELECT currval('three')`)).toBe('55000');
    const other = await connectServer(to());
    expect(await states(other)).toEqual(before);
    const [[first] = []] = await runSql(other, `SELECT nextval('one')`);
    expect(first).toBe(from() === to() ? '4' : '1');
  });
});

test('a session that used none is told of none, with nothing in the log of errors', async () => {
  const { old, next } = await connectBoth(a().url(), b().url());
  expect((await carryOver(old, next, everything)).findings).toEqual([]);
  expect(await sqlStateOf(next, 'SELECT lastval()')).toBe('55000');
});

test('who does not own the sequence is told, and so is who has none of that name on the target', async () => {
  for (const cluster of [a(), b()]) {
    const admin = await connectServer(cluster.url());
    await runSql(admin, `${MAKE}; CREATE ROLE user_only LOGIN; GRANT USAGE ON SEQUENCE one TO user_only`);
  }
  const old = await connectServer(a().url(), { user: 'user_only' });
  const next = await connectServer(b().url(), { user: 'user_only' });
  await runSql(old, `SELECT nextval('one')`);
  expect((await carryOver(old, next, everything)).findings).toMatchObject([
    {
      level: 'warn',
      code: 'sequence',
      message: 'the last value of the sequence "public"."one" was not carried: must be owner of sequence one',
    },
  ]);
  const both = await connectBoth(a().url(), b().url());
  await runSql(both.old, `CREATE SEQUENCE only_here; SELECT nextval('only_here')`);
  expect((await carryOver(both.old, both.next, everything)).findings).toMatchObject([
    { message: 'the last value of the sequence "public"."only_here" was not carried: relation "public.only_here" does not exist' },
  ]);
  expect(await runSql(both.next, 'SELECT 1')).toEqual([['1']]);
});

test('a sequence that is in use on the target puts the move off', async () => {
  const { old, next } = await connectBoth(a().url(), b().url());
  for (const server of [old, next]) await runSql(server, MAKE);
  const user = await connectServer(b().url());
  await runSql(user, `BEGIN; SELECT nextval('one')`);
  await runSql(old, `SELECT nextval('one')`);
  await expect(carryOver(old, next, everything)).rejects.toThrow(
    'the last value of the sequence "public"."one": canceling statement due to lock timeout (55P03)',
  );
  expect(await runSql(old, 'SELECT lastval()')).toEqual([['1']]);
});

test('the sequences of temporary tables are carried as well', async () => {
  const { old, next } = await connectBoth(a().url(), b().url());
  await runSql(old, `CREATE TEMP TABLE t (id serial, n int); INSERT INTO t (n) VALUES (1), (2)`);
  await carryOver(old, next, everything);
  expect(await runSql(next, `SELECT lastval(), currval('t_id_seq'), nextval('t_id_seq')`)).toEqual([['2', '2', '3']]);
});
