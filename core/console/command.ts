/** The console's language: what one statement asks for. */
import { identifierValue, stringValue, tokens, type Token } from '../sql/lexer.ts';
import { ConsoleError } from './console-error.ts';
import { isViewName, type ViewName } from './views.ts';

/** A word of a command: written out, or a parameter `$n` that Bind fills in. */
export type Argument = { readonly text: string; readonly quoted: boolean } | { readonly parameter: number };

export type Command =
  | { readonly kind: 'show'; readonly view: ViewName }
  /** SHOW of a setting that drivers ask for. */
  | { readonly kind: 'setting'; readonly name: string }
  | {
      readonly kind: 'migrate';
      readonly what: 'client' | 'endpoint';
      readonly id: Argument;
      readonly to: Argument;
      readonly within: Argument | null;
    }
  | { readonly kind: 'transaction'; readonly tag: 'BEGIN' | 'COMMIT' | 'ROLLBACK' }
  /** DEALLOCATE and DISCARD ALL; `name` null: everything. */
  | { readonly kind: 'forget'; readonly tag: 'DEALLOCATE' | 'DEALLOCATE ALL' | 'DISCARD ALL'; readonly name: string | null }
  /** Accepted because drivers send it, without effect here. */
  | { readonly kind: 'ignored'; readonly tag: 'SET' | 'RESET' }
  /** `SELECT 1`, what pools ask to see whether a connection lives, and `SELECT 'text'` for psql's \gexec. */
  | { readonly kind: 'constant'; readonly value: string }
  /** A driver's look at pg_type; there are no types beyond text here. */
  | { readonly kind: 'types' };

const transactionTags: Readonly<Record<string, 'BEGIN' | 'COMMIT' | 'ROLLBACK'>> = {
  BEGIN: 'BEGIN',
  START: 'BEGIN',
  COMMIT: 'COMMIT',
  END: 'COMMIT',
  ROLLBACK: 'ROLLBACK',
  ABORT: 'ROLLBACK',
};

const syntaxHint = 'SHOW HELP lists the commands of this console.';

/** Reads one statement (without its semicolon). Throws `ConsoleError` 42601 or 0A000. */
export function parseCommand(sql: string): Command {
  const words = new Words(sql);
  const first = words.keyword();
  switch (first) {
    case 'SHOW':
      return parseShow(words);
    case 'MIGRATE':
      return parseMigrate(words);
    case 'SET':
    case 'RESET':
      return { kind: 'ignored', tag: first };
    case 'DISCARD':
      if (words.keyword() !== 'ALL') throw words.unexpected('DISCARD ALL');
      return words.done({ kind: 'forget', tag: 'DISCARD ALL', name: null });
    case 'DEALLOCATE':
      return parseDeallocate(words);
    case 'SELECT':
      return parseSelect(words, sql);
    default: {
      const tag = transactionTags[first];
      if (tag !== undefined) return { kind: 'transaction', tag };
      throw words.unexpected('a command', true);
    }
  }
}

/** Highest `$n` of a command; 0 if it has none. */
export function parameterCount(command: Command): number {
  if (command.kind !== 'migrate') return 0;
  return Math.max(
    0,
    ...[command.id, command.to, command.within].map((each) => (each !== null && 'parameter' in each ? each.parameter : 0)),
  );
}

function parseShow(words: Words): Command {
  const name = words.keyword();
  if (isViewName(name)) return words.done({ kind: 'show', view: name });
  // `SHOW TRANSACTION ISOLATION LEVEL` is the one setting of several words.
  if (name === 'TRANSACTION' && words.keyword() === 'ISOLATION' && words.keyword() === 'LEVEL') {
    return words.done({ kind: 'setting', name: 'transaction_isolation' });
  }
  if (name === '' || name === 'TRANSACTION') throw words.unexpected('a name after SHOW');
  return words.done({ kind: 'setting', name: name.toLowerCase() });
}

