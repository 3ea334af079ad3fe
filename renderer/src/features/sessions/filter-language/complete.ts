import type { SessionRow } from '../../../../../core/contract/index.ts';
import { fieldNamed, fields } from './fields.ts';
import type { Field, Surroundings } from './fields.ts';
import { parseTerms } from './parse.ts';
import { writeTerm } from './write.ts';

/** What the term that is being written could become. */
export interface Suggestion {
  /** The whole term as it would be. */
  text: string;
  /** What it means, or how many sessions have it. */
  hint: string;
  /** It wants a value yet: a field alone. */
  open: boolean;
}

const SHOWN = 8;

/** Suggestions for the last term of `draft`: names of fields, and behind a field the values that sessions have. */
export function complete(draft: string, rows: Iterable<SessionRow>, around: Surroundings): Suggestion[] {
  const term = parseTerms(draft).at(-1);
  if (draft === '' || term === undefined || term.to < draft.length) return [];
  const minus = term.negated ? '-' : '';
  const field = term.field === null ? undefined : fieldNamed(term.field);
  if (field === undefined) {
    const begun = term.value.toLowerCase();
    if (begun === '' || !/^[a-z]+$/.test(begun)) return [];
    return fields
      .filter(({ name, aliases = [] }) => [name, ...aliases].some((each) => each.startsWith(begun)))
      .slice(0, SHOWN)
      .map(({ name, hint, kind }) => ({
        text: `${minus}${name}${kind === 'number' || kind === 'duration' ? '>' : ':'}`,
        hint,
        open: true,
      }));
  }
  if (term.operator !== ':' && term.operator !== '=') return [];
  const begun = term.value.toLowerCase();
  const suggestions = [...valuesOf(field, rows, around)]
    .filter(([value]) => value.toLowerCase().includes(begun))
    .sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]))
    .slice(0, SHOWN)
    .map(([value, count]) => ({
      text: writeTerm({ negated: term.negated, field: field.name, operator: term.operator, value }),
      hint: count === 1 ? '1 session' : `${count} sessions`,
      open: false,
    }));
  // Written out already: nothing is left to suggest.
  return suggestions.length === 1 && suggestions[0]?.text.toLowerCase() === draft.slice(term.from).toLowerCase() ? [] : suggestions;
}

function valuesOf(field: Field, rows: Iterable<SessionRow>, around: Surroundings): Map<string, number> {
  const counts = new Map<string, number>();
  if (field.kind === 'number' || field.kind === 'duration') return counts;
  for (const word of field.words ?? []) counts.set(word, 0);
  const count = (value: string): void => void counts.set(value, (counts.get(value) ?? 0) + 1);
  for (const row of rows) {
    if (field.kind === 'text') count(field.read(row, around));
    else for (const word of field.words) if (field.has(row, word, around)) count(word);
  }
  counts.delete('');
  return counts;
}
