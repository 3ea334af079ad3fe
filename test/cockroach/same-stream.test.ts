/**
 * The golden rule (cockroach-migration.md section 9 of the references): the client's byte stream is the one without migration. The same
 * script runs on one pod directly and through the proxy, with a move between any two of its steps and during each.
 */
import { expect, it } from 'vitest';
import { startPods } from '../fakes/cockroach-dialect/pods.ts';
import { move } from '../support/migration.ts';
import {
  bind,
  closeStatement,
  cstring,
  describeStatement,
  execute,
  flush,
  message,
  parse,
  sync,
  WireClient,
  type WireMessage,
} from '../support/wire-client.ts';
import { startCockroachYard } from './support/cockroach-yard.ts';

const query = (sql: string): Buffer => message('Q', cstring(sql));
const data = (text: string): Buffer => message('d', Buffer.from(text));

/** What is sent, and how many ReadyForQuery answer it. */
const script: readonly (readonly [Buffer, number])[] = [
  [query('SELECT 1'), 1],
  [query("SET application_name = 'golden'"), 1],
  [query('SHOW application_name'), 1],
  [query('CREATE TABLE golden'), 1],
  [query('SELECT 1; SELECT 2; FROB; SELECT 3'), 1],
  [Buffer.concat([parse('s', 'SELECT $1::int AS n, $2::text AS t'), describeStatement('s'), sync]), 1],
  [Buffer.concat([bind('', 's', ['7', null]), execute(''), sync]), 1],
  [Buffer.concat([parse('', 'SELECT $1::text'), sync]), 1],
  [Buffer.concat([bind('', '', ['kept']), execute(''), sync]), 1],
  [Buffer.concat([parse('', 'FROB'), bind('', '', []), execute(''), sync, bind('', 's', ['1', '2']), execute(''), sync]), 2],
  [query('BEGIN'), 1],
  [query("INSERT INTO golden VALUES ('a')"), 1],
  [query('COMMIT'), 1],
  [query('BEGIN; FROB'), 1],
  [query('SELECT 1'), 1],
  [query('ROLLBACK'), 1],
  [Buffer.concat([query('COPY golden FROM STDIN'), data('b\n'), data('c\n'), message('c')]), 1],
  [Buffer.concat([query('COPY golden FROM STDIN'), data('d\n'), message('f', cstring('no'))]), 1],
  [query('COPY golden TO STDOUT'), 1],
  [query('PREPARE p (int) AS SELECT $1::int AS doubled'), 1],
  [query('EXECUTE p(21)'), 1],
  [query('SELECT * FROM generate_series(1, 3000)'), 1],
  [query(`SELECT repeat('x', 200000)`), 1],
  [query(`SELECT '${'y'.repeat(300_000)}'`), 1],
  [Buffer.concat([bind('a', 's', ['1', 'x']), execute('a'), flush, closeStatement('s'), sync]), 1],
  [Buffer.concat([describeStatement('s'), sync]), 1],
  [query('CREATE SEQUENCE ids'), 1],
  [query("SELECT nextval('ids'), nextval('ids')"), 1],
  [query("SELECT currval('ids'), lastval()"), 1],
  [query('RESET ALL'), 1],
  [query('SHOW application_name'), 1],
  [query('DEALLOCATE ALL'), 1],
  [query('EXECUTE p(1)'), 1],
  [query(''), 1],
  [Buffer.concat(Array.from({ length: 20 }, (_, i) => query(`SELECT ${i}`))), 20],
];

async function answers(client: WireClient, [bytes, count]: (typeof script)[number], chunk: number): Promise<Buffer[]> {
  const all: WireMessage[] = [];
  for (let at = 0; at < bytes.length; at += chunk) {
    client.write(bytes.subarray(at, at + chunk));
    if (chunk < bytes.length) await new Promise(setImmediate);
  }
  for (let i = 0; i < count; i++) all.push(...(await client.until('Z')));
  return all.map(({ type, body }) => Buffer.concat([Buffer.from(type), body]));
}

it.each([
  ['between its steps', false, 1_000_000],
  ['while they run, its messages in pieces', true, 4_099],
] as const)('a script with moves %s is answered byte for byte as without', async (_when, during, chunk) => {
  const alone = await startPods(1);
  const { client: direct } = await WireClient.start(alone.pod(1).port, { user: 'app', database: 'defaultdb' });
  const made = await startCockroachYard();
  const { client } = await made.wire();
  const id = (await made.yard.sessions())[0]?.id ?? 0;
  let moves = 0;
  for (const [index, step] of script.entries()) {
    const expected = await answers(direct, step, 1_000_000);
    const moving = move(made.yard, id, moves % 2 === 0 ? 'pod-2' : 'pod-1', during ? 0.05 : 10);
    if (!during) await moving;
    const got = await answers(client, step, chunk);
    const { outcome, reason } = await moving;
    expect(`${index}: ${Buffer.concat(got).toString('latin1').slice(0, 500)}`).toBe(
      `${index}: ${Buffer.concat(expected).toString('latin1').slice(0, 500)}`,
    );
    expect(Buffer.concat(got).equals(Buffer.concat(expected))).toBe(true);
    if (outcome === 'success') moves++;
    // In a transaction it stays; nothing else may keep it.
    else expect(`${index}: ${reason}`).toMatch(/transaction|busy|pipeline|COPY|partly|safe point/);
  }
  expect(moves).toBeGreaterThan(script.length / 2);
  expect((await made.counters()).error_fatal).toBe(0);
  direct.destroy();
  await alone.stop();
});
