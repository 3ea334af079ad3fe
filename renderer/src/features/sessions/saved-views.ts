import * as z from 'zod';
import { create } from 'zustand';
import { useView } from '../../store/view.ts';
import { sortColumns } from './sort.ts';

const KEY = 'switchyard.saved-views';

const savedView = z.object({
  name: z.string().min(1).max(60),
  filter: z.string().max(2_000),
  sort: z.object({ column: z.enum(sortColumns), descending: z.boolean() }),
});

/** A filter and an order with a name. */
export type SavedView = z.infer<typeof savedView>;

/** The saved views of this browser, by name. */
export const useSavedViews = create<{ views: readonly SavedView[] }>()(() => ({ views: read() }));

/** Saves what is shown now under a name; one of that name is replaced. */
export function saveView(name: string): void {
  const { filter, sort } = useView.getState();
  const view = { name: name.trim(), filter, sort };
  keep([...useSavedViews.getState().views.filter((each) => each.name !== view.name), view].sort((a, b) => a.name.localeCompare(b.name)));
}

/** Forgets a saved view. */
export function forgetView(name: string): void {
  keep(useSavedViews.getState().views.filter((each) => each.name !== name));
}

/** Shows a saved view. */
export function showView({ filter, sort }: SavedView): void {
  useView.setState({ filter, sort });
}

function keep(views: readonly SavedView[]): void {
  useSavedViews.setState({ views });
  try {
    window.localStorage.setItem(KEY, JSON.stringify(views));
  } catch {
    // Without storage they last as long as the window.
  }
}

function read(): readonly SavedView[] {
  try {
    const parsed = z.array(savedView).safeParse(JSON.parse(window.localStorage.getItem(KEY) ?? '[]'));
    return parsed.success ? parsed.data : [];
  } catch {
    return [];
  }
}
