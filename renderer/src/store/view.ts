import { create } from 'zustand';
import type { SortColumn } from '../features/sessions/sort.ts';
import { useServer } from './server.ts';
import type { ServerState } from './server.ts';

/** Sessions that an edit of the endpoint map left on the former backend. */
export interface Stranded {
  endpoint: string;
  sessionIds: readonly number[];
}

/** What this window shows and has chosen; nothing here is known to the host. */
export interface ViewState {
  selected: ReadonlySet<number>;
  /** Where a Shift range begins. */
  anchor: number | null;
  /** The session in the drawer. */
  detail: number | null;
  filter: string;
  sort: { column: SortColumn; descending: boolean };
  /** The migrate dialog; null while closed. */
  migrate: { sessionIds: readonly number[]; to: string | null } | null;
  /** The dialog that points an endpoint at another server, chosen already or not; null while closed. */
  remap: { endpoint: string; to: string | null } | null;
  /** Operations started in this window whose panel is open, oldest first. */
  panels: readonly number[];
  /** One line per endpoint. */
  stranded: readonly Stranded[];
  /** The session whose note is being written; null: none. */
  noteOn: number | null;
  /** The menu that filters by what a session's cells say, where it stands; null while it is closed. */
  filterMenu: { id: number; column: SortColumn | null; at: { x: number; y: number } } | null;
  /** What the host said when the view was paused: sessions and the yard show it until they go on; null: they show the live state. */
  frozen: ServerState | null;
}

/** The window's own state. */
export const useView = create<ViewState>()(() => ({
  selected: new Set(),
  anchor: null,
  detail: null,
  filter: '',
  sort: { column: 'id', descending: false },
  migrate: null,
  remap: null,
  panels: [],
  stranded: [],
  noteOn: null,
  filterMenu: null,
  frozen: null,
}));

/** Pauses what is shown, or lets it go on. */
export function toggleFreeze(): void {
  useView.setState(({ frozen }) => ({ frozen: frozen ? null : useServer.getState() }));
}

/** Selects from what a live view is to show: the state from when it was paused, else the live one. Select as little as possible. */
export function useShown<T>(selector: (state: ServerState) => T): T {
  const frozen = useView((state) => state.frozen);
  return useServer((live) => selector(frozen ?? live));
}

/** How many sessions differ between the state that is shown and the live one: changed, new or gone. */
export function pendingChanges(frozen: ServerState, live: ServerState): number {
  let count = 0;
  for (const [id, row] of live.sessions) if (frozen.sessions.get(id) !== row) count += 1;
  for (const id of frozen.sessions.keys()) if (!live.sessions.has(id)) count += 1;
  return count;
}

/** Replaces the selection; `anchor` is where the next Shift range begins. */
export function select(ids: Iterable<number>, anchor: number | null): void {
  useView.setState({ selected: new Set(ids), anchor });
}

/** Opens the migrate dialog for these sessions, with a target chosen already or none. */
export function openMigrate(sessionIds: readonly number[], to: string | null = null): void {
  useView.setState({ migrate: { sessionIds: [...sessionIds], to } });
}

/** Opens the dialog that points an endpoint at the server of another, with that one chosen already or none. */
export function openRemap(endpoint: string, to: string | null = null): void {
  useView.setState({ remap: { endpoint, to } });
}

/** Shows the panel of an operation that was started here. */
export function openPanel(operationId: number): void {
  useView.setState(({ panels }) => ({ panels: [...panels.filter((id) => id !== operationId), operationId].slice(-8) }));
}

/** Takes the panel of an operation away. */
export function closePanel(operationId: number): void {
  useView.setState(({ panels }) => ({ panels: panels.filter((id) => id !== operationId) }));
}

/** Keeps the selection to sessions that still exist. Returns the function that stops it. */
export function pruneSelection(): () => void {
  return useServer.subscribe((server, before) => {
    if (server.sessions === before.sessions) return;
    const { selected } = useView.getState();
    const kept = [...selected].filter((id) => server.sessions.has(id));
    if (kept.length !== selected.size) useView.setState({ selected: new Set(kept) });
  });
}
