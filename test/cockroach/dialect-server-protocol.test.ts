/** The rest of the protocol that the dialect server speaks: passwords, TLS, cancels, COPY, LISTEN, pipelines, portals. */
import pg from 'pg';
import { expect, test } from 'vitest';
import { startPods, usePods } from '../fakes/cockroach-dialect/pods.ts';
import { TestAuthority } from '../support/certificates.ts';
import {
  bind,
  cancelRequest,
  cstring,
  describeStatement,
  execute,
  fields,
  flush,
  message,
  parse,
  rows,
  sync,
  terminate,
  WireClient,
  type WireMessage,
} from '../support/wire-client.ts';

const pods = usePods(1);
const user = { user: 'app', database: 'defaultdb' };
const letters = (answer: WireMessage[]): string => answer.map(({ type }) => type).join('');
const start = async (): Promise<WireClient> => (await WireClient.start(pods().pod(1).port, user)).client;

test.each(['password', 'scram-sha-256'] as const)('%s logins', async (authentication) => {
  const { cluster } = pods();
  cluster.users.set('ann', { password: 'sesame' });
  cluster.authentication = authentication;
  try {
    const client = new pg.Client({ host: '127.0.0.1', port: pods().pod(1).port, user: 'ann', password: 'sesame', database: 'defaultdb' });
    await client.connect();
    expect((await client.query('SELECT current_user')).rows).toEqual([{ current_user: 'ann' }]);
    await client.end();
    const wrong = new pg.Client({ host: '127.0.0.1', port: pods().pod(1).port, user: 'ann', password: 'wrong', database: 'defaultdb' });
    await expect(wrong.connect()).rejects.toMatchObject({ code: '28P01' });
  } finally {
    cluster.authentication = 'trust';
  }
});

test('TLS, with a cancel inside it as well', async () => {
  const authority = await TestAuthority.make('pods');
  const issued = await authority.issue({ name: 'localhost', alternatives: ['localhost', '127.0.0.1'] });
  const running = await startPods(1, { tls: issued });
  try {
    const pod = running.pod(1);
    const client = new pg.Client({ connectionString: pod.url('app', 'defaultdb', ''), ssl: { ca: authority.certificate } });
    await client.connect();
    expect((await client.query('SELECT pod_id()')).rows).toEqual([{ pod_id: '1' }]);
    await client.end();
    const canceller = await WireClient.encrypted(pod.port);
    canceller.write(cancelRequest(Buffer.alloc(8, 7)));
    await canceller.closed();
    canceller.destroy();
    expect(pod.heard.cancels).toMatchObject([{ pid: 0x07070707, encrypted: true, hit: false }]);
    expect(pod.heard.startups).toMatchObject([{ encrypted: true }]);
  } finally {
    await running.stop();
  }
});

test('a cancel ends what runs, and nothing else', async () => {
  const { client, greeting } = await WireClient.start(pods().pod(1).port, user);
  const key = greeting.find(({ type }) => type === 'K')?.body ?? Buffer.alloc(0);
  const cancel = async (): Promise<void> => {
    const canceller = await WireClient.open(pods().pod(1).port);
    canceller.write(cancelRequest(key));
    await canceller.closed();
    canceller.destroy();
  };
  await cancel();
  expect(letters(await client.query('SELECT 1'))).toBe('TDCZ');
  const before = pods().pod(1).heard.sql('pg_sleep').length;
  const sleeping = client.query('SELECT pg_sleep(60)');
  await expect.poll(() => pods().pod(1).heard.sql('pg_sleep').length).toBe(before + 1);
  await cancel();
  const error = (await sleeping).find(({ type }) => type === 'E');
  expect(error && [fields(error)['C'], fields(error)['M']]).toEqual(['57014', 'query execution canceled']);
  expect(letters(await client.query('SELECT 1'))).toBe('TDCZ');
  expect(
    pods()
      .pod(1)
      .heard.cancels.map(({ hit }) => hit),
  ).toEqual([true, true]);
  client.destroy();
});

