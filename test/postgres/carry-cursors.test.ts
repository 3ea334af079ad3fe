/** Cursors WITH HOLD that are carried: compared, FETCH by FETCH, with the one that stayed. */
import { describe, expect, test } from 'vitest';
import type { ServerConnection } from '../../core/backend/server-connection.ts';
import { query } from '../../core/wire/messages.ts';
import { installedMajors, useCluster } from '../support/cluster.ts';
import { carryOver, connectBoth, everything, nothing } from '../support/carry.ts';
import { connectServer, prepare, runPrepared, runSql, send } from '../support/state.ts';

const a = useCluster({ name: 'a' });
const b = useCluster({ name: 'b' });
const sixteen = useCluster({ major: 16, name: 'a' });
const fifteen = useCluster({ major: 15, name: 'a' });
// 14 is not there for every platform.
const [oldest = 15] = installedMajors();
const eldest = useCluster({ major: oldest, name: 'a' });
const seventeen = useCluster({ major: 17, name: 'a' });
const latin = { database: 'latin' };

const ROWS = 7;
const QUERY = `SELECT n, 'row ' || n AS "Its ""name""", n::numeric(10,2) / 3 AS third, NULL::text AS nothing, ARRAY[n, NULL, 2] AS list,
  'x'::char(5) AS padded, 'c'::"char" AS one, B'101'::bit(3) AS bits, '2020-02-03'::date + n AS day, '1 mon 2 days 03:04:05.6'::interval AS span,
  '2020-02-03 04:05:06+07'::timestamptz AS moment, 0.1::float8 + n AS real, 12.34::money AS price, '\\x00ff'::bytea AS bytes, true AS yes,
  '{"a": [1, "ü"]}'::jsonb AS doc, '<a>b</a>'::xml AS tree, int4range(1, n + 1) AS range, ROW(1, 'a')::pg_catalog.text AS pair, '10.1.2.3/8'::inet AS net,
  'pg_class'::regclass AS class, chr(9) || E'\\n\\\\' AS odd, ''::varchar(3) AS empty FROM generate_series(1, ${ROWS}) n`;

/** What is left of a cursor in both directions, raw: types, formats and bytes; it stands where it stood afterwards. */
async function around(server: ServerConnection, name: string): Promise<string[]> {
  const next = await send(server, query(`FETCH NEXT FROM ${name}`));
  const back = await send(server, query(`FETCH PRIOR FROM ${name}`));
  const before = await send(server, query(`FETCH BACKWARD ALL FROM ${name}`));
  const all = await send(server, query(`FETCH FORWARD ALL FROM ${name}`));
  // Table OID and column number (of a RowDescription) are those of no table here.
  return [next, back, before, all].flatMap((answer) =>
    answer.map(({ type, body }) => `${String.fromCharCode(type)} ${body.toString('latin1')}`),
  );
}

describe.each([
  ['18 to another 18', () => a().url(), () => b().url()],
  ['15 to 18', () => fifteen().url(), () => a().url()],
  ['18 to 16', () => a().url(), () => sixteen().url()],
  [`${oldest} to 17`, () => eldest().url(), () => seventeen().url()],
  ['18 to itself', () => a().url(), () => a().url()],
])('from %s', (_, from, to) => {
  test('every position, and all types of columns, come out the same', async () => {
    const { old, next } = await connectBoth(from(), to());
    for (const server of [old, next])
      await runSql(server, `SET DateStyle = 'German'; SET TimeZone = 'Asia/Tokyo'; SET search_path = public; SET bytea_output = 'escape'`);
    const names: string[] = [];
    const declare = async (name: string, sql: string, moves: readonly string[]): Promise<void> => {
      await runSql(old, `DECLARE ${name} CURSOR WITH HOLD FOR ${sql}`);
      for (const move of moves) await runSql(old, `MOVE ${move} FROM ${name}`);
      names.push(name);
    };
    for (let position = 0; position <= ROWS; position++) await declare(`at${position}`, QUERY, [`ABSOLUTE ${position}`]);
    await declare('behind', QUERY, ['FORWARD ALL']);
    await declare('back', QUERY, ['FORWARD ALL', 'BACKWARD ALL']);
    await declare('empty', `SELECT n FROM generate_series(1, 0) n`, []);
    await declare('empty_behind', `SELECT n FROM generate_series(1, 0) n`, ['FORWARD ALL']);
    await declare('"none ""at"" all"', `SELECT FROM generate_series(1, 3)`, ['2']);
    await declare('binary_one', `SELECT 1`, []);
    await runSql(
      old,
      `CLOSE binary_one; DECLARE binary_one BINARY SCROLL CURSOR WITH HOLD FOR SELECT n, n::text FROM generate_series(1, 3) n`,
    );
    const { what } = await carryOver(old, next, everything);
    expect(what).toMatch(/^14 cursors/);
    for (const name of names) expect([name, await around(next, name)]).toEqual([name, await around(old, name)]);
    const list = `SELECT name, is_holdable, is_binary, is_scrollable FROM pg_cursors WHERE is_holdable ORDER BY name`;
    expect(await runSql(next, list)).toEqual(await runSql(old, list));
  });
});

