import { parseTerms } from './parse.ts';
import type { Term } from './parse.ts';

/** A term as text that is understood as the same term again. */
export function writeTerm({ negated, field, operator, value }: Term): string {
  const minus = negated ? '-' : '';
  if (field !== null) return `${minus}${field}${operator}${writeValue(value)}`;
  const plain = `${minus}${writeValue(value)}`;
  // A word that reads as a field or as an exclusion must be quoted to stay a word.
  const [back, more] = parseTerms(plain);
  const same = more === undefined && back?.field === null && back.value === value && back.negated === negated;
  return same ? plain : `${minus}${quote(value)}`;
}

/** Terms as one text. */
export function writeTerms(terms: readonly Term[]): string {
  return terms.map(writeTerm).join(' ');
}

function writeValue(value: string): string {
  return value === '' || /[\s"]|^=/.test(value) ? quote(value) : value;
}

function quote(value: string): string {
  return `"${value.replaceAll(/["\\]/g, '\\$&')}"`;
}

function same(a: Term, b: Term): boolean {
  return a.field === b.field && a.operator === b.operator && a.value.toLowerCase() === b.value.toLowerCase();
}

/** Whether the filter has this very term. */
export function hasTerm(text: string, term: Term): boolean {
  return parseTerms(text).some((each) => each.negated === term.negated && same(each, term));
}

/** The filter with this term; its opposite, if it is there, leaves. */
export function withTerm(text: string, term: Term): string {
  return writeTerms([...parseTerms(text).filter((each) => !same(each, term)), term]);
}

/** The filter without this term. */
export function withoutTerm(text: string, term: Term): string {
  return writeTerms(parseTerms(text).filter((each) => each.negated !== term.negated || !same(each, term)));
}