test('COPY in both protocols, its failure, and what it does not survive', async () => {
  const client = await start();
  await client.query('CREATE TABLE c');
  const data = (text: string): Buffer => message('d', Buffer.from(text));
  client.write(message('Q', cstring('COPY c FROM STDIN')), data('a\nb'), data('\n'), message('c'));
  expect(letters(await client.until('Z'))).toBe('GCZ');
  client.write(parse('', 'COPY c FROM STDIN'), bind('', ''), execute(''), sync, data('c\n'), sync, message('c'), sync);
  expect(letters(await client.until('Z'))).toBe('12GCZ');
  client.write(message('Q', cstring('COPY c FROM STDIN')), data('d\n'), message('f', cstring('no')));
  expect(letters(await client.until('Z'))).toBe('GEZ');
  expect(letters(await client.query('COPY c TO STDOUT'))).toBe('HdddcCZ');
  client.write(message('Q', cstring('COPY c FROM STDIN')), message('Q', cstring('SELECT 1')));
  const last = await client.until('E');
  expect(fields(last.at(-1) ?? { type: 'E', body: Buffer.alloc(0) })).toMatchObject({ S: 'FATAL', C: '08P01' });
  await client.closed();
  client.destroy();
});

test('LISTEN and NOTIFY, at once for the idle and behind the transaction for others', async () => {
  const listener = await start();
  const other = await start();
  await listener.query('LISTEN news');
  await other.query("NOTIFY news, 'one'");
  expect(Buffer.from((await listener.next()).body.subarray(4)).toString()).toBe('news\0one\0');
  await listener.query('BEGIN');
  await other.query("NOTIFY news, 'two'");
  expect(letters(await listener.query('SELECT 1'))).toBe('TDCZ');
  expect(letters(await listener.query('COMMIT'))).toBe('CAZ');
  listener.destroy();
  other.destroy();
});

test('pipelines: errors skip to the Sync, portals go on where they stopped, the simple query drops the unnamed statement', async () => {
  const client = await start();
  client.write(parse('s', 'SELECT * FROM generate_series(1, 5)'), describeStatement('s'), bind('p', 's'), execute('p', 2), execute('p', 2));
  client.write(flush);
  expect(letters(await client.until('s'))).toBe('1tT2DDs');
  expect(letters(await client.until('s'))).toBe('DDs');
  client.write(execute('p'), sync);
  expect(letters(await client.until('Z'))).toBe('DCZ');
  client.write(
    parse('', 'FROB'),
    bind('', ''),
    execute(''),
    sync,
    parse('', 'SELECT 1'),
    sync,
    message('Q', cstring('SELECT 2')),
    bind('', ''),
    sync,
  );
  expect(letters(await client.until('Z'))).toBe('EZ');
  expect(letters(await client.until('Z'))).toBe('1Z');
  expect(letters(await client.until('Z'))).toBe('TDCZ');
  expect(letters(await client.until('Z'))).toBe('EZ');
  client.write(parse('', 'SELECT pod_id()'), bind('q', ''), flush);
  expect(letters(await client.until('2'))).toBe('12');
  expect(rows(await client.query('SHOW TRANSFER STATE'))[0]?.[0]).toBe('cannot serialize a session which has active portals');
  client.destroy();
});

test('a client that says goodbye is counted; a pod that stops is back on its port', async () => {
  const running = await startPods(1);
  const pod = running.pod(1);
  const { client } = await WireClient.start(pod.port, user);
  client.write(terminate);
  await client.closed();
  client.destroy();
  expect(pod.heard.goodbyes).toBe(1);
  await expect.poll(() => pod.connections).toBe(0);
  const { port } = pod;
  await pod.stop();
  await expect(WireClient.open(port)).rejects.toThrow(/ECONNREFUSED/);
  await pod.start();
  expect(pod.port).toBe(port);
  (await WireClient.start(port, user)).client.destroy();
  await running.stop();
});