test('reading leaves the client its unnamed statement, and the cursors where they were', async () => {
  const { old, next } = await connectBoth(a().url(), b().url());
  await runSql(old, `DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT * FROM generate_series(1, 5) n; MOVE 3 FROM c`);
  await prepare(old, '', 'SELECT 4711');
  await carryOver(old, next, everything);
  expect(await runPrepared(old, '')).toEqual([['4711']]);
  expect(await runSql(old, 'FETCH NEXT FROM c')).toEqual([['4']]);
  expect(await runSql(next, 'FETCH NEXT FROM c')).toEqual([['4']]);
});

test('texts of a database in LATIN1, and of one without an encoding, keep their bytes', async () => {
  for (const [encoding, bytes] of [
    ['LATIN1', `convert_from('\\xe4f6'::bytea, 'LATIN1')`],
    ['SQL_ASCII', `chr(228) || chr(246)`],
  ] as const) {
    for (const cluster of [a(), b()]) {
      const { old } = await connectBoth(cluster.url(), cluster.url());
      await runSql(old, `DROP DATABASE IF EXISTS latin`);
      await runSql(old, `CREATE DATABASE latin ENCODING '${encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`);
    }
    const old = await connectServer(a().url(), latin);
    const next = await connectServer(b().url(), latin);
    await runSql(old, `DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT ${bytes} AS t`);
    await carryOver(old, next, everything);
    const read = 'FETCH NEXT FROM c';
    expect((await send(next, query(read))).map(({ body }) => body.toString('latin1'))).toEqual(
      (await send(old, query(read))).map(({ body }) => body.toString('latin1')),
    );
    old.destroy();
    next.destroy();
  }
});

test('one that only goes forward is refused by name and stays unread; without the option nothing is carried', async () => {
  const { old, next } = await connectBoth(a().url(), b().url());
  await runSql(old, `DECLARE forward NO SCROLL CURSOR WITH HOLD FOR SELECT * FROM generate_series(1, 5) n; MOVE 1 FROM forward`);
  await expect(carryOver(old, next, everything)).rejects.toThrow(
    'it has cursors WITH HOLD that only go forward, so that reading them would use them up: forward',
  );
  expect(await runSql(old, 'FETCH NEXT FROM forward')).toEqual([['2']]);
  expect((await carryOver(old, next, nothing)).what).toBe(null);
});

test('one that holds too much is refused, and stands where it stood', async () => {
  const { old, next } = await connectBoth(a().url(), b().url());
  await runSql(
    old,
    `DECLARE big SCROLL CURSOR WITH HOLD FOR SELECT n, repeat('x', 100) FROM generate_series(1, 20000) n; MOVE ABSOLUTE 15000 FROM big`,
  );
  await expect(carryOver(old, next, everything)).rejects.toThrow('the cursor "big" holds too much: 1048576 bytes at most are carried');
  expect((await runSql(old, 'FETCH NEXT FROM big'))[0]?.[0]).toBe('15001');
  await runSql(old, `MOVE FORWARD ALL FROM big`);
  await expect(carryOver(old, next, everything)).rejects.toThrow('holds too much');
  expect((await runSql(old, 'FETCH PRIOR FROM big'))[0]?.[0]).toBe('20000');
});

test('a type that is another one on the target is refused', async () => {
  const { old, next } = await connectBoth(a().url(), b().url());
  await runSql(old, `CREATE TYPE carried_mood AS ENUM ('fine')`);
  await runSql(
    next,
    `CREATE TYPE in_between AS ENUM ('x'); CREATE TYPE more_between AS ENUM ('x'); CREATE TYPE carried_mood AS ENUM ('fine')`,
  );
  await runSql(old, `DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT 'fine'::carried_mood`);
  await expect(carryOver(old, next, everything)).rejects.toThrow('the columns of the cursor "c" have other types on the target');
  expect(await runSql(old, 'FETCH NEXT FROM c')).toEqual([['fine']]);
});
