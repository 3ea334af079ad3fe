import type { SessionRow } from '../../../../../core/contract/index.ts';
import { everything, fieldNamed } from './fields.ts';
import type { Field, Surroundings, TextField } from './fields.ts';
import { parseDuration, parseNumber, parseTerms } from './parse.ts';
import type { Operator, PlacedTerm, Term } from './parse.ts';

/** Whether a session is to be shown. */
export type Matcher = (row: SessionRow, around: Surroundings) => boolean;

const never: Matcher = () => false;

/**
 * The test that a filter stands for. Words and fields narrow; several values for one field (`user:bob user:eve`) are alternatives;
 * what is left out (`-user:bob`) is left out in any case. A term that is wrong finds nothing, so that an action on everything that
 * matches never means more than was written.
 */
export function matcherOf(text: string): Matcher {
  const required: Matcher[] = [];
  const alternatives = new Map<string, Matcher[]>();
  for (const term of parseTerms(text)) {
    if (isOpen(term)) continue;
    const field = term.field === null ? undefined : fieldNamed(term.field);
    const test = term.problem?.level === 'error' ? never : testOf(term, field);
    if (term.negated) required.push(term.problem?.level === 'error' ? never : (row, around) => !test(row, around));
    else if (field?.kind === 'text') alternatives.set(field.name, [...(alternatives.get(field.name) ?? []), test]);
    else required.push(test);
  }
  for (const tests of alternatives.values()) required.push((row, around) => tests.some((test) => test(row, around)));
  return (row, around) => required.every((test) => test(row, around));
}

/** Still being written: a field without a value, a lone minus. */
function isOpen(term: PlacedTerm): boolean {
  return term.value === '';
}

function testOf({ operator, value }: Term, field: Field | undefined): Matcher {
  const word = value.toLowerCase();
  if (field === undefined) return (row) => everything(row).toLowerCase().includes(word);
  switch (field.kind) {
    case 'text':
      return textTest(field, operator, word);
    case 'property':
      return (row, around) => field.has(row, word, around);
    case 'number':
    case 'duration': {
      const wanted = field.kind === 'number' ? parseNumber(value) : parseDuration(value);
      return wanted === null ? never : (row, around) => compare(field.read(row, around), operator, wanted);
    }
  }
}

function textTest(field: TextField, operator: Operator, word: string): Matcher {
  const whole = operator === '=' || (field.words ?? []).some((each) => each.toLowerCase() === word);
  if (whole) return (row, around) => field.read(row, around).toLowerCase() === word;
  if (field.address === true && /:\d+$/.test(word)) return (row, around) => field.read(row, around).toLowerCase().endsWith(word);
  return (row, around) => field.read(row, around).toLowerCase().includes(word);
}

function compare(is: number, operator: Operator, wanted: number): boolean {
  switch (operator) {
    case ':':
    case '=':
      return is === wanted;
    case '>':
      return is > wanted;
    case '<':
      return is < wanted;
    case '>=':
      return is >= wanted;
    case '<=':
      return is <= wanted;
  }
}
