import { Search, X } from 'lucide-react';
import { useId, useMemo, useRef, useState } from 'react';
import type { KeyboardEvent, ReactNode, RefObject } from 'react';
import { cx } from '../../lib/cx.ts';
import { useServer } from '../../store/server.ts';
import { useView } from '../../store/view.ts';
import { Chips } from './Chips.tsx';
import styles from './Filter.module.css';
import { commit, edited, joined, removed } from './filter-draft.ts';
import type { FilterDraft } from './filter-draft.ts';
import { complete } from './filter-language/complete.ts';
import { parseTerms } from './filter-language/parse.ts';
import { writeTerms } from './filter-language/write.ts';
import { surroundings } from './matching.ts';

/** The filter as chips, with a field for the term that is being written. Keys: see the window's documentation. */
export function FilterBar({ input }: { input: RefObject<HTMLInputElement | null> }): ReactNode {
  const text = useView((state) => state.filter);
  const [own, setOwn] = useState<FilterDraft>({ committed: '', draft: '' });
  // Whatever else changes the filter (an address, a quick filter, a cell) replaces what stands here.
  const shown = joined(own) === text ? own : { committed: text, draft: '' };
  const chips = useMemo(() => parseTerms(shown.committed), [shown.committed]);
  const [dismissed, setDismissed] = useState(true);
  const [highlight, setHighlight] = useState(-1);
  const chipList = useRef<HTMLUListElement>(null);
  const listId = useId();
  const problemId = useId();

  // What sessions have is read when the draft changes, so that suggestions do not move while one is chosen.
  const offered = useMemo(() => {
    const state = useServer.getState();
    return complete(shown.draft, state.sessions.values(), surroundings(state));
  }, [shown.draft]);
  const suggestions = dismissed ? [] : offered;
  const open = suggestions.length > 0;
  const problems = [...chips, ...parseTerms(shown.draft)].flatMap((term) =>
    term.problem && (term.value !== '' || term.problem.level === 'error') ? [term.problem] : [],
  );

  function set(next: FilterDraft): void {
    setOwn(next);
    setHighlight(-1);
    useView.setState({ filter: joined(next) });
  }

  function accept(index: number): void {
    const suggestion = suggestions[index];
    const begun = parseTerms(shown.draft).at(-1);
    if (!suggestion || !begun) return;
    const draft = shown.draft.slice(0, begun.from) + suggestion.text;
    set(suggestion.open ? { committed: shown.committed, draft } : commit({ committed: shown.committed, draft }));
  }

  function focusChip(index: number): void {
    const buttons = chipList.current?.querySelectorAll<HTMLElement>('[data-chip]');
    const chip = buttons?.[Math.min(index, buttons.length - 1)];
    if (chip && index >= 0) chip.focus();
    else input.current?.focus();
  }

  function onKeyDown(event: KeyboardEvent<HTMLInputElement>): void {
    const atStart = event.currentTarget.selectionStart === 0 && event.currentTarget.selectionEnd === 0;
    if (event.key === 'ArrowDown' && open) setHighlight((highlight + 1) % suggestions.length);
    else if (event.key === 'ArrowUp' && open) setHighlight((Math.max(highlight, 0) + suggestions.length - 1) % suggestions.length);
    else if (event.key === 'ArrowDown') document.querySelector<HTMLElement>('[role="row"][tabindex="0"]')?.focus();
    else if (event.key === 'Enter' && highlight >= 0) accept(highlight);
    else if (event.key === 'Enter') set(commit(shown));
    else if (event.key === 'Escape') {
      if (open) setDismissed(true);
      else set({ committed: shown.draft === '' ? '' : shown.committed, draft: '' });
    } else if (atStart && chips.length > 0 && (event.key === 'ArrowLeft' || (event.key === 'Backspace' && shown.draft === ''))) {
      focusChip(chips.length - 1);
    } else return;
    event.preventDefault();
  }

  return (
    <div className={styles.filter}>
      {/* oxlint-disable-next-line jsx-a11y/no-static-element-interactions, jsx-a11y/click-events-have-key-events -- a click beside the field leads into it */}
      <div
        className={styles.box}
        onClick={(event) => {
          if (event.target === event.currentTarget) input.current?.focus();
        }}
      >
        <Search size={14} aria-hidden="true" className={styles.glass} />
        <Chips
          list={chipList}
          terms={chips}
          onEdit={(index) => {
            set(edited(shown, index));
            setDismissed(true);
            input.current?.focus();
          }}
          onRemove={(index, by) => {
            set(removed(shown, index));
            // After the chip is gone its neighbour has the focus.
            requestAnimationFrame(() => (by === 'key' ? focusChip(Math.min(index, chips.length - 2)) : input.current?.focus()));
          }}
          onNegate={(index) =>
            set({ ...shown, committed: writeTerms(chips.map((term, i) => (i === index ? { ...term, negated: !term.negated } : term))) })
          }
          onMove={(index) => focusChip(index < chips.length ? index : -1)}
        />
        <input
          ref={input}
          data-filter
          type="text"
          role="combobox"
          aria-label="Filter sessions"
          aria-expanded={open}
          aria-controls={open ? listId : undefined}
          aria-autocomplete="list"
          aria-activedescendant={open && highlight >= 0 ? `${listId}-${highlight}` : undefined}
          aria-invalid={problems.some((problem) => problem.level === 'error')}
          aria-describedby={problems.length > 0 ? problemId : undefined}
          autoComplete="off"
          spellCheck={false}
          placeholder={chips.length === 0 ? 'Filter: any word, user:bob, since>5s, -state:idle' : ''}
          value={shown.draft}
          onChange={(event) => {
            setDismissed(false);
            set(edit(shown, event.target.value));
          }}
          onBlur={() => setDismissed(true)}
          onKeyDown={onKeyDown}
        />
        {text !== '' && (
          <button
            type="button"
            className={styles.clear}
            aria-label="Clear the filter"
            title="Clear the filter"
            onClick={() => {
              set({ committed: '', draft: '' });
              input.current?.focus();
            }}
          >
            <X size={14} aria-hidden="true" />
          </button>
        )}
      </div>
      {open && (
        <div id={listId} role="listbox" aria-label="Suggestions" className={styles.suggestions}>
          {suggestions.map((suggestion, i) => (
            // oxlint-disable-next-line jsx-a11y/click-events-have-key-events -- the field has the keys
            <div
              key={suggestion.text}
              id={`${listId}-${i}`}
              role="option"
              aria-selected={i === highlight}
              tabIndex={-1}
              className={cx(styles.suggestion, i === highlight && styles.lit)}
              // The field keeps the focus.
              onPointerDown={(event) => event.preventDefault()}
              onClick={() => accept(i)}
            >
              <span className={styles.suggested}>{suggestion.text}</span>
              <span className={styles.hint}>{suggestion.hint}</span>
            </div>
          ))}
        </div>
      )}
      {problems.length > 0 && (
        <p id={problemId} className={styles.problem} role="status">
          {problems.map((problem) => problem.message).join(' ')}
        </p>
      )}
    </div>
  );
}

/** What typing makes of the filter: terms that are followed by a space become chips. */
function edit(before: FilterDraft, draft: string): FilterDraft {
  const terms = parseTerms(draft);
  const last = terms.at(-1);
  if (last === undefined || terms.some((term) => term.value === '')) return { ...before, draft };
  if (last.to < draft.length) return commit({ ...before, draft });
  if (terms.length === 1) return { ...before, draft };
  return { ...commit({ ...before, draft: draft.slice(0, last.from) }), draft: draft.slice(last.from) };
}
