/**
 * What the proxy needs to know about a client's SQL, and nothing more: its kind, the custom settings it names, the statement
 * it prepares. Texts are only read.
 */
import { identifierValue, nextToken, stringValue, tokens, type LexerOptions, type Token } from './lexer.ts';

export { mentionsCustomSettings, statementKind } from './scan.ts';

/**
 * Top-level statements: from the first to the last token of each, without its semicolon; empty ones are left out. Semicolons
 * inside parentheses (CREATE RULE) and inside the BEGIN … END of an SQL-standard function body separate nothing, as in psql.
 */
export function splitStatements(sql: string, options: LexerOptions = {}): { start: number; end: number }[] {
  const pieces: { start: number; end: number }[] = [];
  let start = -1;
  let end = 0;
  let parentheses = 0;
  let blocks = 0;
  let leading: string[] = [];
  for (const token of tokens(sql, options)) {
    const text = token.end - token.start === 1 ? sql[token.start] : '';
    if (text === ';' && parentheses === 0 && blocks === 0) {
      if (start >= 0) pieces.push({ start, end });
      start = -1;
      leading = [];
      continue;
    }
    if (start < 0) start = token.start;
    end = token.end;
    if (text === '(') parentheses++;
    else if (text === ')') parentheses = Math.max(0, parentheses - 1);
    if (token.kind !== 'word') continue;
    const word = identifierValue(sql, token);
    if (leading.length < 4) leading.push(word);
    if (parentheses === 0 && definesRoutine(leading)) {
      if (word === 'begin') blocks++;
      else if (word === 'case' && blocks > 0) blocks++;
      else if (word === 'end' && blocks > 0) blocks--;
    }
  }
  if (start >= 0) pieces.push({ start, end });
  return pieces;
}

function definesRoutine(words: readonly string[]): boolean {
  const [first, second, third, fourth] = words;
  if (first !== 'create') return false;
  const object = second === 'or' && third === 'replace' ? fourth : second;
  return object === 'function' || object === 'procedure';
}

/** Names of settings that a text sets. */
export interface CustomSettings {
  /** Dotted names, as written (unquoted ones in lower case), each once. Candidates: a text need not be executed as it reads. */
  readonly names: string[];
  /** Numbers of the parameters that stand for the name in `set_config($n, …)`. */
  readonly boundParameters: number[];
  /** True if a name is computed and cannot be read from the text. */
  readonly dynamic: boolean;
}

/**
 * Names with a dot that `sql` sets: by SET [SESSION|LOCAL] a.b, and by set_config('a.b', …) anywhere. Bodies of DO and of new
 * functions are looked into as well; what they compose at run time is beyond any reader.
 */
export function customSettingNames(sql: string, options: LexerOptions = {}): CustomSettings {
  const found = new Findings();
  collect(sql, options, found, 0);
  return { names: [...found.names.values()], boundParameters: [...found.parameters].toSorted((a, b) => a - b), dynamic: found.dynamic };
}

class Findings {
  readonly names = new Map<string, string>();
  readonly parameters = new Set<number>();
  dynamic = false;

  /** Setting names are case-insensitive; only those with a dot are custom. */
  add(name: string): void {
    const key = name.toLowerCase();
    if (name.includes('.') && !this.names.has(key)) this.names.set(key, name);
  }
}

/** A body inside a body inside a body is as deep as anybody writes; the bound keeps hostile texts cheap. */
const maxDepth = 3;
/** Statements in which SET of a setting may stand elsewhere than first (ALTER ROLE … SET, CREATE FUNCTION … SET, bodies). */
const settingHosts = new Set(['create', 'alter', 'do']);

function collect(sql: string, options: LexerOptions, found: Findings, depth: number): void {
  const list = [...tokens(sql, options)];
  let first = '';
  for (const [index, token] of list.entries()) {
    const previous = list[index - 1];
    const begins = previous === undefined || sql.slice(previous.start, previous.end) === ';';
    if (begins) first = token.kind === 'word' ? identifierValue(sql, token) : '';
    if (token.kind === 'string') {
      if (depth < maxDepth && (depth > 0 || first === 'do' || first === 'create')) {
        const body = stringValue(sql, token, options);
        if (/set/i.test(body)) collect(body, options, found, depth + 1);
      }
      continue;
    }
    if (token.kind === 'quoted' && isUnicode(sql, token) && wordAt(sql, list[index + 1]) === 'uescape') found.dynamic = true;
    const name = token.kind === 'word' || token.kind === 'quoted' ? identifierValue(sql, token) : '';
    if (name === 'set_config' && textAt(sql, list[index + 1]) === '(') {
      readSetConfig(sql, list, index + 2, options, found, first === 'prepare');
    } else if (token.kind === 'word' && name === 'reset' && (begins || depth > 0)) {
      const setting = dottedName(sql, list, index + 1);
      if (setting !== null) found.add(setting.name);
    } else if (token.kind === 'word' && name === 'set' && (begins || depth > 0 || settingHosts.has(first))) {
      const setting = settingAfterSet(sql, list, index + 1);
      if (setting !== null) found.add(setting);
    }
  }
}

