/** The commands that move sessions, or stop that: what one of them asks for. */
import { ConsoleError } from './console-error.ts';
import { isKeyword, type Argument, type Words } from './words.ts';

/** How it is done, as far as it is said. */
export interface MoveTerms {
  /** Seconds. */
  readonly within: Argument | null;
  readonly forceAfter: Argument | null;
  readonly mode: Argument | null;
  readonly carry: Argument | null;
}

export type MoveCommand = { readonly kind: 'move' } & (
  | {
      readonly tag: 'MIGRATE';
      readonly what: 'client' | 'endpoint';
      readonly id: Argument;
      readonly to: Argument;
      readonly terms: MoveTerms;
    }
  | { readonly tag: 'REMAP'; readonly endpoint: Argument; readonly to: Argument; readonly terms: MoveTerms }
  | { readonly tag: 'DRAIN'; readonly backend: Argument; readonly to: Argument; readonly terms: MoveTerms }
  | { readonly tag: 'UNDRAIN'; readonly backend: Argument }
  | { readonly tag: 'UNDO'; readonly operation: Argument; readonly terms: MoveTerms }
  | { readonly tag: 'CANCEL'; readonly operation: Argument }
);

type Tag = MoveCommand['tag'];

const tags: readonly Tag[] = ['MIGRATE', 'REMAP', 'DRAIN', 'UNDRAIN', 'UNDO', 'CANCEL'];

export function isMoveCommand(word: string): word is Tag {
  return tags.some((tag) => tag === word);
}

/** Reads what stands behind the first word. Throws `ConsoleError` 42601. */
export function parseMove(words: Words, tag: Tag): MoveCommand {
  switch (tag) {
    case 'MIGRATE': {
      const what = words.keyword();
      if (what !== 'CLIENT' && what !== 'ENDPOINT') throw words.unexpected('CLIENT or ENDPOINT');
      const id = words.argument(what === 'CLIENT' ? "a client's id" : 'an endpoint');
      const to = target(words, 'an endpoint');
      return { kind: 'move', tag, what: what === 'CLIENT' ? 'client' : 'endpoint', id, to, terms: terms(words, true) };
    }
    case 'REMAP': {
      expect(words, 'ENDPOINT');
      const endpoint = words.argument('an endpoint');
      return { kind: 'move', tag, endpoint, to: target(words, 'an endpoint or a URL'), terms: terms(words) };
    }
    case 'DRAIN': {
      expect(words, 'BACKEND');
      const backend = words.argument('a backend (host:port)');
      return { kind: 'move', tag, backend, to: target(words, 'an endpoint'), terms: terms(words) };
    }
    case 'UNDRAIN': {
      expect(words, 'BACKEND');
      const backend = words.argument('a backend (host:port)');
      words.end();
      return { kind: 'move', tag, backend };
    }
    case 'UNDO': {
      expect(words, 'OPERATION');
      const operation = words.argument("an operation's id");
      const read = terms(words);
      if (read.forceAfter !== null || read.carry !== null) throw new ConsoleError('42601', 'UNDO takes WITHIN only');
      return { kind: 'move', tag, operation, terms: read };
    }
    case 'CANCEL': {
      expect(words, 'OPERATION');
      const operation = words.argument("an operation's id");
      words.end();
      return { kind: 'move', tag, operation };
    }
  }
}

/** All that Bind could fill in. */
export function moveArguments(command: MoveCommand): (Argument | null)[] {
  const own =
    command.tag === 'MIGRATE'
      ? [command.id, command.to]
      : command.tag === 'REMAP'
        ? [command.endpoint, command.to]
        : command.tag === 'DRAIN'
          ? [command.backend, command.to]
          : command.tag === 'UNDRAIN'
            ? [command.backend]
            : [command.operation];
  if (!('terms' in command)) return own;
  const { within, forceAfter, mode, carry } = command.terms;
  return [...own, within, forceAfter, mode, carry];
}

function expect(words: Words, word: string): void {
  if (words.keyword() !== word) throw words.unexpected(word);
}

function target(words: Words, what: string): Argument {
  expect(words, 'TO');
  return words.argument(what);
}

/** `WITHIN`, `FORCE AFTER`, `MODE` and `CARRY`, each at most once, in any order. */
function terms(words: Words, hasMode = false): MoveTerms {
  const read: { -readonly [K in keyof MoveTerms]: MoveTerms[K] } = { within: null, forceAfter: null, mode: null, carry: null };
  while (!words.atEnd()) {
    const word = words.keyword();
    if (word === 'WITHIN' && read.within === null) read.within = words.argument('a number of seconds');
    else if (word === 'FORCE' && read.forceAfter === null) {
      expect(words, 'AFTER');
      read.forceAfter = words.argument('a number of seconds');
    } else if (word === 'MODE' && hasMode && read.mode === null) read.mode = words.argument('a mode');
    else if (word === 'CARRY' && read.carry === null) read.carry = list(words);
    else throw words.unexpected(`WITHIN, FORCE AFTER, ${hasMode ? 'MODE, ' : ''}CARRY or the end`);
  }
  return read;
}

/** Names behind commas, with or without spaces. */
function list(words: Words): Argument {
  let names = words.argument('what is carried along');
  while ('text' in names && (names.text.endsWith(',') || words.nextBeginsWith(','))) {
    const next = words.argument('what is carried along');
    if (!('text' in next) || isKeyword(next, 'WITHIN')) throw words.unexpected('what is carried along');
    names = { text: names.text + next.text, quoted: false };
  }
  return names;
}
