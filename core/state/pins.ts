/** What ties a session to its server connection: state that cannot be carried to another one (pooling.md 3.4.7). */
import { cleanState, type CarriedState } from './carried.ts';
import { prepareText } from './prepare-text.ts';
import type { SessionStateCapture } from './state.ts';

/** One reason. */
export interface StatePin {
  /** Stable, e.g. `temp_object`. */
  readonly code: string;
  /** In words, naming the object. */
  readonly reason: string;
  /** What the client would have to do, in words. */
  readonly endsWhen: string;
}

/** Every reason there is in a capture, and in what is to be carried of it; none: it can be carried. */
export function pinsIn(capture: SessionStateCapture, baseline: SessionStateCapture, state: CarriedState = cleanState): StatePin[] {
  const pins: StatePin[] = [];
  const pin = (code: string, reason: string, endsWhen: string): void => void pins.push({ code, reason, endsWhen });
  if (capture.temporaryObjects.length > 0) {
    pin(
      'temp_object',
      `it has temporary objects: ${capture.temporaryObjects.join(', ')}`,
      'they are dropped, or DISCARD TEMP or DISCARD ALL',
    );
  }
  if (capture.heldCursors.length > 0) {
    pin('held_cursor', `it has cursors WITH HOLD: ${capture.heldCursors.join(', ')}`, 'CLOSE of each, or CLOSE ALL');
  }
  if (capture.advisoryLocks.length > 0) {
    pin(
      'advisory_lock',
      `it holds advisory locks: ${capture.advisoryLocks.join(', ')}`,
      'pg_advisory_unlock of each, or pg_advisory_unlock_all',
    );
  }
  if (capture.channels.length > 0) pin('listen', `it listens on ${capture.channels.join(', ')}`, 'UNLISTEN of each, or UNLISTEN *');
  if (capture.temporarySlots > 0) {
    pin('temporary_slot', `it has ${capture.temporarySlots} temporary replication slots`, 'pg_drop_replication_slot of each');
  }
  if (capture.sessionUser !== baseline.sessionUser) {
    pin('session_user', `it acts as user ${capture.sessionUser}`, 'RESET SESSION AUTHORIZATION');
  }
  const idle = capture.settings.get('idle_session_timeout');
  if (idle?.source === 'session' && idle.value !== '0') {
    pin('idle_session_timeout', 'the server is to end it when it is idle', 'RESET idle_session_timeout');
  }
  for (const [name, setting] of capture.settings) {
    if (setting.source !== 'session' || setting.isSettable) continue;
    pin('foreign_setting', `${name} was set with the rights of another role`, `RESET ${name}`);
  }
  for (const statement of capture.statements) {
    const reason = obstacle(statement, capture);
    if (reason !== null) pin('statement_text', `prepared statement "${statement.name}" ${reason}`, `DEALLOCATE "${statement.name}"`);
  }
  for (const { name, parseSettings } of state.statements) {
    if (parseSettings !== null) continue;
    pin(
      'statement_settings',
      `prepared statement "${name}" was parsed while settings changed that its constants depend on`,
      `DEALLOCATE "${name}"`,
    );
  }
  return pins;
}

function obstacle({ name, text, fromSql }: SessionStateCapture['statements'][number], capture: SessionStateCapture): string | null {
  if (text === null) return 'is longer than 256 KiB';
  const standard = capture.settings.get('standard_conforming_strings')?.value !== 'off';
  return fromSql && prepareText(name, text, standard) === null ? 'came in a string from which it cannot be told' : null;
}
