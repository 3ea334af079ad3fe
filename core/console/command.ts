/** The console's language: what one statement asks for. */
import { isConfigurationKey } from './configuration.ts';
import { ConsoleError } from './console-error.ts';
import type { ShutdownWait } from './host.ts';
import { isMoveCommand, moveArguments, parseMove, type MoveCommand } from './move-command.ts';
import { isViewName, type ViewName } from './views.ts';
import { parseRestart, type RestartCommand } from './restart.ts';
import { isKeyword, syntaxHint, Words, type Argument } from './words.ts';

export type { Argument } from './words.ts';

export type Command =
  | { readonly kind: 'show'; readonly view: ViewName }
  /** SHOW STATE of a client. */
  | { readonly kind: 'state'; readonly id: Argument }
  /** SHOW TIMELINE of a client, also of one that has left. */
  | { readonly kind: 'timeline'; readonly id: Argument }
  /** SHOW of a setting that drivers ask for. */
  | { readonly kind: 'setting'; readonly name: string }
  | MoveCommand
  | RestartCommand
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

/** Reads one statement (without its semicolon). Throws `ConsoleError` 42601 or 0A000. */
export function parseCommand(sql: string): Command {
  const words = new Words(sql);
  const first = words.keyword();
  switch (first) {
    case 'SHOW':
      return parseShow(words);
    case 'SET':
      return parseSet(words);
    case 'RESET':
      return { kind: 'ignored', tag: 'RESET' };
    case 'RELOAD':
      return words.done({ kind: 'reload' });
    case 'SUSPEND':
      return words.done({ kind: 'suspend' });
    case 'RESTART':
      return parseRestart(words);
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
      if (isMoveCommand(first)) return parseMove(words, first);
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
    case 'move':
      return moveArguments(command);
    case 'restart':
      return [command.backend, command.within];
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

function parseSelect(words: Words, sql: string): Command {
  if (/\bpg_type\b/i.test(sql)) return { kind: 'types' };
  const value = words.argument('a constant');
  const constant = 'text' in value && (value.quoted ? sql.endsWith("'") : /^\d+$/.test(value.text));
  if (constant && words.atEnd()) return { kind: 'constant', value: value.text };
  throw new ConsoleError('0A000', 'this console answers no queries', { hint: syntaxHint });
}
