import type { SessionRow } from '../../../../core/contract/index.ts';
import type { Surroundings } from './filter-language/fields.ts';
import { matcherOf } from './filter-language/match.ts';
import { parseTerms } from './filter-language/parse.ts';
import type { Term } from './filter-language/parse.ts';

/** What operators ask for most, at hand as buttons. */
interface QuickFilter {
  label: string;
  /** The one term of it, as it is written. */
  text: string;
  term: Term;
  matches: (row: SessionRow, around: Surroundings) => boolean;
}

/** In the order of the buttons. */
export const quickFilters: readonly QuickFilter[] = [
  ['Active', 'state:active'],
  ['Waiting', 'state:waiting'],
  ['Idle in transaction', 'state:"idle in transaction"'],
  ['Pinned', 'is:pinned'],
  ['Migrating', 'is:migrating'],
].map(([label = '', text = '']) => {
  const [term] = parseTerms(text);
  if (!term) throw new Error(`the quick filter ${label} has no term`);
  return { label, text, term, matches: matcherOf(text) };
});
