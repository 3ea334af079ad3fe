/** What a session has that is gone with its server connection, in words for its client. */
import type { SessionStateCapture } from '../../state/state.ts';
import type { SessionJournal } from '../journal.ts';

/** See the head of this file. */
export interface Loss {
  /** Stable code; one reason of the counter of failures. */
  readonly code: string;
  /** What is lost, as it stands in `… was lost, and with it …`. */
  readonly what: string;
}

/** Most objects that are named. */
const NAMED = 5;

/** What cannot be made anew from a capture on the connection with process id `pid`; empty: everything can. */
export function lossesIn(state: SessionStateCapture, journal: SessionJournal, pid: number): Loss[] {
  const losses: Loss[] = [];
  const lost = (code: string, what: string): void => void losses.push({ code, what });
  if (state.pid !== pid) lost('pooler_between', 'what a pooler between Switchyard and the server held for it');
  if (state.advisoryLocks.length > 0) lost('advisory_lock', `its session advisory locks (${list(state.advisoryLocks)})`);
  if (state.temporaryObjects.length > 0) lost('temp_object', `its temporary objects (${list(state.temporaryObjects)})`);
  if (state.heldCursors.length > 0) lost('held_cursor', `its cursors WITH HOLD (${list(state.heldCursors)})`);
  if (state.channels.length > 0) lost('listen', `notifications on the channels it listens to (${list(state.channels)})`);
  if (state.temporarySlots > 0) lost('temp_slot', 'its temporary replication slot');
  const unclear = state.statements.filter(({ text }) => text === null || (journal.nonConformingStrings && text.includes('\\')));
  if (unclear.length > 0)
    lost('prepared_statement', `prepared statements that cannot be parsed again (${list(unclear.map(({ name }) => name))})`);
  if (journal.unnamedUncertain) lost('unnamed_statement', 'its unnamed statement, which is not known after an error in a pipeline');
  if (journal.unnamedTooLarge > 0) lost('unnamed_statement', `its unnamed statement (${journal.unnamedTooLarge} bytes)`);
  if (journal.dynamicCustomSetting) lost('custom_settings', 'custom settings whose names could not be read');
  return losses;
}

function list(names: readonly string[]): string {
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  return `${names.slice(0, NAMED).join(', ')}${more}`;
}
