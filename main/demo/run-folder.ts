/**
 * The temporary folder of this process's PostgreSQL servers, and the promise that nothing of them stays: it is removed when the
 * last server stops, when the process exits, on SIGINT, SIGTERM and SIGHUP, and, when the process was killed, by the next
 * process that starts a server (`sweepLeftovers`), which also ends the servers that were left running in it.
 */
import { chmodSync, chownSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { childrenOf, commandLine, processIdentity, signal } from './process-table.ts';
import type { Account } from './server-programs.ts';

const prefix = 'switchyard-pg-';
const ownerFile = 'owner.json';
/** A folder without a readable owner may still be in the making; after this many milliseconds it is not. */
const makingMs = 60_000;

/** One server's folder. */
export interface ClusterFolder {
  /** Holds whatever belongs to the server; owned by the server's account. */
  path: string;
  /** PostgreSQL's data directory, not yet there. */
  dataDir: string;
  /** The folder of this process, open to the server's account; also holds copied programs. */
  shared: string;
  /** The running postmaster or initdb, ended when the process exits first. */
  pid: number | null;
  /** Removes it, and with the last one the folder of this process. */
  remove(): Promise<void>;
}

const open = new Set<ClusterFolder>();
let runFolder: string | null = null;
let counter = 0;

/** Makes a folder for one server. */
export function openClusterFolder(account: Account): ClusterFolder {
  runFolder ??= makeRunFolder();
  const shared = runFolder;
  const path = join(shared, `cluster-${++counter}`);
  mkdirSync(path, { mode: 0o700 });
  if (account.uid !== undefined && account.gid !== undefined) chownSync(path, account.uid, account.gid);
  const folder: ClusterFolder = {
    path,
    dataDir: join(path, 'data'),
    shared,
    pid: null,
    async remove() {
      if (!open.delete(folder)) return;
      const last = open.size === 0;
      if (last) {
        runFolder = null;
        unguard();
      }
      await rm(last ? shared : path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    },
  };
  if (open.size === 0) guard();
  open.add(folder);
  return folder;
}

/**
 * Ends servers and removes folders whose owner is dead. A process is ended only if the data directory's own postmaster.pid names
 * it and its command line names that data directory. Only folders of our own user and of this host are looked at.
 * @returns the folders removed.
 */
export async function sweepLeftovers(): Promise<string[]> {
  const removed: string[] = [];
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(prefix)) continue;
    const folder = join(tmpdir(), name);
    try {
      if (!isLeftover(folder)) continue;
      for (const cluster of readdirSync(folder)) {
        if (cluster.startsWith('cluster-')) await endLeftoverServer(join(folder, cluster, 'data'));
      }
      await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
      removed.push(folder);
    } catch (error) {
      // Another process may be sweeping the same folder; whatever remains is tried again at the next start.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') process.emitWarning(`cannot remove ${folder}: ${String(error)}`);
    }
  }
  return removed;
}

/** The postmaster of a data directory, when it runs; checked against its command line. */
export function postmasterOf(dataDir: string): number | null {
  const pid = lockFilePid(dataDir);
  if (pid === null || processIdentity(pid) === null) return null;
  const words = commandLine(pid);
  return words !== null && words.split(' ').includes(dataDir) ? pid : null;
}

function makeRunFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  writeFileSync(join(folder, ownerFile), JSON.stringify({ pid: process.pid, identity: processIdentity(process.pid), host: hostname() }), {
    mode: 0o600,
  });
  // Others may pass through, not look around: the servers may run under another account.
  chmodSync(folder, 0o711);
  return folder;
}

function isLeftover(folder: string): boolean {
  const stat = lstatSync(folder);
  if (!stat.isDirectory() || stat.uid !== (process.getuid?.() ?? stat.uid)) return false;
  let owner: { pid?: unknown; identity?: unknown; host?: unknown };
  try {
    owner = JSON.parse(readFileSync(join(folder, ownerFile), 'utf8')) as typeof owner;
  } catch {
    return Date.now() - stat.mtimeMs > makingMs;
  }
  // A container that shares this folder has process ids of its own.
  if (owner.host !== hostname()) return false;
  return typeof owner.pid !== 'number' || processIdentity(owner.pid) !== owner.identity;
}

async function endLeftoverServer(dataDir: string): Promise<void> {
  const pid = postmasterOf(dataDir);
  if (pid === null) return;
  const backends = childrenOf(pid);
  signal(pid, 'SIGCONT');
  signal(pid, 'SIGQUIT');
  for (let waited = 0; waited < 5_000; waited += 50) {
    if (postmasterOf(dataDir) === null) return;
    await sleep(50);
  }
  for (const process of [pid, ...backends]) signal(process, 'SIGKILL');
}

function lockFilePid(dataDir: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(join(dataDir, 'postmaster.pid'), 'utf8'), 10);
    return Number.isInteger(pid) && pid > 1 ? pid : null;
  } catch {
    return null;
  }
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

function guard(): void {
  process.on('exit', removeAllNow);
  for (const name of signals) process.on(name, onSignal);
}

function unguard(): void {
  process.off('exit', removeAllNow);
  for (const name of signals) process.off(name, onSignal);
}

/** A program with its own handler stops its servers itself; for any other the signal keeps its meaning, after the clean-up. */
function onSignal(name: NodeJS.Signals): void {
  if (process.listenerCount(name) > 1) return;
  removeAllNow();
  unguard();
  process.kill(process.pid, name);
}

/** The synchronous end, for a process that is about to exit. */
function removeAllNow(): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (const { pid } of open) {
    if (pid === null) continue;
    signal(pid, 'SIGCONT');
    signal(pid, 'SIGQUIT');
  }
  for (const { pid, dataDir } of open) {
    if (pid === null) continue;
    const backends = childrenOf(pid);
    for (let waited = 0; waited < 3_000 && lockFilePid(dataDir) !== null; waited += 20) Atomics.wait(pause, 0, 0, 20);
    for (const process of [pid, ...backends]) signal(process, 'SIGKILL');
  }
  open.clear();
  if (runFolder !== null) rmSync(runFolder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  runFolder = null;
}
