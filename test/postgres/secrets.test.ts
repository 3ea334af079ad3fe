/**
 * No secret is ever shown (pooling.md 5.3): values that stand out are planted wherever a secret can be, everything happens that
 * can, and all that anybody could read is searched for them.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { md5Hash } from '../../core/auth/md5.ts';
import { scramKeys } from '../../core/auth/scram-keys.ts';
import { parseVerifier } from '../../core/auth/verifier.ts';
import { dispatch, type CallName, type Handlers } from '../../core/contract/index.ts';
import { selfSigned } from '../support/certificates.ts';
import { useCluster } from '../support/cluster.ts';
import { Plants, secretsOnTheWire, Spoken, startWiretap, type Wiretap } from '../support/secrets.ts';
import { startYard, type Yard } from '../support/yard.ts';

/** Unmistakable, and with characters that every quoting treats in its own way. */
const planted = (what: string): string => `pl4nted-${what}-${randomBytes(6).toString('hex')}-"ö\\:@/ %`;
const password = {
  admin: planted('admin'),
  alice: planted('alice'),
  mona: planted('mona'),
  wrong: planted('wrong'),
  stranger: planted('stranger'),
  passfile: planted('passfile'),
  saved: planted('saved'),
  user: planted('user'),
};
const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

const plants = new Plants();
const spoken = new Spoken();
const settings = { md5_password_warnings: 'off' };
const hba = ['host hashed all 127.0.0.1/32 md5', 'host clear all 127.0.0.1/32 password'];
const home = useCluster({ name: 'home', auth: 'scram-sha-256', password: password.admin, settings, hba });
const same = useCluster({ name: 'same', auth: 'scram-sha-256', password: password.admin, settings, hba });
const other = useCluster({ name: 'other', auth: 'scram-sha-256', password: password.passfile });

async function onServer(url: string, ...statements: string[]): Promise<Record<string, string>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    let rows: Record<string, string>[] = [];
    for (const statement of statements) ({ rows } = await client.query<Record<string, string>>(statement));
    return rows;
  } finally {
    await client.end();
  }
}

const folder = mkdtempSync(path.join(tmpdir(), 'switchyard-secrets-'));
const passfile = path.join(folder, 'pgpass');
const certificateFile = path.join(folder, 'server.pem');
const keyFile = path.join(folder, 'server.key');
const brokenKeyFile = path.join(folder, 'broken.key');
const taps: Wiretap[] = [];
const write = { out: process.stdout.write.bind(process.stdout), err: process.stderr.write.bind(process.stderr) };

beforeAll(async () => {
  for (const [name, value] of Object.entries(password)) plants.plant(`password ${name}`, value);
  const roles = await onServer(
    home().url(),
    ...['hashed', 'clear'].map((name) => `CREATE DATABASE ${name}`),
    `CREATE ROLE alice LOGIN PASSWORD ${literal(password.alice)}`,
    `SET password_encryption = 'md5'`,
    `CREATE ROLE mona LOGIN PASSWORD ${literal(password.mona)}`,
    `SELECT rolname, rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL`,
  );
  for (const { rolname = '', rolpassword = '' } of roles) {
    plants.plant(`verifier of ${rolname}`, rolpassword);
    const verifier = parseVerifier(rolpassword);
    if (verifier?.kind !== 'scram') continue;
    plants.plant(`stored key of ${rolname}`, verifier.storedKey);
    plants.plant(`server key of ${rolname}`, verifier.serverKey);
    const secret = rolname === 'alice' ? password.alice : password.admin;
    const { clientKey } = await scramKeys(secret, verifier.salt, verifier.iterations);
    plants.plant(`client key of ${rolname}`, clientKey);
  }
  plants.plant('md5 hash of mona', md5Hash('mona', password.mona).slice('md5'.length));
  const verifierOf = (role: string): string => literal(roles.find(({ rolname }) => rolname === role)?.['rolpassword'] ?? '');
  await onServer(
    same().url(),
    ...['hashed', 'clear'].map((name) => `CREATE DATABASE ${name}`),
    `CREATE ROLE alice LOGIN PASSWORD ${verifierOf('alice')}`,
    `CREATE ROLE mona LOGIN PASSWORD ${verifierOf('mona')}`,
  );
  await onServer(other().url(), `CREATE ROLE alice LOGIN PASSWORD ${literal(password.alice)}`);
  const { certificate, key } = await selfSigned({ name: 'localhost' });
  writeFileSync(certificateFile, certificate);
  writeFileSync(keyFile, key, { mode: 0o600 });
  const lines = key.split('\n').filter((line) => line.length >= 20 && !line.startsWith('-'));
  for (const [n, line] of lines.entries()) plants.plant(`line ${n} of the TLS key`, line);
  writeFileSync(brokenKeyFile, key.replace('\n', '\n????'), { mode: 0o600 });
  const escaped = password.passfile.replace(/[\\:]/g, '\\$&');
  writeFileSync(passfile, `127.0.0.1:${other().port}:*:postgres:${escaped}\n`, { mode: 0o600 });
  for (const [stream, before] of [
    [process.stdout, write.out],
    [process.stderr, write.err],
  ] as const) {
    stream.write = ((...args: Parameters<typeof before>) => {
      spoken.hear(String(args[0]));
      return before(...args);
    }) as typeof stream.write;
  }
});
afterAll(async () => {
  process.stdout.write = write.out;
  process.stderr.write = write.err;
  for (const tap of taps) await tap.close();
  rmSync(folder, { recursive: true });
});

