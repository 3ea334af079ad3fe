import { describe, expect, it } from 'vitest';
import type { SessionRow } from '../../core/contract/index.ts';
import { complete } from '../../renderer/src/features/sessions/filter-language/complete.ts';
import { fields } from '../../renderer/src/features/sessions/filter-language/fields.ts';
import type { Surroundings } from '../../renderer/src/features/sessions/filter-language/fields.ts';
import { matcherOf } from '../../renderer/src/features/sessions/filter-language/match.ts';
import { parseDuration, parseTerms } from '../../renderer/src/features/sessions/filter-language/parse.ts';
import type { Operator, Term } from '../../renderer/src/features/sessions/filter-language/parse.ts';
import { hasTerm, withTerm, withoutTerm, writeTerm, writeTerms } from '../../renderer/src/features/sessions/filter-language/write.ts';
import { sessionRowOf as session } from '../support/session-row.ts';

const around: Surroundings = { now: 100_000, flagged: new Set([12]), notes: new Map([[12, 'ask Eve first']]) };
const row = session(12, {
  application: 'Checkout',
  state: 'idle in transaction',
  transaction: 'T',
  user: 'alice',
  backend: '127.0.0.1:5432',
  stateSince: 90_000,
  migrations: 2,
  pins: [{ code: 'temp_object', reason: 'owns basket', since: 0, statement: null, endsWhen: 'DROP' }],
});
const finds = (text: string, of: SessionRow = row): boolean => matcherOf(text)(of, around);

describe('matching', () => {
  it.each([
    ['', true],
    ['check', true],
    ['CHECK alice', true],
    ['check bob', false],
    ['-bob', true],
    ['-check', false],
    ['user:ali', true],
    ['user=ali', false],
    ['User=ALICE', true],
    ['user:checkout', false],
    ['-user:ali', false],
    ['user:bob user:alice', true],
    ['user:bob user:eve', false],
    ['user:bob app:check', false],
    ['-user:bob -user:eve', true],
    ['state:"in transaction"', true],
    ['state:"idle in transaction"', true],
    ['state:idle', false],
    ['state:active', false],
    ['state:"idle', false],
    ['tx:t', true],
    ['127.0.0.1:40012', true],
    ['client:40012', true],
    ['client:127.0.0.1:4001', false],
    ['backend:127.0.0.1:5432', true],
    ['backend:127.0.0.1:543', false],
    ['backend:127.0', true],
    ['since>5s', true],
    ['since>10s', false],
    ['since>=10s', true],
    ['since<1m', true],
    ['-since<1m', false],
    ['moves>0', true],
    ['moves=2', true],
    ['moves:3', false],
    ['pins>0', true],
    ['pin:temp', true],
    ['is:pinned', true],
    ['is:migrating', false],
    ['is:flagged is:pinned', true],
    ['is:flagged is:migrating', false],
    ['note:eve', true],
    ['nofield:x', false],
    ['user:', true],
    ['-', true],
  ])('takes %j as %s', (text, expected) => {
    expect(finds(text)).toBe(expected);
  });

  it('finds nothing by a term that is wrong, also when it leaves out', () => {
    for (const text of ['since>soon', '-since>soon', 'user>5', 'is:purple', '-is:purple', 'moves>many'])
      expect(finds(text), text).toBe(false);
  });

  it('takes an address with a port as this port', () => {
    expect(finds('backend:127.0.0.1:5432', session(1, { backend: '127.0.0.1:54321' }))).toBe(false);
  });
});

describe('parsing', () => {
  it('says where each term and its value stand', () => {
    const text = '  -user:"two words"  since>5s plain';
    const terms = parseTerms(text);
    expect(terms.map(({ from, to }) => text.slice(from, to))).toEqual(['-user:"two words"', 'since>5s', 'plain']);
    expect(terms.map(({ valueFrom, to }) => text.slice(valueFrom, to))).toEqual(['"two words"', '5s', 'plain']);
    expect(terms.map(({ problem }) => problem)).toEqual([null, null, null]);
  });

  it.each([
    ['usr:bob', 'note', 'There is no field usr: the whole is looked for as a word. Did you mean user:?'],
    ['zzzzzz:bob', 'note', 'There is no field zzzzzz: the whole is looked for as a word.'],
    ['since>soon', 'error', 'since wants a time, such as since>5s, 200ms, 2m or 1h.'],
    ['moves>x', 'error', 'moves wants a number, such as moves>0.'],
    ['user>5', 'error', 'user is text and cannot be compared with >: write user:5 or user=5.'],
    ['is:purple', 'error', 'is: knows pinned, migrating, flagged, noted, detached, fallback.'],
    ['user:"bob', 'note', 'A closing " is missing: everything up to the end is taken as one value.'],
    ['user:', 'note', 'user: needs a value behind it: role.'],
    ['-', 'note', 'A - leaves out what follows it: put a word or a field right behind it.'],
  ])('of %j says what is wrong', (text, level, message) => {
    expect(parseTerms(text)[0]?.problem).toEqual({ level, message });
  });

  it('knows the other spellings of a field and writes its own', () => {
    expect(writeTerms(parseTerms('application:x Database=y statement:SELECT'))).toBe('app:x db=y last:SELECT');
  });

  it.each([
    ['5', 5_000],
    ['5s', 5_000],
    ['200ms', 200],
    ['1.5m', 90_000],
    ['2min', 120_000],
    ['1h', 3_600_000],
    ['2d', 172_800_000],
    ['5 s', null],
    ['', null],
    ['-5s', null],
  ])('reads the duration %j', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });
});

