/** The console's language: what one statement asks for. */
import { identifierValue, stringValue, tokens, type Token } from '../sql/lexer.ts';
import { isConfigurationKey } from './configuration.ts';
import { ConsoleError } from './console-error.ts';
import type { ShutdownWait } from './host.ts';
import { isViewName, type ViewName } from './views.ts';

/** A word of a command: written out, or a parameter `$n` that Bind fills in. */
export type Argument = { readonly text: string; readonly quoted: boolean } | { readonly parameter: number };

export type Command =
  | { readonly kind: 'show'; readonly view: ViewName }
  /** SHOW STATE of a client. */
  | { readonly kind: 'state'; readonly id: Argument }
  /** SHOW TIMELINE of a client, also of one that has left. */
  | { readonly kind: 'timeline'; readonly id: Argument }
  /** SHOW of a setting that drivers ask for. */
  | { readonly kind: 'setting'; readonly name: string }
  | {
      readonly kind: 'migrate';
      readonly what: 'client' | 'endpoint';
      readonly id: Argument;
      readonly to: Argument;
      readonly within: Argument | null;
    }
  /** `endpoint` null: all of them. `within` stands behind PAUSE only. */
  | { readonly kind: 'pool'; readonly what: PoolCommand; readonly endpoint: Argument | null; readonly within: Argument | null }
  | { readonly kind: 'client'; readonly what: ClientCommand; readonly id: Argument }
  /** SET of a setting of SHOW CONFIG. */
  | { readonly kind: 'set'; readonly key: string; readonly value: Argument }
  | { readonly kind: 'reload' }
  | { readonly kind: 'suspend' }
  | { readonly kind: 'shutdown'; readonly wait: ShutdownWait }
  | { readonly kind: 'transaction'; readonly tag: 'BEGIN' | 'COMMIT' | 'ROLLBACK' }
  /** DEALLOCATE and DISCARD ALL; `name` null: everything. */
  | { readonly kind: 'forget'; readonly tag: 'DEALLOCATE' | 'DEALLOCATE ALL' | 'DISCARD ALL'; readonly name: string | null }
  /** Accepted because drivers send it, without effect here. */
  | { readonly kind: 'ignored'; readonly tag: 'SET' | 'RESET' }
  /** `SELECT 1`, what pools ask to see whether a connection lives, and `SELECT 'text'` for psql's \gexec. */
  | { readonly kind: 'constant'; readonly value: string }
  /** A driver's look at pg_type; there are no types beyond text here. */
  | { readonly kind: 'types' };

const poolCommands = ['PAUSE', 'RESUME', 'RECONNECT', 'WAIT_CLOSE', 'KILL', 'DISABLE', 'ENABLE'] as const;
const clientCommands = ['KILL_CLIENT', 'CANCEL_CLIENT', 'ROLLBACK_CLIENT'] as const;
export type PoolCommand = (typeof poolCommands)[number];
export type ClientCommand = (typeof clientCommands)[number];

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
      return parseSet(words);
    case 'RESET':
      return { kind: 'ignored', tag: 'RESET' };
    case 'RELOAD':
      return words.done({ kind: 'reload' });
    case 'SUSPEND':
      return words.done({ kind: 'suspend' });
    case 'SHUTDOWN':
      return parseShutdown(words);
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
      const onPools = poolCommands.find((name) => name === first);
      if (onPools !== undefined) return parseOnPools(words, onPools);
      const onClient = clientCommands.find((name) => name === first);
      if (onClient !== undefined) return words.done({ kind: 'client', what: onClient, id: words.argument("a client's id") });
      throw words.unexpected('a command', true);
    }
  }
}

/** What a command is completed with, if it answers no rows. */
export function tagOf(command: Command): string {
  return 'tag' in command ? command.tag : 'what' in command ? command.what : command.kind.toUpperCase();
}

/** Highest `$n` of a command; 0 if it has none. */
export function parameterCount(command: Command): number {
  return Math.max(0, ...argumentsOf(command).map((each) => (each !== null && 'parameter' in each ? each.parameter : 0)));
}

function argumentsOf(command: Command): (Argument | null)[] {
  switch (command.kind) {
    case 'migrate':
      return [command.id, command.to, command.within];
    case 'pool':
      return [command.endpoint, command.within];
    case 'state':
    case 'timeline':
    case 'client':
      return [command.id];
    case 'set':
      return [command.value];
    default:
      return [];
  }
}

function parseShow(words: Words): Command {
  const name = words.keyword();
  if (name === 'STATE' && !words.atEnd()) return words.done({ kind: 'state', id: words.argument("a client's id") });
  if (name === 'TIMELINE') return words.done({ kind: 'timeline', id: words.argument("a client's id") });
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

function parseOnPools(words: Words, what: PoolCommand): Command {
  let endpoint: Argument | null = null;
  let word = words.atEnd() ? null : words.argument('an endpoint');
  if (word !== null && !(what === 'PAUSE' && isKeyword(word, 'WITHIN'))) {
    endpoint = word;
    word = words.atEnd() || what !== 'PAUSE' ? null : words.argument('WITHIN');
  }
  if (word === null) return words.done({ kind: 'pool', what, endpoint, within: null });
  if (!isKeyword(word, 'WITHIN')) throw words.unexpected('WITHIN or the end');
  return words.done({ kind: 'pool', what, endpoint, within: words.argument('a number of seconds') });
}

/** `SET key = value`, `SET key TO value` and `SET key='value'`; what is no setting of ours is a driver's and has no effect. */
function parseSet(words: Words): Command {
  const ignored: Command = { kind: 'ignored', tag: 'SET' };
  if (words.atEnd()) throw words.unexpected('a setting');
  // Nothing need stand around the equals sign, so it may be part of a word.
  const [name = '', sign = '', rest = ''] = words.upToEquals();
  const key = name.toLowerCase();
  if (!isConfigurationKey(key)) return ignored;
  if (sign === '' && words.keyword() !== 'TO') throw words.unexpected('= or TO');
  if (rest === '') return words.done({ kind: 'set', key, value: words.argument('a value') });
  return words.done({ kind: 'set', key, value: { text: rest, quoted: false } });
}

function parseShutdown(words: Words): Command {
  if (words.atEnd()) return { kind: 'shutdown', wait: 'nothing' };
  const what = words.keyword();
  if (what !== 'WAIT_FOR_SERVERS' && what !== 'WAIT_FOR_CLIENTS') throw words.unexpected('WAIT_FOR_SERVERS, WAIT_FOR_CLIENTS or the end');
  return words.done({ kind: 'shutdown', wait: what === 'WAIT_FOR_SERVERS' ? 'servers' : 'clients' });
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

  /** The next word, cut at its first `=`, or with that of the word behind it: name, sign, and what stands behind it without a space. */
  upToEquals(): string[] {
    const word = this.argument('a setting');
    if ('parameter' in word) return [];
    const cut = /^([^=]*)(=?)(.*)$/s.exec(word.text)?.slice(1) ?? [];
    if (cut[1] === '=' || word.quoted) return cut;
    const next = this.#words[this.#at];
    if (next === undefined || !('text' in next) || next.quoted || !next.text.startsWith('=')) return cut;
    this.#at++;
    return [word.text, '=', next.text.slice(1)];
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
