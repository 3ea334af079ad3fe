import { X } from 'lucide-react';
import type { KeyboardEvent, ReactNode, RefObject } from 'react';
import { cx } from '../../lib/cx.ts';
import styles from './Filter.module.css';
import type { PlacedTerm } from './filter-language/parse.ts';
import { writeTerm } from './filter-language/write.ts';

interface ChipsProps {
  list: RefObject<HTMLUListElement | null>;
  terms: readonly PlacedTerm[];
  onEdit: (index: number) => void;
  onRemove: (index: number, by: 'key' | 'pointer') => void;
  onNegate: (index: number) => void;
  /** The focus is to go to this place; the one behind the last is the field. */
  onMove: (index: number) => void;
}

/**
 * The terms of a filter that stand. In a chip: arrows move, Enter or F2 edits, Delete or Backspace removes, - leaves out instead of
 * looking for. They are no tab stops: Left or Backspace in the empty field leads to them.
 */
export function Chips({ list, terms, onEdit, onRemove, onNegate, onMove }: ChipsProps): ReactNode {
  if (terms.length === 0) return null;
  const onKeyDown = (event: KeyboardEvent, index: number): void => {
    if (event.key === 'ArrowLeft') onMove(Math.max(0, index - 1));
    else if (event.key === 'ArrowRight') onMove(index + 1);
    else if (event.key === 'Delete' || event.key === 'Backspace') onRemove(index, 'key');
    else if (event.key === 'F2') onEdit(index);
    else if (event.key === '-') onNegate(index);
    else if (event.key === 'Escape') onMove(terms.length);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <ul ref={list} className={styles.chips} aria-label="Terms of the filter">
      {terms.map((term, index) => {
        const text = writeTerm(term);
        return (
          // oxlint-disable-next-line react/no-array-index-key -- a chip is its place: it keeps the focus while its term changes
          <li key={index} className={cx(styles.chip, term.negated && styles.not, term.problem?.level === 'error' && styles.wrong)}>
            <button
              type="button"
              tabIndex={-1}
              data-chip
              className={styles.term}
              title={term.problem?.message ?? `${text}: Enter edits, Delete removes, - leaves out`}
              onClick={() => onEdit(index)}
              onKeyDown={(event) => onKeyDown(event, index)}
            >
              {term.negated && <span className={styles.minus}>not</span>}
              {term.field !== null && (
                <span className={styles.field}>
                  {term.field}
                  {term.operator}
                </span>
              )}
              <span className={styles.value}>{term.value}</span>
            </button>
            <button
              type="button"
              tabIndex={-1}
              className={styles.remove}
              aria-label={`Remove ${text}`}
              onClick={() => onRemove(index, 'pointer')}
            >
              <X size={12} aria-hidden="true" />
            </button>
          </li>
        );
      })}
    </ul>
  );
}
