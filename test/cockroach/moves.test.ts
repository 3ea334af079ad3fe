/** Sessions of CockroachDB moved from pod to pod through the real proxy (cockroach-migration.md 8.3 of the references). */
import { describe, expect, it } from 'vitest';
import { move, sessionId } from '../support/migration.ts';
import { bind, cstring, describeStatement, execute, message, parse, rows, sync, type WireMessage } from '../support/wire-client.ts';
import { podOf, startCockroachYard } from './support/cockroach-yard.ts';

const query = (sql: string): Buffer => message('Q', cstring(sql));
const letters = (answer: WireMessage[]): string => answer.map(({ type }) => type).join('');
const moved = { outcome: 'success', reason: null };

describe('a session', () => {
  it('moves twice, with a setting changed in between: the pods alternate, the settings follow', async () => {
    const { yard, client, counters } = await startCockroachYard();
    const session = await client();
    expect(await podOf(session)).toBe('1');
    await session.query("SET application_name = 'foo'");
    expect(await move(yard, session, 'pod-2')).toMatchObject(moved);
    expect(await podOf(session)).toBe('2');
    expect((await session.query('SHOW application_name')).rows).toEqual([{ application_name: 'foo' }]);
    await session.query("SET application_name = 'bar'");
    expect(await move(yard, session, 'pod-1')).toMatchObject(moved);
    expect(await podOf(session)).toBe('1');
    expect((await session.query('SHOW application_name')).rows).toEqual([{ application_name: 'bar' }]);
    expect(await counters()).toMatchObject({ attempted: 2, success: 2, error_recoverable: 0, error_fatal: 0, inFlight: 0 });
  });

  it('keeps its prepared statements, its sequences and what RESET returns to', async () => {
    const { yard, client } = await startCockroachYard();
    const session = await client({ application_name: 'from the start' });
    const named = { name: 'named', text: 'SELECT $1::int AS n, pod_id() AS pod', values: [1] };
    await session.query(named);
    await session.query('PREPARE sqlish (int) AS SELECT $1::int AS n');
    await session.query('CREATE SEQUENCE numbers');
    await session.query("SELECT nextval('numbers')");
    await session.query("SET application_name = 'changed'");
    await session.query("SET search_path = 'a', b");
    expect(await move(yard, session, 'pod-2')).toMatchObject(moved);
    expect((await session.query({ ...named, values: [2] })).rows).toEqual([{ n: '2', pod: '2' }]);
    expect((await session.query('EXECUTE sqlish(7)')).rows).toEqual([{ n: '7' }]);
    expect((await session.query("SELECT currval('numbers'), lastval()")).rows).toEqual([{ currval: '1', lastval: '1' }]);
    expect((await session.query('SHOW search_path')).rows).toEqual([{ search_path: 'a, b' }]);
    await session.query('RESET ALL');
    expect((await session.query('SHOW application_name')).rows).toEqual([{ application_name: 'from the start' }]);
  });

  it.each([true, false])('keeps its unnamed statement between Parse and Bind (a Query drops it: %s)', async (drops) => {
    const { yard, wire, cluster, session } = await startCockroachYard();
    cluster.queryDropsUnnamed = drops;
    const { client } = await wire({ application_name: 'unnamed' });
    client.write(parse('', 'SELECT $1::text AS a, pod_id()'), sync);
    await client.until('Z');
    for (const to of ['pod-2', 'pod-1', 'pod-2']) {
      expect(await move(yard, (await session('unnamed'))?.id ?? 0, to)).toMatchObject(moved);
      client.write(bind('', '', ['x']), execute(''), sync);
      expect(rows(await client.until('Z'))).toEqual([['x', to.slice(-1)]]);
    }
  });

  it('keeps an unnamed statement that outlived a Parse that failed: moved with it, or refused until there is another', async () => {
    const { yard, wire, cluster, session } = await startCockroachYard();
    cluster.failedParseDropsUnnamed = false;
    cluster.queryDropsUnnamed = false;
    const { client } = await wire({ application_name: 'unnamed' });
    client.write(parse('', 'SELECT $1::text AS a'), sync, parse('', 'FROB'), sync);
    expect([letters(await client.until('Z')), letters(await client.until('Z'))]).toEqual(['1Z', 'EZ']);
    const id = (await session('unnamed'))?.id ?? 0;
    const { outcome } = await move(yard, id, 'pod-2');
    expect(outcome).toMatch(/^(success|refused)$/);
    client.write(bind('', '', ['x']), execute(''), sync);
    expect(rows(await client.until('Z'))).toEqual([['x']]);
    client.write(parse('', 'SELECT pod_id()'), sync);
    await client.until('Z');
    const to = outcome === 'success' ? 1 : 2;
    expect(await move(yard, id, `pod-${to}`)).toMatchObject(moved);
    client.write(bind('', ''), execute(''), sync);
    expect(rows(await client.until('Z'))).toEqual([[String(to)]]);
  });

  it('is told nothing by a move: the client’s parameters stay what they are, and a later version is told', async () => {
    const { yard, wire, pod, session } = await startCockroachYard();
    const { client, greeting } = await wire({ application_name: 'quiet' });
    expect(letters(greeting).replaceAll(/[^S]/g, '')).toHaveLength(13);
    await client.query("SET application_name = 'loud'");
    expect(await move(yard, (await session('loud'))?.id ?? 0, 'pod-2')).toMatchObject(moved);
    expect(letters(await client.query('SELECT 1'))).toBe('TDCZ');
    pod(1).options.version = 'CockroachDB CCL v25.3.0';
    expect(await move(yard, (await session('loud'))?.id ?? 0, 'pod-1')).toMatchObject(moved);
    const answer = await client.query('SELECT 1');
    expect(letters(answer)).toBe('STDCZ');
    expect(answer[0]?.body.toString()).toBe('crdb_version\0CockroachDB CCL v25.3.0\0');
  });

  it('after an error outside a transaction can move', async () => {
    const { yard, client } = await startCockroachYard();
    const session = await client();
    await expect(session.query('FROB')).rejects.toMatchObject({ code: '42601' });
    expect(await move(yard, session, 'pod-2')).toMatchObject(moved);
    expect(await podOf(session)).toBe('2');
  });

  it('sends the token as CockroachDB wants it, with the startup parameters it came with, and says goodbye to the old pod', async () => {
    const { yard, client, pod } = await startCockroachYard();
    const session = await client({ application_name: 'first name' });
    await session.query("SET application_name = 'second name'");
    expect(await move(yard, session, 'pod-2')).toMatchObject(moved);
    const withToken = pod(2).heard.startups.filter(({ raw }) => raw.has('crdb:session_revival_token_base64'));
    expect(withToken).toHaveLength(1);
    expect(withToken[0]?.raw.get('application_name')).toBe('first name');
    expect(withToken[0]?.raw.get('user')).toBe('app');
    await expect.poll(() => pod(1).heard.goodbyes).toBeGreaterThan(0);
    expect(pod(1).heard.sql('SHOW TRANSFER STATE')).toHaveLength(1);
    expect(pod(2).heard.sql('deserialize_session')).toHaveLength(1);
  });
});

