/**
 * Linux: the kernel lists every TCP connection with the number of its socket, and every process's open files with theirs (proc(5)). Files
 * of other users' processes are not shown.
 */
import { readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import type { ClientConnection, ProcessAnswer } from '../../core/facade/session-detail-process.ts';
import { plainAddress } from './address.ts';

/** See the head of this file. `root`: where the kernel shows itself. Rejects when it does not. */
export async function findByProc(connection: ClientConnection, signal: AbortSignal, root = '/proc'): Promise<ProcessAnswer> {
  const inode = await socketOf(connection, root);
  if (inode === null)
    return { process: null, reason: 'The connection is not in the list of this system: it is closed, or in a container.' };
  const wanted = `socket:[${inode}]`;
  let hidden = 0;
  for (const entry of await readdir(root)) {
    signal.throwIfAborted();
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const owns = await hasOpen(path.join(root, entry, 'fd'), wanted);
    if (owns === null) hidden++;
    else if (owns) return { process: { pid, name: await nameOf(path.join(root, entry)) }, reason: null };
  }
  return {
    process: null,
    reason: hidden > 0 ? 'It belongs to another user of this machine, or to the system.' : 'No process has the connection (any more).',
  };
}

/** The number of the client's own socket; null: it is not listed. */
async function socketOf(connection: ClientConnection, root: string): Promise<string | null> {
  const from = `${plainAddress(connection.address)} ${connection.port}`;
  const to = `${plainAddress(connection.ownAddress)} ${connection.ownPort}`;
  for (const table of ['tcp', 'tcp6']) {
    // Without IPv6 there is no second table.
    const text = await readFile(path.join(root, 'net', table), 'latin1').catch(() => '');
    for (const line of text.split('\n')) {
      const [, local = '', remote = '', , , , , , , inode = ''] = line.trim().split(/\s+/);
      // A socket without a file (0) is on its way out.
      if (inode !== '0' && endOf(local) === from && endOf(remote) === to) return inode;
    }
  }
  return null;
}

/** `0100007F:1538`, each group of four bytes as the machine (little-endian on all that we run on) keeps it. */
function endOf(hex: string): string {
  const [address = '', port = ''] = hex.split(':');
  const bytes = Buffer.from(address, 'hex');
  for (let at = 0; at + 4 <= bytes.length; at += 4) bytes.subarray(at, at + 4).reverse();
  if (bytes.length === 4) return `${[...bytes].join('.')} ${parseInt(port, 16)}`;
  if (bytes.length !== 16) return '';
  if (bytes.subarray(0, 12).equals(MAPPED)) return `${[...bytes.subarray(12)].join('.')} ${parseInt(port, 16)}`;
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  return `${plainIPv6(groups)} ${parseInt(port, 16)}`;
}

const MAPPED = Buffer.from('00000000000000000000ffff', 'hex');

/** As Node writes it: the longest run of zeros left out. */
function plainIPv6(groups: readonly string[]): string {
  return new URL(`http://[${groups.join(':')}]/`).hostname.replace(/^\[|\]$/g, '');
}

/** Null: its files are not shown. A process that has gone has nothing open. */
async function hasOpen(folder: string, wanted: string): Promise<boolean | null> {
  let files: string[];
  try {
    files = await readdir(folder);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES' ? null : false;
  }
  const targets = await Promise.all(files.map((file) => readlink(path.join(folder, file)).catch(() => '')));
  return targets.includes(wanted);
}

/** Its program's file; where that is not shown, what it calls itself (15 characters of it). */
async function nameOf(folder: string): Promise<string> {
  const file = await readlink(path.join(folder, 'exe')).catch(() => '');
  if (file !== '') return path.posix.basename(file.replace(/ \(deleted\)$/, ''));
  return (await readFile(path.join(folder, 'comm'), 'utf8').catch(() => '')).trim() || 'unnamed';
}
