/** Where a server might listen on this machine: sockets in the usual folders, the usual ports, and on Linux whatever listens on loopback. */
import { readdir, readFile, readlink, realpath } from 'node:fs/promises';
import path from 'node:path';

/** A place to ask: a folder with a Unix socket in it, or a loopback address. */
export interface Candidate {
  readonly host: string;
  readonly port: number;
  readonly via: 'socket' | 'port';
}

/** Where and what to look for; the usual places if left out. */
export interface Where {
  readonly socketFolders?: readonly string[];
  readonly ports?: readonly number[];
  /** Linux's table of what listens, as text per file; none elsewhere. */
  readonly listening?: () => Promise<number[]>;
}

const SOCKET_FOLDERS = ['/tmp', '/var/run/postgresql', '/run/postgresql'];
/** PostgreSQL's port and those after it, as Debian counts its clusters up; CockroachDB's. */
const PORTS = [...range(5432, 5440), ...range(26_257, 26_260)];
/** More listeners than that are somebody's test machine: the first ones, by number, do. */
const MOST_LISTENERS = 48;

/** Every candidate once; sockets first. Never rejects. */
export async function candidates({ socketFolders = SOCKET_FOLDERS, ports = PORTS, listening = listeningOnLoopback }: Where = {}): Promise<
  Candidate[]
> {
  const sockets = await Promise.all((await existing(socketFolders)).map(socketsIn));
  const listeners = (await listening()).filter((port) => !ports.includes(port)).slice(0, MOST_LISTENERS);
  const all = [...ports, ...listeners];
  return [...sockets.flat(), ...all.map((port): Candidate => ({ host: '127.0.0.1', port, via: 'port' }))];
}

/** `/var/run` is `/run` on most systems: one folder, one time, under the first of its names. */
async function existing(folders: readonly string[]): Promise<string[]> {
  const seen = new Map<string, string>();
  for (const folder of folders) {
    const real = await realpath(folder).catch(() => null);
    if (real !== null && !seen.has(real)) seen.set(real, folder);
  }
  return [...seen.values()];
}

async function socketsIn(folder: string): Promise<Candidate[]> {
  const names = await readdir(folder).catch(() => []);
  return names.flatMap((name): Candidate[] => {
    const port = Number(/^\.s\.PGSQL\.(\d{1,5})$/.exec(name)?.[1] ?? 0);
    return port === 0 ? [] : [{ host: folder, port, via: 'socket' }];
  });
}

/** Ports on which others than this process listen for 127.0.0.1 or for every address, in order. Empty where there is no such table. */
export async function listeningOnLoopback(folder = '/proc/net'): Promise<number[]> {
  const own = await ownSockets();
  const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readFile(path.join(folder, name), 'utf8').catch(() => '')));
  const ports = tables.flatMap((table) => listeners(table).flatMap(({ port, inode }) => (own.has(inode) ? [] : [port])));
  return [...new Set(ports)].toSorted((a, b) => a - b);
}

/** proc(5), `/proc/net/tcp`: addresses in the machine's byte order, state 0A listens. */
export function listeners(table: string): { port: number; inode: string }[] {
  return table
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      const [address = '', port = ''] = local.split(':');
      const reachable = /^(?:0100007F|0+|0{20}FFFF0000(?:0100007F|0{8})|0{24}01000000)$/i.test(address);
      return state === '0A' && reachable ? [{ port: Number.parseInt(port, 16), inode }] : [];
    });
}

/** The proxy's own port would answer, too. */
async function ownSockets(): Promise<Set<string>> {
  const names = await readdir('/proc/self/fd').catch(() => []);
  const links = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
  return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
