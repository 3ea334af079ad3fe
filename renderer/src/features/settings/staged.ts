import { create } from 'zustand';
import type { SettingsView } from '../../../../core/contract/index.ts';
import { draftOf, rebase, sameDraft } from './draft.ts';
import type { Draft } from './draft.ts';

/** The settings as the host said them last, and what was edited here and not applied yet. Passwords never come here. */
export interface Staged {
  /** Null until the host was asked. */
  view: SettingsView | null;
  /** Null while nothing is edited. */
  draft: Draft | null;
}

/** Outlives the view, so that a look at the sessions does not throw edits away. */
export const useStaged = create<Staged>()(() => ({ view: null, draft: null }));

/** Takes in what the host says now. Edits stay, unless the host just took them (`applied`). */
export function takeView(view: SettingsView, applied = false): void {
  useStaged.setState((before) => {
    if (applied || before.view === null || before.draft === null) return { view, draft: null };
    const base = draftOf(view.settings);
    const draft = rebase(before.draft, draftOf(before.view.settings), base);
    return { view, draft: sameDraft(draft, base) ? null : draft };
  });
}

/** Changes fields of the form. A form that says again what is at work is not an edited one. */
export function edit(change: Partial<Draft>): void {
  useStaged.setState(({ view, draft }) => {
    if (view === null) return {};
    const base = draftOf(view.settings);
    const next = { ...(draft ?? base), ...change };
    return { draft: sameDraft(next, base) ? null : next };
  });
}

/** Forgets what was edited. */
export function discard(): void {
  useStaged.setState({ draft: null });
}
