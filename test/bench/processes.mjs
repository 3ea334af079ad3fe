/** Processes that the benchmark starts, and what the kernel says of them (Linux: /proc; elsewhere there are no such figures). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

/** USER_HZ: what /proc counts in, on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** CPU time of a process so far, user and system, in seconds; null where it cannot be told. */
export function cpuSeconds(pid) {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The name, in parentheses, may have anything in it; utime and stime are the 14th and 15th field of all.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Resident memory of a process in kB; null where it cannot be told. */
export function residentKb(pid) {
  const found = /^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`) ?? '');
  return found === null ? null : Number(found[1]);
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

/** Runs a program to its end. Rejects with its last words when it fails or is not done in `deadlineMs`. */
export async function runToEnd(program, args, { deadlineMs, env = {} }) {
  const child = spawn(program, args, { env: { ...withoutPg(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (output = (output + text).slice(-65_536)));
  child.stderr.setEncoding('utf8').on('data', (text) => (errors = (errors + text).slice(-65_536)));
  const late = setTimeout(() => child.kill('SIGKILL'), deadlineMs);
  try {
    const [code, signal] = await once(child, 'close');
    if (code === 0) return { output, errors };
    if (signal === 'SIGKILL') throw new Error(`was not done within ${Math.round(deadlineMs / 1000)} s`);
    throw new Error(lastError(errors) ?? `left with ${code ?? signal}`);
  } finally {
    clearTimeout(late);
  }
}

/** Ends a process that was started here, politely first. */
export async function endProcess(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const left = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), 20_000);
  await left;
  clearTimeout(late);
}

/** Ours without what would point a client elsewhere. */
function withoutPg() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PG')));
}

/** The first line that says what went wrong: those behind it only follow from it. */
function lastError(text) {
  const lines = text.split('\n').filter((line) => /error|ERROR|FATAL|fatal/.test(line));
  return lines[0]?.trim() ?? null;
}