async function tapped(port: () => number): Promise<Wiretap> {
  const tap = await startWiretap(port);
  taps.push(tap);
  return tap;
}

async function guarded(method: 'scram-sha-256' | 'md5' | 'password'): Promise<{ yard: Yard; clients: Wiretap; servers: Wiretap[] }> {
  const servers = [await tapped(() => home().port), await tapped(() => same().port)];
  const [first, second] = servers;
  const bare = (tap: Wiretap | undefined, database = 'postgres') => `postgresql://127.0.0.1:${tap?.port}/${database}`;
  const yard = await startYard({
    endpoints: {
      home: bare(first),
      'home-hashed': bare(first, 'hashed'),
      'home-clear': bare(first, 'clear'),
      same: bare(second),
      'same-hashed': bare(second, 'hashed'),
      'same-clear': bare(second, 'clear'),
      other: `postgresql://127.0.0.1:${other().port}/postgres`,
      passfile: `postgresql://postgres@127.0.0.1:${other().port}/postgres`,
      wrong: `postgresql://postgres:${encodeURIComponent(password.wrong)}@127.0.0.1:${same().port}/postgres`,
      down: `postgresql://alice:${encodeURIComponent(password.alice)}@127.0.0.1:1/postgres`,
      source: home().url(),
    },
    options: { passwordFile: passfile, settings: { authentication: { method, verifiersFrom: 'source' } } },
  });
  yard.switchyard.subscribe((delta) => spoken.hear(delta));
  return { yard, clients: await tapped(() => yard.port), servers };
}

/** Opens a client through the wiretap; what it is refused with is heard. */
async function open(port: number, user: string, secret: string, database: string): Promise<pg.Client | null> {
  const client = new pg.Client({ host: '127.0.0.1', port, user, password: secret, database });
  client.on('error', (error) => spoken.hear(error));
  client.on('notice', (notice) => spoken.hear(notice));
  try {
    await client.connect();
    return client;
  } catch (error) {
    spoken.hear(error);
    await client.end();
    return null;
  }
}

/** One call as a window makes it; the answer, whatever it is, is heard. */
async function call(yard: Yard, name: CallName | 'no.such', request: unknown): Promise<unknown> {
  // The demo's calls, which the core has not, are not made here.
  const handlers = yard.switchyard.handlers as unknown as Handlers;
  const result = await dispatch(handlers, name, request, (error) => spoken.hear(error));
  spoken.hear(name, result);
  return result.ok ? result.reply : null;
}

