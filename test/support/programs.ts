/** Client programs, where the machine has them: PostgreSQL's own (the npm servers come without), openssl. */
import { spawn } from 'node:child_process';
import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe } from 'vitest';

/** What a program said. */
export interface ProgramResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** How to run one. */
export interface ProgramOptions {
  /** Written to its standard input, which is then closed. */
  input?: string;
  /** Killed after this many milliseconds; default 60 s. */
  timeoutMs?: number;
  env?: Record<string, string>;
}

/** The programs that tests use. */
export type ProgramName = 'psql' | 'pgbench' | 'pg_isready' | 'pg_receivewal' | 'pg_recvlogical' | 'pg_basebackup' | 'openssl' | 'promtool';

/** Full path of a client program on PATH or in Debian's /usr/lib/postgresql/<newest>/bin; null when there is none. */
export function findProgram(name: ProgramName): string | null {
  const debian = '/usr/lib/postgresql';
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...versions(debian).map((version) => join(debian, version, 'bin'))];
  return folders.map((folder) => join(folder, name)).find(isExecutable) ?? null;
}

/** A suite that needs a client program; where there is none it is skipped, and the output says so and why. */
export function describeWithProgram(name: ProgramName, title: string, suite: (program: string) => void): void {
  const program = findProgram(name);
  const packages = name === 'openssl' ? name : name === 'promtool' ? 'prometheus' : 'postgresql-client postgresql-contrib';
  const missing = `this machine has no ${name} (Debian: apt-get install ${packages})`;
  if (program === null) process.stderr.write(`\n*** SKIPPED: ${title}: ${missing} ***\n`);
  describe.skipIf(program === null)(`${title}${program === null ? ` (SKIPPED: ${missing})` : ''}`, () => {
    suite(program ?? name);
  });
}

/** Runs a program to its end; never throws for its exit code. */
export function runProgram(program: string, args: string[], options: ProgramOptions = {}): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PG')));
    const child = spawn(program, args, {
      env: { ...inherited, PGCONNECT_TIMEOUT: '20', ...options.env },
      timeout: options.timeoutMs ?? 60_000,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
    // A program that ends before it has read everything closes its input; its exit code says more than EPIPE.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}

function versions(folder: string): string[] {
  try {
    return readdirSync(folder).sort((a, b) => Number(b) - Number(a));
  } catch {
    return [];
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