describe('a busy session', () => {
  it('is moved to and fro while a hundred queries run: every answer, both pods, nothing fatal', async () => {
    const { yard, client, counters } = await startCockroachYard();
    const session = await client();
    const id = await sessionId(yard, session);
    let done = false;
    const seen = new Set<string>();
    const working = (async () => {
      for (let i = 0; i < 100; i++) {
        const { rows } = await session.query<{ n: string; pod_id: string }>('SELECT $1::int AS n, pg_sleep(0.01), pod_id()', [i]);
        expect(rows[0]?.n).toBe(String(i));
        seen.add(rows[0]?.pod_id ?? '');
      }
      done = true;
    })();
    const outcomes: string[] = [];
    for (let i = 0; !done; i++) outcomes.push((await move(yard, id, i % 2 === 0 ? 'pod-2' : 'pod-1')).outcome);
    await working;
    expect(new Set(outcomes)).toEqual(new Set(['success']));
    expect(outcomes.length).toBeGreaterThan(4);
    expect(seen).toEqual(new Set(['1', '2']));
    expect(await counters()).toMatchObject({ success: outcomes.length, error_recoverable: 0, error_fatal: 0 });
  });

  it('in a transaction stays, five times, and no server is asked: then moves right after COMMIT', async () => {
    const { yard, client, pod, counters } = await startCockroachYard();
    const session = await client();
    await session.query('BEGIN');
    for (let i = 0; i < 5; i++) {
      const { outcome, reason } = await move(yard, session, 'pod-2', 0);
      expect([outcome, reason]).toEqual(['error_recoverable', expect.stringMatching(/in transaction/)]);
      expect(await podOf(session)).toBe('1');
    }
    expect(pod(1).heard.sql('TRANSFER STATE')).toEqual([]);
    expect(await counters()).toMatchObject({ attempted: 5, error_recoverable: 5, error_fatal: 0 });
    const moving = move(yard, session, 'pod-2', 20);
    await expect.poll(async () => (await yard.snapshot()).transfers.at(-1)?.phase).toBe('armed');
    await session.query('COMMIT');
    expect(await moving).toMatchObject(moved);
    expect(await podOf(session)).toBe('2');
  });

  it('with a query that takes too long stays, and is not harmed: upstream’s clock would have lost it', async () => {
    const { yard, client, counters } = await startCockroachYard();
    const session = await client();
    const sleeping = session.query('SELECT pg_sleep(2), pod_id()');
    const behind = session.query('SELECT pod_id()');
    await expect.poll(async () => (await yard.sessions())[0]?.state).toBe('active');
    expect(await move(yard, session, 'pod-2', 0.2)).toMatchObject({ outcome: 'error_recoverable' });
    expect((await sleeping).rows).toMatchObject([{ pod_id: '1' }]);
    expect((await behind).rows).toEqual([{ pod_id: '1' }]);
    expect(await move(yard, session, 'pod-2')).toMatchObject(moved);
    expect(await counters()).toMatchObject({ attempted: 2, success: 1, error_recoverable: 1, error_fatal: 0 });
  });

  it('pipelining without a pause is moved between two of its queries', async () => {
    const { yard, wire, session } = await startCockroachYard();
    const { client } = await wire({ application_name: 'pipeline' });
    const answers: string[] = [];
    let sent = 0;
    const send = (): void => client.write(query(`SELECT ${sent++}, pg_sleep(0.002), pod_id()`));
    const pods = new Set<string>();
    while (sent < 8) send();
    const moving = move(yard, (await session('pipeline'))?.id ?? 0, 'pod-2');
    let settled = false;
    const outcome = moving.finally(() => (settled = true));
    while (!settled || answers.length < 50) {
      const [row] = rows(await client.until('Z'));
      answers.push(row?.[0] ?? 'none');
      pods.add(row?.[2] ?? 'none');
      send();
    }
    expect(await outcome).toMatchObject(moved);
    for (; answers.length < sent;) answers.push(rows(await client.until('Z'))[0]?.[0] ?? 'none');
    expect(answers).toEqual(Array.from({ length: sent }, (_, i) => String(i)));
    expect(pods).toEqual(new Set(['1', '2']));
  });

  it('in a COPY is waited for, and the copied rows are there once', async () => {
    const { yard, wire, session, cluster } = await startCockroachYard();
    const { client } = await wire({ application_name: 'copying' });
    await client.query('CREATE TABLE copied');
    client.write(query('COPY copied FROM STDIN'));
    expect((await client.next()).type).toBe('G');
    const moving = move(yard, (await session('copying'))?.id ?? 0, 'pod-2');
    await expect.poll(async () => (await yard.snapshot()).transfers.at(-1)?.reason ?? '').toContain('COPY');
    client.write(message('d', Buffer.from('a\nb\n')), message('c'));
    expect(letters(await client.until('Z'))).toBe('CZ');
    expect(await moving).toMatchObject(moved);
    expect(cluster.tables.get('copied')).toEqual(['a', 'b']);
    expect(rows(await client.query('SELECT pod_id()'))).toEqual([['2']]);
  });
});

