/** Windows: `netstat` lists every connection with its process's number, and `tasklist` has the names. Their words are translated, their order is not. */
import type { ClientConnection, ProcessAnswer } from '../../core/facade/session-detail-process.ts';
import { plainAddress } from './address.ts';
import { run } from './run.ts';

/** See the head of this file. Rejects when one of the programs is missing or fails. */
export async function findByNetstat(connection: ClientConnection, signal: AbortSignal): Promise<ProcessAnswer> {
  const folder = `${process.env['SystemRoot'] ?? 'C:\\Windows'}\\System32`;
  const protocol = plainAddress(connection.address).includes(':') ? 'TCPv6' : 'TCP';
  const { text, code } = await run(`${folder}\\netstat.exe`, ['-ano', '-p', protocol], signal);
  if (code !== 0) throw new Error(`netstat ended with ${code}`);
  const pid = readNetstat(text, connection);
  if (pid === null) return { process: null, reason: 'The connection is not in the list of this system: it is closed, or in a container.' };
  const tasks = await run(`${folder}\\tasklist.exe`, ['/FI', `PID eq ${pid}`, '/FO', 'CSV', '/NH'], signal);
  const name = readTasklist(tasks.text, pid);
  return name === null
    ? { process: null, reason: `Process ${pid} has it, and is gone or is not shown.` }
    : { process: { pid, name }, reason: null };
}

/** The number of the process that has the client's end; null: it is not listed. */
export function readNetstat(text: string, { address, port, ownAddress, ownPort }: ClientConnection): number | null {
  const from = `${plainAddress(address)}:${port}`;
  const to = `${plainAddress(ownAddress)}:${ownPort}`;
  for (const line of text.split(/\r?\n/)) {
    const [protocol = '', local = '', remote = '', ...rest] = line.trim().split(/\s+/);
    if (protocol !== 'TCP' || endOf(local) !== from || endOf(remote) !== to) continue;
    // The state may be of more than one word; the number is last. 0: the connection is over, and nobody's.
    const pid = Number(rest.at(-1));
    if (Number.isInteger(pid) && pid > 0) return pid;
  }
  return null;
}

/** The name in front of that number: `"node.exe","4711","Console","1","45,678 K"`. */
export function readTasklist(text: string, pid: number): string | null {
  for (const line of text.split(/\r?\n/)) {
    const [, name, number] = /^"([^"]*)","(\d+)"/.exec(line.trim()) ?? [];
    if (name !== undefined && Number(number) === pid) return name;
  }
  return null;
}

function endOf(end: string): string {
  const at = end.lastIndexOf(':');
  return `${plainAddress(end.slice(0, at))}:${end.slice(at + 1)}`;
}