async function settled(yard: Yard, sessionIds: number[], to: string): Promise<string | undefined> {
  await call(yard, 'preflight', { sessionIds, to });
  const started = (await call(yard, 'migrate', { sessionIds, to })) as { operationId: number };
  const find = async () => (await yard.snapshot()).transfers.find((row) => row.operationId === started.operationId);
  await expect.poll(async () => (await find())?.outcome, { timeout: 30_000 }).toBeTruthy();
  return (await find())?.outcome ?? undefined;
}

/** Every view of the console, and some mistakes. */
async function consult(port: number, user: string, secret: string): Promise<void> {
  const client = await open(port, user, secret, 'switchyard');
  if (client === null) throw new Error('the console refused the login');
  const ask = (sql: string): Promise<{ command?: string }[]> =>
    client.query<{ command?: string }>(sql).then(
      (result) => {
        spoken.hear(sql, result.rows);
        return result.rows;
      },
      (error: unknown) => {
        spoken.hear(error);
        return [];
      },
    );
  const commands = (await ask('SHOW HELP')).flatMap(({ command }) => (command?.startsWith('SHOW ') === true ? [command] : []));
  expect(commands.length).toBeGreaterThan(8);
  for (const command of [...commands, 'SHOW NOTHING', 'MIGRATE CLIENT 99999 TO home', 'MIGRATE ENDPOINT home TO nowhere'])
    await ask(command);
  await client.end();
}