describe('what the server refuses', () => {
  it.each([
    ['a temporary table', 'CREATE TEMP TABLE t (x int)', 'temporary schemas'],
    ['a state that is too large', `SET application_name = '${'x'.repeat(5_000)}'`, 'serialized session size'],
  ])('for %s is a refusal in its words, and the session lives on', async (_what, sql, words) => {
    const { yard, client, cluster, counters } = await startCockroachYard();
    cluster.maxSessionSize = 4_096;
    const session = await client();
    await session.query(sql);
    const { outcome, reason } = await move(yard, session, 'pod-2');
    expect([outcome, reason]).toEqual(['refused', expect.stringContaining(words)]);
    expect(await podOf(session)).toBe('1');
    expect(await counters()).toMatchObject({ attempted: 0, refused: 1, error_fatal: 0 });
  });

  it('for root is a refusal, before any server is asked', async () => {
    const { yard, client } = await startCockroachYard({ user: 'root' });
    const session = await client();
    expect(await move(yard, session, 'pod-2')).toMatchObject({ outcome: 'refused', reason: expect.stringContaining('root') as string });
    expect(await podOf(session)).toBe('1');
  });

  it('where tokens are off is a refusal, and once they are on the session moves', async () => {
    const { yard, client, cluster } = await startCockroachYard();
    const session = await client();
    cluster.revivalTokens = false;
    expect(await move(yard, session, 'pod-2')).toMatchObject({
      outcome: 'refused',
      reason: expect.stringContaining('session revival tokens are not supported on this cluster') as string,
    });
    expect(await podOf(session)).toBe('1');
    cluster.revivalTokens = true;
    await expect.poll(async () => (await move(yard, session, 'pod-2')).outcome).toBe('success');
  });

  it('a session that listens is not moved into silence', async () => {
    const { yard, wire, session } = await startCockroachYard();
    const { client } = await wire({ application_name: 'listening' });
    const other = await wire();
    await client.query('LISTEN news');
    await other.client.query("NOTIFY news, 'before'");
    expect((await client.next()).type).toBe('A');
    const { outcome, reason } = await move(yard, (await session('listening'))?.id ?? 0, 'pod-2');
    await other.client.query("NOTIFY news, 'after'");
    expect([outcome, reason]).toEqual(['refused', expect.stringContaining('listens on "news"')]);
    expect((await client.next()).body.toString('latin1')).toContain('after');
  });
});

