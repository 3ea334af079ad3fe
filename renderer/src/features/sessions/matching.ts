import { useServer } from '../../store/server.ts';
import type { ServerState } from '../../store/server.ts';
import { useMarks } from '../../store/marks.ts';
import { useView } from '../../store/view.ts';
import type { Surroundings } from './filter-language/fields.ts';
import { matcherOf } from './filter-language/match.ts';

/** What a filter can ask beside a session's row, for the state that is shown; a paused view's clock stands still. */
export function surroundings(state: ServerState, isFrozen = false): Surroundings {
  const { flagged, notes } = useMarks.getState();
  const here = isFrozen ? (state.receivedAt ?? Date.now()) : Date.now();
  return { now: here - state.clockSkew, flagged, notes };
}

/** The sessions that live and that the filter of this window finds. */
export function matchingIds(): number[] {
  const state = useServer.getState();
  const matches = matcherOf(useView.getState().filter);
  const around = surroundings(state);
  return [...state.sessions.values()].filter((row) => matches(row, around)).map((row) => row.id);
}
