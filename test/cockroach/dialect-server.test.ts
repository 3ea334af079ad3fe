/** The dialect server itself: it speaks as the drivers expect, and refuses in CockroachDB's words. */
import pg from 'pg';
import postgres from 'postgres';
import { expect, test } from 'vitest';
import { usePods } from '../fakes/cockroach-dialect/pods.ts';
import { makeToken } from '../fakes/cockroach-dialect/token.ts';
import { fields, rows, startup, WireClient, type WireMessage } from '../support/wire-client.ts';
import { describeWithProgram, runProgram } from '../support/programs.ts';

const pods = usePods(2);
const TOKEN = 'crdb:session_revival_token_base64';

test('pg: simple and extended queries, named statements, errors, transactions', async () => {
  const client = new pg.Client(pods().pod(1).url());
  await client.connect();
  try {
    expect((await client.query('SELECT pod_id(), 7 AS seven')).rows).toEqual([{ pod_id: '1', seven: '7' }]);
    expect((await client.query('SELECT $1::int AS n, $2::text AS t', [5, 'x'])).rows).toEqual([{ n: '5', t: 'x' }]);
    const named = { name: 'twice', text: 'SELECT $1::text AS a', values: ['one'] };
    expect((await client.query(named)).rows).toEqual([{ a: 'one' }]);
    expect((await client.query({ ...named, values: ['two'] })).rows).toEqual([{ a: 'two' }]);
    await expect(client.query('SELECT nothing_known()')).rejects.toMatchObject({ code: '42883' });
    await client.query('BEGIN');
    await client.query("SET application_name = 'inside'");
    await expect(client.query('FROB')).rejects.toMatchObject({ code: '42601' });
    await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' });
    await client.query('ROLLBACK');
    expect((await client.query('SHOW application_name')).rows).toEqual([{ application_name: '' }]);
    expect((await client.query('SELECT * FROM generate_series(1, 1000)')).rowCount).toBe(1000);
  } finally {
    await client.end();
  }
});

test('postgres.js: pipelined queries, parameters, a cursor', async () => {
  const sql = postgres(pods().pod(2).url(), { max: 1, fetch_types: false });
  try {
    const answers = await Promise.all([1, 2, 3].map((n) => sql<{ n: string; pod_id: string }[]>`SELECT ${n}::int AS n, pod_id()`));
    expect(answers.map(([row]) => [row?.n, row?.pod_id])).toEqual([
      ['1', '2'],
      ['2', '2'],
      ['3', '2'],
    ]);
    let seen = 0;
    await sql`SELECT * FROM generate_series(1, 25)`.cursor(10, (batch) => void (seen += batch.length));
    expect(seen).toBe(25);
  } finally {
    await sql.end();
  }
});

describeWithProgram('psql', 'psql', (psql) => {
  test('runs scripts, COPY both ways', async () => {
    const input =
      'CREATE TABLE psql_lines;\nCOPY psql_lines FROM STDIN;\na\nb\n\\.\nCOPY psql_lines TO STDOUT;\nSELECT count(*) FROM psql_lines;\n';
    const { stdout, stderr, code } = await runProgram(psql, ['-qAtX', '-v', 'ON_ERROR_STOP=1', pods().pod(1).url()], { input });
    expect({ stdout, stderr, code }).toEqual({ stdout: 'a\nb\n2\n', stderr: '', code: 0 });
  });
});

test('SHOW TRANSFER STATE has three columns, and four with a key', async () => {
  const { client } = await WireClient.start(pods().pod(1).port, { user: 'app' });
  const without = await client.query('show transfer state;');
  expect(names(without)).toEqual(['error', 'session_state_base64', 'session_revival_token_base64']);
  const answer = await client.query("SHOW TRANSFER STATE WITH 'foo-bar-baz'");
  expect(names(answer)).toEqual(['error', 'session_state_base64', 'session_revival_token_base64', 'transfer_key']);
  expect(answer.map(({ type }) => type).join('')).toBe('TDCZ');
  expect(rows(answer)[0]?.[0]).toBeNull();
  expect(rows(answer)[0]?.[3]).toBe('foo-bar-baz');
  expect(tag(answer)).toBe('SHOW TRANSFER STATE 1');
  client.destroy();
});

test('a session goes from one pod to the other with its token and its state, and nothing else', async () => {
  const { client } = await WireClient.start(pods().pod(1).port, { user: 'app', application_name: 'first' });
  await client.query("SET application_name = 'second'");
  await client.query('PREPARE p (int) AS SELECT $1::int AS n, pod_id()');
  await client.query('CREATE SEQUENCE s');
  await client.query("SELECT nextval('s')");
  const [error, state, token] = rows(await client.query("SHOW TRANSFER STATE WITH 'k'"))[0] ?? [];
  expect(error).toBeNull();
  const { client: other, greeting } = await WireClient.start(pods().pod(2).port, {
    user: 'app',
    application_name: 'first',
    'CRDB:Session_Revival_Token_Base64': token ?? '',
  });
  expect(greeting.map(({ type }) => type).join('')).toMatch(/^RS{13}KZ$/);
  const restored = await other.query(`SELECT crdb_internal.deserialize_session(decode('${state}', 'base64'))`);
  expect(restored.map(({ type }) => type).join('')).toBe('TDCZ');
  expect(names(restored)).toEqual(['crdb_internal.deserialize_session']);
  expect([rows(restored), tag(restored)]).toEqual([[['t']], 'SELECT 1']);
  expect(rows(await other.query('SHOW application_name'))).toEqual([['second']]);
  expect(rows(await other.query('EXECUTE p(42)'))).toEqual([['42', '2']]);
  expect(rows(await other.query("SELECT currval('s')"))).toEqual([['1']]);
  expect(refusal(await other.query(`SELECT crdb_internal.deserialize_session(decode('${state}', 'base64'))`))).toEqual([
    '42P05',
    'crdb_internal.deserialize_session(): prepared statement "p" already exists',
  ]);
  client.destroy();
  other.destroy();
});