function parseMigrate(words: Words): Command {
  const what = words.keyword();
  if (what !== 'CLIENT' && what !== 'ENDPOINT') throw words.unexpected('CLIENT or ENDPOINT');
  const id = words.argument(what === 'CLIENT' ? "a client's id" : 'an endpoint');
  if (words.keyword() !== 'TO') throw words.unexpected('TO');
  const to = words.argument('an endpoint');
  if (words.atEnd()) return { kind: 'migrate', what: what === 'CLIENT' ? 'client' : 'endpoint', id, to, within: null };
  if (words.keyword() !== 'WITHIN') throw words.unexpected('WITHIN or the end');
  const within = words.argument('a number of seconds');
  return words.done({ kind: 'migrate', what: what === 'CLIENT' ? 'client' : 'endpoint', id, to, within });
}

function parseDeallocate(words: Words): Command {
  let name = words.argument('a statement');
  if (isKeyword(name, 'PREPARE')) name = words.argument('a statement');
  if (isKeyword(name, 'ALL')) return words.done({ kind: 'forget', tag: 'DEALLOCATE ALL', name: null });
  if ('parameter' in name) throw words.unexpected('a statement');
  return words.done({ kind: 'forget', tag: 'DEALLOCATE', name: name.quoted ? name.text : name.text.toLowerCase() });
}

function isKeyword(argument: Argument, word: string): boolean {
  return 'text' in argument && !argument.quoted && argument.text.toUpperCase() === word;
}

function parseSelect(words: Words, sql: string): Command {
  if (/\bpg_type\b/i.test(sql)) return { kind: 'types' };
  const value = words.argument('a constant');
  const constant = 'text' in value && (value.quoted ? sql.endsWith("'") : /^\d+$/.test(value.text));
  if (constant && words.atEnd()) return { kind: 'constant', value: value.text };
  throw new ConsoleError('0A000', 'this console answers no queries', { hint: syntaxHint });
}

/** A statement as words: `ep-a` is one word although SQL reads three tokens, since nothing stands between them. */
class Words {
  readonly #words: Argument[] = [];
  #at = 0;

  constructor(sql: string) {
    let previous: Token | null = null;
    for (const token of tokens(sql)) {
      const bare = token.kind !== 'quoted' && token.kind !== 'string' && token.kind !== 'parameter';
      const last = this.#words.at(-1);
      if (bare && previous?.end === token.start && last !== undefined && 'text' in last && !last.quoted) {
        this.#words[this.#words.length - 1] = { text: last.text + sql.slice(token.start, token.end), quoted: false };
      } else {
        this.#words.push(argumentOf(sql, token));
      }
      previous = token;
    }
  }

  atEnd(): boolean {
    return this.#at >= this.#words.length;
  }

  /** The next word in upper case; `''` if it is none. */
  keyword(): string {
    const word = this.#words[this.#at++];
    return word !== undefined && 'text' in word && !word.quoted ? word.text.toUpperCase() : '';
  }

  argument(expected: string): Argument {
    const word = this.#words[this.#at++];
    if (word === undefined) throw this.unexpected(expected);
    return word;
  }

  /** `command`, if nothing is left over. */
  done(command: Command): Command {
    if (this.atEnd()) return command;
    this.#at++;
    throw this.unexpected('the end');
  }

  /** The error for the word read last. */
  unexpected(expected: string, unknown = false): ConsoleError {
    const word = this.#words[this.#at - 1];
    if (word === undefined) return new ConsoleError('42601', `syntax error at end of input: ${expected} is missing`, { hint: syntaxHint });
    const text = 'text' in word ? word.text : `$${word.parameter}`;
    const near = text.length > 60 ? `${text.slice(0, 60)}…` : text;
    return new ConsoleError('42601', unknown ? `unknown command "${near}"` : `syntax error at or near "${near}": expected ${expected}`, {
      hint: syntaxHint,
    });
  }
}

function argumentOf(sql: string, token: Token): Argument {
  if (token.kind === 'parameter') return { parameter: Number(sql.slice(token.start + 1, token.end)) };
  if (token.kind === 'string') return { text: stringValue(sql, token), quoted: true };
  if (token.kind === 'quoted') return { text: identifierValue(sql, token), quoted: true };
  return { text: sql.slice(token.start, token.end), quoted: false };
}
