import { parseTerms } from './filter-language/parse.ts';
import { writeTerm, writeTerms } from './filter-language/write.ts';

/** A filter while it is being written: the terms that stand, and the one under way. */
export interface FilterDraft {
  committed: string;
  draft: string;
}

/** The whole filter. */
export function joined({ committed, draft }: FilterDraft): string {
  if (committed === '' || draft === '') return `${committed}${draft}`;
  return `${committed} ${draft}`;
}

/** The term under way becomes one that stands; one without a value stays under way. */
export function commit({ committed, draft }: FilterDraft): FilterDraft {
  const terms = parseTerms(draft);
  if (terms.some((term) => term.value === '')) return { committed, draft };
  return { committed: writeTerms([...parseTerms(committed), ...terms]), draft: '' };
}

/** The filter with a term that stood taken back to be written anew; what was under way stands in its place. */
export function edited(before: FilterDraft, index: number): FilterDraft {
  const { committed } = commit(before);
  const terms = parseTerms(committed);
  const term = terms[index];
  if (!term) return before;
  return { committed: writeTerms(terms.filter((each) => each !== term)), draft: writeTerm(term) };
}

/** The filter without a term that stood. */
export function removed({ committed, draft }: FilterDraft, index: number): FilterDraft {
  return { committed: writeTerms(parseTerms(committed).filter((_, i) => i !== index)), draft };
}
