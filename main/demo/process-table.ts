/**
 * What the operating system says about processes, for those few decisions that must not rest on a process id alone: ids are
 * reused, and a process of ours that crashed left only its id behind. Linux is read from /proc (`ps` is missing on slim
 * images), other systems from `ps`.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/**
 * A text that names this very process and none that later gets the same id: its start time. Null when there is no such
 * process, or only a zombie.
 */
export function processIdentity(pid: number): string | null {
  if (process.platform === 'linux') return readStat(pid)?.startTime ?? null;
  return ps(['-o', 'lstart=', '-p', String(pid)]);
}

/** The words of a process's command line, joined by spaces; null when it cannot be known. */
export function commandLine(pid: number): string | null {
  if (process.platform !== 'linux') return ps(['-o', 'command=', '-p', String(pid)]);
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return null;
  }
}

/** Ids of the direct children of a process; empty when they cannot be known. */
export function childrenOf(parent: number): number[] {
  if (process.platform === 'linux') {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => Number.isInteger(pid) && readStat(pid)?.parent === parent);
  }
  return (ps(['-A', '-o', 'pid=,ppid=']) ?? '')
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, ppid]) => ppid === parent)
    .flatMap(([pid]) => (pid === undefined ? [] : [pid]));
}

/** Sends a signal; false when the process is gone or not ours. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

function readStat(pid: number): { parent: number; startTime: string } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets and may itself hold spaces and brackets.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [state, parent] = fields;
    const startTime = fields[19];
    if (state === 'Z' || state === 'X' || parent === undefined || startTime === undefined) return null;
    return { parent: Number(parent), startTime };
  } catch {
    return null;
  }
}

function ps(args: string[]): string | null {
  try {
    return execFileSync('ps', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 5_000 }).trim() || null;
  } catch {
    return null;
  }
}
