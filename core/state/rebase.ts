/** A carried state in the terms of another server. */
import { stateOf, type CarriedState } from './carried.ts';
import { SEMANTIC_SETTINGS } from './queries.ts';
import type { SessionStateCapture } from './state.ts';

/**
 * What a session that carries `state` has to carry on another server to be the same there: of the settings on which the meaning of its
 * statements depends also those that it never set, where the defaults differ. Both captures right after a startup with the same
 * parameters.
 */
export function rebase(state: CarriedState, here: SessionStateCapture, there: SessionStateCapture): CarriedState {
  const settings = new Map(state.settings);
  for (const name of SEMANTIC_SETTINGS) {
    const before = here.settings.get(name)?.value;
    const after = there.settings.get(name)?.value;
    if (before !== undefined && after !== undefined && before !== after && !settings.has(name)) settings.set(name, before);
  }
  return settings.size === state.settings.size ? state : stateOf({ ...state, settings });
}
