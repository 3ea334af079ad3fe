/** libpq's password file (PostgreSQL manual, "The Password File"), with libpq's rules for who may read it and which line fits. */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { BackendAddress } from './server-connection.ts';

const MAX_BYTES = 1024 * 1024;
/** `DEFAULT_PGSOCKET_DIR` of PostgreSQL and of Debian: sockets there are `localhost` to the file. */
const STANDARD_SOCKET_FOLDERS = new Set(['/tmp', '/var/run/postgresql', '/run/postgresql']);

/** What a line is looked up by. */
export interface PasswordOf {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly role: string;
}

/** Where libpq looks: `PGPASSFILE`, else the user's own file; null where the system names no home. */
export function standardPasswordFile(env: NodeJS.ProcessEnv, platform: NodeJS.Platform, home: string): string | null {
  const named = env['PGPASSFILE'] ?? '';
  if (named !== '') return named;
  if (platform !== 'win32') return home === '' ? null : `${home}/.pgpass`;
  const roaming = env['APPDATA'] ?? '';
  return roaming === '' ? null : `${roaming}\\postgresql\\pgpass.conf`;
}

/** What the file knows a backend by: the host as the endpoint has it, `localhost` for a socket in a standard folder. */
export function passwordPlace(address: BackendAddress): { host: string; port: number } {
  if ('host' in address.connect) return { host: address.connect.host, port: address.connect.port };
  const folder = dirname(address.connect.path);
  const port = Number(/\.s\.PGSQL\.(\d+)$/.exec(address.connect.path)?.[1] ?? 5432);
  return { host: STANDARD_SOCKET_FOLDERS.has(folder) ? 'localhost' : folder, port };
}

/** One file, read anew at every look-up: people edit it. */
export class PasswordFile {
  readonly #path: string;
  readonly #warn: (message: string) => void;
  #warned = '';

  /** `warn` hears why the file is ignored, once per reason; a file that is not there is no reason. */
  constructor(path: string, warn: (message: string) => void) {
    this.#path = path;
    this.#warn = warn;
  }

  /** The password of the first line that fits; null without one. Never rejects. */
  async find(of: PasswordOf): Promise<string | null> {
    const text = await this.#read();
    if (text === null || of.database === '' || of.role === '') return null;
    for (const line of text.split(/\r?\n/)) {
      if (line.startsWith('#')) continue;
      const password = passwordIn(line, [of.host === '' ? 'localhost' : of.host, String(of.port), of.database, of.role]);
      if (password !== null) return password;
    }
    return null;
  }

  async #read(): Promise<string | null> {
    let file: FileHandle | undefined;
    try {
      // Without O_NONBLOCK the opening of a pipe would wait for its writer.
      file = await open(this.#path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
      const { mode, size } = await file.stat();
      if ((mode & constants.S_IFMT) !== constants.S_IFREG) return this.#ignored('is not a plain file');
      if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
        return this.#ignored('has group or world access; permissions should be u=rw (0600) or less');
      }
      if (size > MAX_BYTES) return this.#ignored(`is larger than ${MAX_BYTES} bytes`);
      const text = await file.readFile('utf8');
      this.#warned = '';
      return text;
    } catch (error) {
      const { code = 'unknown error' } = error as NodeJS.ErrnoException;
      return code === 'ENOENT' || code === 'ENOTDIR' ? null : this.#ignored(`cannot be read (${code})`);
    } finally {
      await file?.close().catch(() => {});
    }
  }

  #ignored(reason: string): null {
    if (this.#warned !== reason) this.#warn(`password file "${this.#path}" ${reason}; it is ignored`);
    this.#warned = reason;
    return null;
  }
}

/** The password of `host:port:database:user:password` when the four fields fit; `*` fits all, `\` keeps the next character. */
function passwordIn(line: string, wanted: readonly string[]): string | null {
  let at = 0;
  for (const value of wanted) {
    const field = fieldAt(line, at);
    if (!field.ended || (field.raw !== '*' && field.text !== value)) return null;
    at = field.next;
  }
  return fieldAt(line, at).text;
}

function fieldAt(line: string, start: number): { raw: string; text: string; ended: boolean; next: number } {
  let text = '';
  let at = start;
  for (; at < line.length && line[at] !== ':'; at++) {
    if (line[at] === '\\' && at + 1 < line.length) at++;
    text += line[at] ?? '';
  }
  return { raw: line.slice(start, at), text, ended: line[at] === ':', next: at + 1 };
}
