/** A statement of the console as words. */
import { identifierValue, stringValue, tokens, type Token } from '../sql/lexer.ts';
import { ConsoleError } from './console-error.ts';

/** A word of a command: written out, or a parameter `$n` that Bind fills in. */
export type Argument = { readonly text: string; readonly quoted: boolean } | { readonly parameter: number };

/** For whoever wrote what cannot be read. */
export const syntaxHint = 'SHOW HELP lists the commands of this console.';

/** A statement as words: `ep-a` is one word although SQL reads three tokens, since nothing stands between them. */
export class Words {
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

  /** Whether the next word, if there is one, begins so. */
  nextBeginsWith(text: string): boolean {
    const next = this.#words[this.#at];
    return next !== undefined && 'text' in next && !next.quoted && next.text.startsWith(text);
  }

  /** `command`, if nothing is left over. */
  done<Command>(command: Command): Command {
    this.end();
    return command;
  }

  /** Throws if something is left over. */
  end(): void {
    if (this.atEnd()) return;
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

/** Whether it is that word, not quoted, in whatever case. */
export function isKeyword(argument: Argument, word: string): boolean {
  return 'text' in argument && !argument.quoted && argument.text.toUpperCase() === word;
}
