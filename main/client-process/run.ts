/** Runs a program of the system's and reads what it prints. */
import { execFile } from 'node:child_process';

/** Most that is read, in bytes. */
const OUTPUT_LIMIT = 16 * 1024 * 1024;

/** What a program printed, and how it ended. */
export interface Printed {
  readonly text: string;
  /** Its exit code. */
  readonly code: number;
}

/** Without a shell. Rejects when there is no such program, when it prints too much, and when `signal` ends it. */
export async function run(file: string, args: readonly string[], signal: AbortSignal): Promise<Printed> {
  return await new Promise((resolve, reject) => {
    execFile(file, [...args], { signal, maxBuffer: OUTPUT_LIMIT, windowsHide: true, killSignal: 'SIGKILL' }, (error, stdout) => {
      if (error === null) resolve({ text: stdout, code: 0 });
      else if (typeof error.code === 'number') resolve({ text: stdout, code: error.code });
      else reject(error.code === 'ENOENT' ? new Error(`this system has no ${file}`) : error);
    });
  });
}