describe.each([
  ['scram-sha-256', 'alice', password.alice, ''],
  ['md5', 'mona', password.mona, '-hashed'],
  ['password', 'alice', password.alice, '-clear'],
] as const)('clients by %s', (method, user, secret, suffix) => {
  it('log in, fail to, work, move and are cut off; the operator looks everywhere and makes mistakes', async () => {
    const { yard, clients, servers } = await guarded(method);
    const database = suffix === '' ? 'postgres' : suffix.slice(1);
    try {
      const client = await open(clients.port, user, secret, `home${suffix}/${database}`);
      if (client === null) throw new Error('the right password was refused');
      for (const [who, what, where] of [
        [user, password.wrong, `home/postgres`],
        ['stranger', password.stranger, 'home/postgres'],
        [user, password.wrong, 'switchyard'],
        [user, secret, 'home/nowhere'],
        [user, secret, 'wrong/postgres'],
        [user, secret, 'down/postgres'],
        // There it has the password, but not the verifier.
        ...(method === 'password' ? [] : [[user, secret, 'other/postgres'] as const]),
      ] as const) {
        expect((await open(clients.port, who, what, where)) === null, `${who} at ${where} is refused`).toBe(true);
      }
      const throughPassfile = await open(clients.port, user, secret, 'passfile/postgres');
      if (throughPassfile === null) throw new Error('the password file was not used');
      await throughPassfile.end();

      const parameter = planted('parameter');
      plants.plant(`parameter by ${method}`, parameter);
      expect((await client.query('SELECT $1::text AS it', [parameter])).rows).toEqual([{ it: parameter }]);

      const sessionIds = (await yard.sessions()).map(({ id }) => id);
      expect(await settled(yard, sessionIds, `same${suffix}`)).toBe('success');
      if (method !== 'password') expect(await settled(yard, sessionIds, 'other')).toBe('refused');
      expect(await settled(yard, sessionIds, 'wrong')).toBe('refused');
      expect(await settled(yard, sessionIds, 'down')).toMatch(/refused|error_recoverable/);
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
      await consult(clients.port, user, secret);

      const saved = encodeURIComponent(password.saved);
      const url = `postgresql://postgres:${saved}@127.0.0.1:${same().port}/postgres`;
      await call(yard, 'endpoints.save', { id: 'saved', url });
      await call(yard, 'endpoints.save', { id: 'saved', url: url.replace(`:${saved}`, ''), password: password.saved });
      await call(yard, 'endpoints.check', { id: 'saved' });
      await call(yard, 'endpoints.test', { url });
      await call(yard, 'endpoints.test', { url: url.replace(`:${saved}`, ''), password: password.saved });
      await call(yard, 'endpoints.test', { url: home().url() });
      for (const broken of [
        url.replace('127.0.0.1', '[::'),
        `${url}?nope=1`,
        url.replace('postgresql', 'mysql'),
        `${url}%`,
        `${url}?sslmode=no`,
      ]) {
        await call(yard, 'endpoints.save', { id: 'broken', url: broken });
        await call(yard, 'endpoints.test', { url: broken });
      }
      await call(yard, 'endpoints.save', { id: 'not an id', url, password: password.saved });
      await call(yard, 'endpoints.save', { id: 'x', url, secret: password.saved });
      await call(yard, 'no.such', { password: password.saved });
      await call(yard, 'endpoints.remove', { id: 'saved' });
      await call(yard, 'users.save', { name: 'new', password: password.user });
      await call(yard, 'users.save', { name: '', password: password.user });
      await call(yard, 'settings.get', {});
      await call(yard, 'settings.save', { authentication: { method, verifiersFrom: 'source' } });
      await call(yard, 'settings.save', { authentication: { method, users: [{ name: 'x', verifier: password.user }] } });
      for (const certificate of [
        { kind: 'files', certificate: certificateFile, key: keyFile },
        { kind: 'files', certificate: certificateFile, key: brokenKeyFile },
        { kind: 'files', certificate: brokenKeyFile, key: keyFile },
        { kind: 'local' },
      ]) {
        await call(yard, 'settings.save', { tls: { clients: 'allow', certificate }, authentication: { method, verifiersFrom: 'source' } });
        await call(yard, 'settings.get', {});
      }
      await call(yard, 'endpoints.save', { id: 'tls', url: `${url}?sslmode=require&sslcert=${certificateFile}&sslkey=${keyFile}` });
      await call(yard, 'endpoints.test', { url: `${url}?sslmode=prefer&sslcert=${certificateFile}&sslkey=${brokenKeyFile}` });
      await call(yard, 'endpoints.remove', { id: 'tls' });
      await call(yard, 'users.remove', { name: 'new' });
      await call(yard, 'tls.makeLocal', {});
      await call(yard, 'session.close', { sessionId: 999_999 });

      // A password file that others may read; a server that goes away below its session.
      chmodSync(passfile, 0o644);
      expect((await open(clients.port, user, secret, 'passfile/template1')) === null).toBe(true);
      chmodSync(passfile, 0o600);
      // At rest it would outlive its server.
      await client.query('BEGIN');
      await onServer(same().url(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${user}'`);
      await expect.poll(async () => (await yard.sessions()).length, { timeout: 10_000 }).toBe(0);
      await client.end();
      await call(yard, 'snapshot', {});
    } finally {
      await yard.stop();
    }
    for (const tap of [clients, ...servers]) {
      const { proofs, cancelSecrets } = secretsOnTheWire(tap);
      expect(cancelSecrets.length, 'keys that cancel, seen on the wire').toBeGreaterThan(0);
      if (method !== 'password') expect(proofs.length, 'proofs seen on the wire').toBeGreaterThan(0);
      for (const [n, proof] of proofs.entries()) plants.plant(`proof ${n} by ${method} (${tap.port})`, proof);
      for (const [n, key] of cancelSecrets.entries()) plants.plant(`cancel secret ${n} by ${method} (${tap.port})`, key);
    }
    expect(plants.in(spoken.text)).toEqual([]);
  });
});

it('the search would have found them', () => {
  // What was heard is not nothing: the endpoints, the users and the failures are in it.
  for (const word of ['"home-hashed"', 'alice', 'another verifier', 'migration_refused', 'server_lost', 'password_file', 'invalid_url']) {
    expect(spoken.text).toContain(word);
  }
  const aloud = new Spoken();
  for (const value of Object.values(password)) aloud.hear({ detail: { url: `postgresql://me:${encodeURIComponent(value)}@h/d` } });
  expect(plants.in(aloud.text)).toEqual(plants.names.filter((name) => name.startsWith('password ')));
  const dumped = new Spoken();
  dumped.hear({ key: Buffer.from(password.alice) }, new Error(`no: ${password.user}`));
  expect(plants.in(dumped.text)).toEqual(['password alice', 'password user']);
});
