/** What the readers of connection strings, password files and service files give: entries to make drafts of, and problems. */
import { CallError, type ImportProblem } from '../../core/contract/index.ts';
import { parseBackendUrl, type BackendSpec } from '../../core/endpoints/map.ts';
import { isTlsParameter } from '../../core/endpoints/tls-parameters.ts';

/** One entry that could be read. */
export interface Entry {
  /** What to call it, if that fits and is free. */
  readonly name: string;
  readonly spec: BackendSpec;
  readonly notes: readonly string[];
}

/** What a text came to. */
export interface ReadText {
  readonly entries: readonly Entry[];
  readonly problems: readonly ImportProblem[];
}

const addressed = new Set(['host', 'port', 'user', 'password', 'dbname']);

/**
 * Reads a URL like `parseBackendUrl`, but leaves out parameters that a backend has no use for, and says so in the notes. Throws
 * `CallError`; its words never contain the password.
 */
export function readUrl(url: string): { spec: BackendSpec; notes: string[] } {
  const at = url.indexOf('?');
  if (at < 0) return { spec: parseBackendUrl(url), notes: [] };
  const kept: string[] = [];
  const left: string[] = [];
  for (const part of url.slice(at + 1).split('&')) {
    const name = part.split('=')[0] ?? '';
    if (addressed.has(name) || isTlsParameter(name)) kept.push(part);
    else if (name !== '') left.push(/^[\w.]{1,40}$/.test(name) ? name : 'one that cannot be read');
  }
  const spec = parseBackendUrl(`${url.slice(0, at)}${kept.length === 0 ? '' : `?${kept.join('&')}`}`);
  const note = `Left out, for the client to say itself: ${left.join(', ')}.`;
  return { spec, notes: left.length === 0 ? [] : [note] };
}

/** The URL of libpq's keywords; those it does not need are dropped by `readUrl`. */
export function urlOfKeywords(words: ReadonlyMap<string, string>): string {
  const query = [...words]
    .filter(([name, value]) => value !== '' && name !== 'hostaddr')
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  if (!words.has('host') && words.has('hostaddr')) query.push(`host=${encodeURIComponent(words.get('hostaddr') ?? '')}`);
  return `postgresql://?${query.join('&')}`;
}

/** The problem of a line, from whatever its reading threw. */
export function problemOf(line: number | null, error: unknown): ImportProblem {
  if (!(error instanceof CallError)) throw error;
  return { line, message: error.message, hint: error.hint };
}