/** The same numbers on every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

const bare = ({ negated, field, operator, value }: Term): Term => ({ negated, field, operator, value });

describe('writing', () => {
  const next = random(20_261_121);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;
  const characters = ['a', 'B', '7', ' ', '"', '\\', '-', ':', '=', '>', '<', '.', 'é', '\t', '\u{1F986}', "'", 'user', 'since', '('];
  const word = (least: number): string => Array.from({ length: least + Math.floor(next() * 6) }, () => pick(characters)).join('');

  it('brings every term back as it was', () => {
    const operators: readonly Operator[] = [':', '=', '>', '<', '>=', '<='];
    for (let round = 0; round < 2_000; round += 1) {
      const terms = Array.from({ length: 1 + Math.floor(next() * 4) }, (): Term => {
        const field = next() < 0.5 ? null : pick(fields).name;
        return { negated: next() < 0.3, field, operator: field === null ? ':' : pick(operators), value: word(1) };
      });
      const text = writeTerms(terms);
      expect(parseTerms(text).map(bare), text).toEqual(terms);
    }
  });

  it('understands every text: the terms cover it, and written anew it means the same', () => {
    for (let round = 0; round < 2_000; round += 1) {
      const text = Array.from({ length: Math.floor(next() * 6) }, () => word(0)).join(pick([' ', '', '  ']));
      const terms = parseTerms(text);
      let at = 0;
      for (const { from, to, valueFrom } of terms) {
        expect(text.slice(at, from).trim(), text).toBe('');
        expect(from < to && from <= valueFrom && valueFrom <= to, text).toBe(true);
        at = to;
      }
      expect(text.slice(at).trim(), text).toBe('');
      expect(parseTerms(writeTerms(terms)).map(bare), text).toEqual(terms.map(bare));
      expect(typeof finds(text)).toBe('boolean');
      complete(text, [row], around);
    }
  });

  it('adds a term once, in place of its opposite, and takes it away', () => {
    const bob: Term = { negated: false, field: 'user', operator: '=', value: 'bob' };
    const both = withTerm('state:idle', bob);
    expect(both).toBe('state:idle user=bob');
    expect(withTerm(both, bob)).toBe(both);
    expect(withTerm(both, { ...bob, negated: true })).toBe('state:idle -user=bob');
    expect(hasTerm(both, bob)).toBe(true);
    expect(hasTerm(both, { ...bob, negated: true })).toBe(false);
    expect(withoutTerm(both, bob)).toBe('state:idle');
    expect(writeTerm({ negated: false, field: null, operator: ':', value: '-x' })).toBe('"-x"');
  });
});

describe('completion', () => {
  const rows = [row, session(1, { user: 'bob' }), session(2, { user: 'bob', application: 'two words' })];

  it('offers fields, then the values that sessions have, the commonest first', () => {
    expect(complete('us', rows, around).map(({ text }) => text)).toEqual(['user:']);
    expect(complete('-us', rows, around).map(({ text }) => text)).toEqual(['-user:']);
    expect(complete('sin', rows, around).map(({ text }) => text)).toEqual(['since>']);
    expect(complete('user:', rows, around)).toEqual([
      { text: 'user:bob', hint: '2 sessions', open: false },
      { text: 'user:alice', hint: '1 session', open: false },
    ]);
    expect(complete('user:bob app:wor', rows, around).map(({ text }) => text)).toEqual(['app:"two words"']);
    expect(complete('is:pi', rows, around)).toEqual([{ text: 'is:pinned', hint: '1 session', open: false }]);
  });

  it('is silent where nothing is left to say', () => {
    for (const text of ['', 'user:alice', 'travel', 'user:bob ', 'since>', 'no such'])
      expect(complete(text, rows, around), text).toEqual([]);
  });
});