describe('what a pod loses of a session is seen before the swap', () => {
  it.each([
    ['a prepared statement', { statements: new Set(['kept']), shapes: new Set<string>(), settings: new Set<string>() }],
    ['what a statement means', { statements: new Set<string>(), shapes: new Set(['kept']), settings: new Set<string>() }],
    ['a setting', { statements: new Set<string>(), shapes: new Set<string>(), settings: new Set(['search_path']) }],
  ])('%s: the session stays, and has it', async (_what, losses) => {
    const { yard, wire, pod, session, counters } = await startCockroachYard();
    const { client } = await wire({ application_name: 'whole' });
    client.write(parse('kept', 'SELECT pod_id() AS pod'), sync);
    await client.until('Z');
    await client.query("SET search_path = 'mine'");
    pod(2).options.losses = losses;
    const { outcome, reason } = await move(yard, (await session('whole'))?.id ?? 0, 'pod-2');
    expect(outcome).not.toBe('success');
    expect(reason).toMatch(/\w/);
    client.write(describeStatement('kept'), bind('', 'kept'), execute(''), sync);
    const answer = await client.until('Z');
    expect([letters(answer), rows(answer)]).toEqual(['tT2DCZ', [['1']]]);
    expect(rows(await client.query('SHOW search_path'))).toEqual([['mine']]);
    expect(await counters()).toMatchObject({ success: 0, error_fatal: 0 });
  });
});

it('a second move while one is under way is refused, with where it goes', async () => {
  const { yard, client } = await startCockroachYard({ pods: 3 });
  const session = await client();
  await session.query('BEGIN');
  const first = move(yard, session, 'pod-2', 20);
  await expect.poll(async () => (await yard.snapshot()).transfers.at(-1)?.phase).toBe('armed');
  expect(await move(yard, session, 'pod-3')).toMatchObject({
    outcome: 'refused',
    reason: expect.stringContaining('already being moved to pod-2') as string,
  });
  await session.query('ROLLBACK');
  expect(await first).toMatchObject(moved);
});