test.each([
  ['BEGIN', 'cannot serialize a session which is inside a transaction', 'T'],
  ['BEGIN; FROB', 'cannot serialize a session which is inside a transaction', 'E'],
  ['CREATE TEMP TABLE t (x int)', 'cannot serialize session with temporary schemas', 'I'],
])('after %s the state is refused in the answer, and the status stays', async (sql, words, status) => {
  const { client } = await WireClient.start(pods().pod(1).port, { user: 'app' });
  await client.query(sql);
  const answer = await client.query("SHOW TRANSFER STATE WITH 'k'");
  expect(rows(answer)).toEqual([[words, null, null, 'k']]);
  expect(answer.at(-1)?.body.toString()).toBe(status);
  client.destroy();
});

test('root, the feature switched off and a state that is too large are refused in the answer', async () => {
  const { cluster } = pods();
  const ask = async (user: string): Promise<string | null | undefined> => {
    const { client } = await WireClient.start(pods().pod(1).port, { user });
    await client.query(`SET application_name = '${'x'.repeat(3_000)}'`);
    const answer = rows(await client.query('SHOW TRANSFER STATE'))[0]?.[0];
    client.destroy();
    return answer;
  };
  expect(await ask('root')).toBe('cannot create token for root user');
  cluster.revivalTokens = false;
  expect(await ask('app')).toBe('session revival tokens are not supported on this cluster');
  cluster.maxSessionSize = 2_048;
  expect(await ask('app')).toMatch(/^serialized session size 3\.\d KiB exceeds max allowed size 2\.0 KiB$/);
  cluster.maxSessionSize = 0;
  cluster.revivalTokens = true;
});

test.each([
  ['issued in the future', { issuedAt: Date.now() + 60_000 }, 'token issue time is in the future'],
  ['too late', { issuedAt: 1, expiresAt: 2 }, 'token expiration time is in the past'],
  ['for too long', { expiresAt: Date.now() + 3_600_000 }, 'token expiration time is too far in the future'],
  ['for somebody else', { user: 'eve' }, 'token is for the wrong user "eve", wanted "app"'],
  ['signed some other way', { algorithm: 'none' }, 'unsupported algorithm none'],
])('a token %s is refused', async (_how, change, words) => {
  const { cluster } = pods();
  const token = makeToken(cluster.signingSecret, 'app', cluster.now(), change);
  expect(await refusedLogin(token)).toContain(`invalid session revival token: ${words}`);
});

test('a token with another signature, in no base64, or where tokens are off is refused', async () => {
  const { cluster } = pods();
  expect(await refusedLogin(makeToken(Buffer.from('other'), 'app', cluster.now()))).toBe(
    'invalid session revival token: invalid signature',
  );
  expect(await refusedLogin('%%%')).toMatch(/^invalid session revival token: /);
  cluster.revivalTokens = false;
  expect(await refusedLogin(makeToken(cluster.signingSecret, 'app', cluster.now()))).toBe(
    'session revival tokens are not supported on this cluster',
  );
  cluster.revivalTokens = true;
});

test('restoring in a transaction, from rubbish, or as somebody else fails in CockroachDB’s words', async () => {
  const { client } = await WireClient.start(pods().pod(1).port, { user: 'app' });
  const { client: other } = await WireClient.start(pods().pod(1).port, { user: 'other' });
  const state = rows(await client.query('SHOW TRANSFER STATE'))[0]?.[1] ?? '';
  const restore = (text: string): string => `SELECT crdb_internal.deserialize_session(decode('${text}', 'base64'))`;
  const prefix = 'crdb_internal.deserialize_session(): ';
  expect(refusal(await other.query(restore(state)))).toEqual(['42501', `${prefix}can only deserialize matching session users`]);
  expect(refusal(await client.query(restore('AAAA')))).toEqual(['22023', `${prefix}error deserializing session: unexpected EOF`]);
  await client.query('BEGIN');
  expect(refusal(await client.query(restore(state)))).toEqual([
    '25000',
    `${prefix}cannot deserialize a session whilst inside a multi-statement transaction`,
  ]);
  client.destroy();
  other.destroy();
});

async function refusedLogin(token: string): Promise<string> {
  const client = await WireClient.open(pods().pod(1).port);
  client.write(startup({ user: 'app', database: 'defaultdb', [TOKEN]: token }));
  const error = fields(await client.next());
  expect([error['S'], error['C']]).toEqual(['FATAL', '28000']);
  await client.closed();
  client.destroy();
  return error['M'] ?? '';
}

function names(answer: WireMessage[]): string[] {
  const body = answer.find(({ type }) => type === 'T')?.body ?? Buffer.alloc(2);
  const found: string[] = [];
  for (let at = 2, left = body.readInt16BE(0); left > 0; left--) {
    const end = body.indexOf(0, at);
    found.push(body.toString('utf8', at, end));
    at = end + 19;
  }
  return found;
}

function tag(answer: WireMessage[]): string {
  return (
    answer
      .find(({ type }) => type === 'C')
      ?.body.toString('utf8')
      .replace('\0', '') ?? ''
  );
}

function refusal(answer: WireMessage[]): (string | undefined)[] {
  const error = answer.find(({ type }) => type === 'E');
  return error === undefined ? [] : [fields(error)['C'], fields(error)['M']];
}
