/** Connection strings, one per line, as they are found in shells, `.env` files and settings: URLs, JDBC URLs, libpq's keywords. */
import type { ImportProblem } from '../../core/contract/index.ts';
import { problemOf, readUrl, urlOfKeywords, type Entry, type ReadText } from './entry.ts';

/** Reads every line that is not empty and no comment. */
export function readConnectionStrings(text: string): ReadText {
  const entries: Entry[] = [];
  const problems: ImportProblem[] = [];
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const { variable, value } = assignment(line);
    try {
      for (const url of eachHost(asUrl(value))) {
        const { spec, notes } = readUrl(url);
        entries.push({ name: variable ?? spec.database, spec, notes });
      }
    } catch (error) {
      problems.push(problemOf(index + 1, error));
    }
  }
  return { entries, problems };
}

/** `export NAME="…"` as well as the bare string. */
function assignment(line: string): { variable: string | null; value: string } {
  const match = /^(?:export\s+|set\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$/.exec(line);
  // `host=…` is a keyword of libpq's, not a variable.
  if (match === null || isKeywords(line)) return { variable: null, value: unquoted(line) };
  return { variable: match[1] ?? null, value: unquoted(match[2] ?? '') };
}

function unquoted(text: string): string {
  return /^(["'])(.*)\1[;,]?$/.exec(text)?.[2] ?? text;
}

function isKeywords(text: string): boolean {
  return /^(host|hostaddr|port|dbname|user|password|service|sslmode)\s*=/i.test(text);
}

function asUrl(value: string): string {
  if (isKeywords(value)) return urlOfKeywords(keywords(value));
  return value.replace(/^jdbc:/i, '').replace(/^postgres(?:ql)?\+\w+:/i, 'postgresql:');
}

/** `name=value name='quoted \' value'`, libpq's "Keyword/Value Connection Strings". */
function keywords(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, name = '', quoted, plain] of text.matchAll(/(\w+)\s*=\s*(?:'((?:\\.|[^'\\])*)'|((?:\\.|[^\s\\])*))/g)) {
    found.set(name.toLowerCase(), (quoted ?? plain ?? '').replace(/\\(.)/g, '$1'));
  }
  return found;
}

/** A URL that lists several hosts, as one URL per host. */
function eachHost(url: string): string[] {
  const match = /^(postgres(?:ql)?:\/\/(?:[^@/?#]*@)?)([^/?#]*,[^/?#]*)(.*)$/is.exec(url);
  if (match === null) return [url];
  const [, before = '', hosts = '', after = ''] = match;
  return hosts.split(',').map((host) => `${before}${host}${after}`);
}