/** The name after SET [SESSION|LOCAL], if an assignment follows. */
function settingAfterSet(sql: string, list: readonly Token[], at: number): string | null {
  const scope = wordAt(sql, list[at]);
  if ((scope === 'session' || scope === 'local') && textAt(sql, list[at + 1]) !== '.') at++;
  const read = dottedName(sql, list, at);
  if (read === null) return null;
  const { name } = read;
  at = read.last;
  const assignment = list[at + 1];
  const word = wordAt(sql, assignment);
  return textAt(sql, assignment) === '=' || word === 'to' || word === 'from' ? name : null;
}

/** The name at `at` with what dots append to it, and where its last part stands. */
function dottedName(sql: string, list: readonly Token[], at: number): { name: string; last: number } | null {
  let name = '';
  for (;;) {
    const part = list[at];
    if (part === undefined || (part.kind !== 'word' && part.kind !== 'quoted')) return null;
    name += identifierValue(sql, part);
    if (textAt(sql, list[at + 1]) !== '.') return { name, last: at };
    name += '.';
    at += 2;
  }
}

/** Reads the first argument of set_config: a constant, a parameter (both with an optional cast), or something computed. */
function readSetConfig(sql: string, list: readonly Token[], at: number, options: LexerOptions, found: Findings, prepared: boolean): void {
  const argument = list[at];
  let next = at + 1;
  while (textAt(sql, list[next]) === '::') {
    next += 2;
    while (textAt(sql, list[next]) === '.') next += 2;
  }
  const alone = textAt(sql, list[next]) === ',';
  if (argument?.kind === 'string' && alone && !/^u&/i.test(sql.slice(argument.start, argument.end))) {
    found.add(stringValue(sql, argument, options));
  } else if (argument?.kind === 'parameter' && alone) {
    found.parameters.add(Number(sql.slice(argument.start + 1, argument.end)));
    // The values of a statement prepared by SQL come with EXECUTE, not with Bind.
    if (prepared) found.dynamic = true;
  } else if (argument?.kind === 'string') {
    found.add(stringValue(sql, argument, options));
    found.dynamic = true;
  } else {
    found.dynamic = true;
  }
}

/**
 * The name of the statement that a single `PREPARE name [(types)] AS …` makes, as the server keeps it: folded unless quoted,
 * cut to 63 bytes. Null for anything else, PREPARE TRANSACTION included.
 */
export function preparedName(sql: string, options: LexerOptions = {}): string | null {
  const prepare = nextToken(sql, 0, options);
  if (prepare === null || wordAt(sql, prepare) !== 'prepare') return null;
  const name = nextToken(sql, prepare.end, options);
  if (name === null || (name.kind !== 'word' && name.kind !== 'quoted')) return null;
  let next = nextToken(sql, name.end, options);
  if (textAt(sql, next) === '(') {
    for (let depth = 0; next !== null; next = nextToken(sql, next.end, options)) {
      const text = textAt(sql, next);
      if (text === '(') depth++;
      else if (text === ')' && --depth === 0) break;
    }
    next = next && nextToken(sql, next.end, options);
  }
  return wordAt(sql, next) === 'as' ? cutIdentifier(identifierValue(sql, name)) : null;
}

/** NAMEDATALEN - 1 bytes, never through the middle of a character. */
function cutIdentifier(name: string): string {
  const bytes = Buffer.from(name, 'utf8');
  if (bytes.length <= 63) return name;
  let end = 63;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}

function textAt(sql: string, token: Token | null | undefined): string | null {
  return token === null || token === undefined || token.kind === 'string' ? null : sql.slice(token.start, token.end);
}

function wordAt(sql: string, token: Token | null | undefined): string | null {
  return token?.kind === 'word' ? identifierValue(sql, token) : null;
}

function isUnicode(sql: string, token: Token): boolean {
  return sql[token.start] !== '"';
}
