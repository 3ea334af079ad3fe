/** Texts put together at random from statements that change their session, in a style in which that is hard to see. */
import { tokens } from '../../core/sql/lexer.ts';
import type { Random } from '../fuzz/support/random.ts';
import { changing, harmless, own } from './effects-corpus.ts';

/** Nothing happens in them, but a reader may lose the way. Characters are bytes; 95 5C is one character of SJIS. */
const mazes = [
  `SELECT ';--''/*'`,
  `SELECT $q$ $x$ ' " $q$`,
  `SELECT 1 AS "a;--""'"`,
  String.raw`SELECT E'\\\'--'`,
  String.raw`SELECT '\\'`,
  String.raw`SELECT '\'`,
  String.raw`SELECT 'a\'''`,
  `SELECT '\x95\\'`,
  `SELECT E'\x95\\'`,
  `SELECT 'a'\n'--'`,
  `SELECT E'a'\n'\\'--'`,
  String.raw`SELECT U&'\0027' --'`,
  'SELECT 1/*/**/*/+--\n1',
  'SELECT 1 AS a$$',
  'VALUES (1)',
  '',
];
const gaps = [' ', ' ', ' ', '\n', '\t\r\n', '/**/', '/*;*/', "/*'*/", '/* /* " */ */', '--\n', "--'\r", '-- $$ \n', ' \f '];
const pieces = [
  ...["'", "'", "\\'", '\\', "E'", "U&'", 'U&"', '"', '$$', '$a$', '$', '--', '\n', '/*', '*/', ';', ';', '(', ')', ',', '.', '::', '+'],
  ...['\x95\\', '1', 'SELECT ', 'SET ', 'LOCAL ', 'my.a ', 'work_mem ', '= 1234', '= 1234', 'TO ', 'sets()', 'sets ', '()', 'AS ', 'a'],
  ...['FROM t ', 'ON ', 'BEGIN;', ';COMMIT', '; SET work_mem = 1234;', 'SELECT sets()', 'LISTEN a', "SELECT 'a'", 'SELECT 1 '],
  ...['over(1)', 'DISTINCT ON (a) ', 'PREPARE a AS ', 'EXPLAIN ANALYZE '],
];

/** A text to run. */
export function glue(random: Random): Buffer {
  if (random.below(3) === 0) return Buffer.from(times(random, 14, () => random.pick(pieces)).join(''), 'latin1');
  const statements = times(random, 3, () => {
    const kind = random.below(6);
    if (kind === 0) return random.pick(mazes);
    if (kind === 1) return restyled(random, random.pick(harmless));
    const { before, text } = own(random.pick(changing));
    return restyled(random, kind === 2 ? `${before};${text}` : text);
  });
  if (random.below(4) === 0) statements.unshift(random.pick(mazes));
  const text = statements.join(random.pick([';', ';;', ' ; ', ';--;\n', ';/*;*/']));
  return Buffer.from(random.below(5) === 0 ? `BEGIN;${text};COMMIT` : text, 'latin1');
}

function times<T>(random: Random, most: number, make: () => T): T[] {
  return Array.from({ length: random.between(1, most) }, make);
}

/** The same tokens in other letters and with other gaps. */
function restyled(random: Random, text: string): string {
  const sql = Buffer.from(text).toString('latin1');
  let styled = '';
  let end = 0;
  for (const token of tokens(sql)) {
    const written = sql.slice(token.start, token.end);
    if (token.start > end || random.below(6) === 0) styled += random.pick(gaps);
    styled += token.kind === 'word' ? written.replace(/[a-z]/gi, (letter) => (random.below(4) === 0 ? flipped(letter) : letter)) : written;
    end = token.end;
  }
  return styled;
}

function flipped(letter: string): string {
  return letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase();
}
