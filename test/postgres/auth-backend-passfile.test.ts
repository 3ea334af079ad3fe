/** Passwords out of libpq's password file, wherever the proxy logs in to a server. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { move, serverPort, sessionId } from '../support/migration.ts';
import { startYard, type Yard } from '../support/yard.ts';
import { text } from '../support/matching.ts';

const alice = 'of alice';
const a = useCluster({ auth: 'scram-sha-256', password: 'of\\a:' });
const b = useCluster({ auth: 'password', password: 'of:b' });
const socketFolder = mkdtempSync(path.join(tmpdir(), 'sy-'));
chmodSync(socketFolder, 0o777);
const c = useCluster({
  auth: 'scram-sha-256',
  password: 'of c',
  settings: { unix_socket_directories: socketFolder },
});
const file = path.join(socketFolder, 'pgpass');
let yard: Yard;

const bare = (port: number, user = 'postgres@') => `postgresql://${user}127.0.0.1:${port}/postgres`;

beforeAll(async () => {
  const admin = new pg.Client({ connectionString: a().url() });
  await admin.connect();
  await admin.query(`CREATE ROLE alice LOGIN PASSWORD '${alice}'`);
  await admin.end();
  const lines = [
    `# A comment`,
    String.raw`127.0.0.1:${a().port}:*:postgres:of\\a\:`,
    String.raw`127.0.0.1:${b().port}:postgres:postgres:of\:b`,
    // The host of a socket is its folder, unless that is the standard one.
    `${socketFolder}:*:*:postgres:of c`,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
  yard = await startYard({
    endpoints: {
      a: bare(a().port),
      b: bare(b().port),
      c: `postgresql://postgres@${encodeURIComponent(socketFolder)}:${c().port}/postgres`,
    },
    options: { passwordFile: file },
  });
});
afterAll(async () => {
  await yard.stop();
  rmSync(socketFolder, { recursive: true });
});

it.each(['a', 'b', 'c'])('opens %s, which says so', async (endpoint) => {
  const client = new pg.Client({ connectionString: yard.connectionString(endpoint) });
  await client.connect();
  expect((await client.query('SELECT system_user AS who')).rows).toHaveLength(1);
  await client.end();
  await expect
    .poll(async () => (await yard.snapshot()).endpoints.find(({ id }) => id === endpoint)?.status, { timeout: 10_000 })
    .toBe('up');
});

it('is used by the test of an endpoint', async () => {
  expect(await yard.switchyard.handlers['endpoints.test']({ url: bare(b().port) })).toMatchObject({ ok: true });
  expect(await yard.switchyard.handlers['endpoints.test']({ url: bare(b().port, 'bob@') })).toMatchObject({
    ok: false,
    message: text('none is stored'),
    hint: text('~/.pgpass'),
  });
});

it('lets a session move', async () => {
  const client = new pg.Client({ connectionString: yard.connectionString('a') });
  await client.connect();
  const id = await sessionId(yard, client);
  expect((await yard.switchyard.handlers.preflight({ sessionIds: [id], to: 'b' })).verdicts[0]).toMatchObject({ verdict: 'ready' });
  expect(await move(yard, client, 'b')).toMatchObject({ outcome: 'success' });
  expect(await serverPort(client)).toBe(b().port);
  await client.end();
});

it('opens the source of the verifiers', async () => {
  const other = await startYard({
    endpoints: { it: bare(a().port, ''), source: bare(a().port) },
    options: { passwordFile: file, settings: { authentication: { method: 'scram-sha-256', verifiersFrom: 'source' } } },
  });
  try {
    const client = new pg.Client({ host: other.host, port: other.port, user: 'alice', password: alice, database: 'it/postgres' });
    await client.connect();
    expect((await client.query('SELECT current_user AS who')).rows).toEqual([{ who: 'alice' }]);
    await client.end();
  } finally {
    await other.stop();
  }
});

it.skipIf(process.platform === 'win32')('is ignored when others may read it, and the log says so once', async () => {
  const loose = path.join(socketFolder, 'loose');
  writeFileSync(loose, '*:*:*:*:never shown');
  chmodSync(loose, 0o644);
  const other = await startYard({ endpoints: { a: bare(a().port) }, options: { passwordFile: loose } });
  try {
    for (let i = 0; i < 2; i++) {
      const client = new pg.Client({ connectionString: other.connectionString('a') });
      await expect(client.connect()).rejects.toMatchObject({ code: '28P01' });
    }
    const { log } = await other.snapshot();
    expect(log.filter(({ code }) => code === 'password_file')).toMatchObject([{ level: 'warn', message: text('group or world access') }]);
    expect(JSON.stringify(log)).not.toContain('never shown');
  } finally {
    await other.stop();
  }
});
