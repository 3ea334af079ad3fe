/** Compares a restored session with the captured one; anything that differs stops the move. */
import { settingsToCarry } from './restore.ts';
import type { PreparedStatement, SessionStateCapture } from './state.ts';

/** The restored session is not the captured one. */
export class VerifyFailure extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'VerifyFailure';
  }
}

/** Throws `VerifyFailure` naming the first difference. */
export function verify(captured: SessionStateCapture, baseline: SessionStateCapture, restored: SessionStateCapture): void {
  same('session user', captured.sessionUser, restored.sessionUser);
  same('current user', captured.currentUser, restored.currentUser);
  same('role', captured.role, restored.role);
  for (const [name, value] of settingsToCarry(captured, baseline)) {
    const there = restored.guarded.get(name) ?? restored.settings.get(name)?.value ?? restored.custom.get(name) ?? '(missing)';
    same(`setting ${name}`, written(name, value), written(name, there));
  }
  const encoding = captured.settings.get('client_encoding')?.value;
  if (encoding !== undefined) same('client_encoding', encoding, restored.settings.get('client_encoding')?.value ?? encoding);
  for (const [name, value] of captured.custom) same(`custom setting ${name}`, value, restored.custom.get(name) ?? '(missing)');
  same('channels listened to', captured.channels.toSorted().join(', '), restored.channels.toSorted().join(', '));
  const there = new Map(restored.statements.map((statement) => [statement.name, statement]));
  for (const statement of captured.statements) sameStatement(statement, there.get(statement.name));
  same('number of prepared statements', String(captured.statements.length), String(restored.statements.length));
}

/** The server quotes this one as quote_all_identifiers was when it was set. */
function written(name: string, value: string): string {
  return name === 'default_text_search_config' ? value.replaceAll('"', '') : value;
}

function same(what: string, captured: string, restored: string): void {
  if (captured !== restored) throw new VerifyFailure(`${what} came out differently on the target: "${captured}" became "${restored}"`);
}

function sameStatement(captured: PreparedStatement, restored: PreparedStatement | undefined): void {
  const label = `prepared statement "${captured.name}"`;
  if (restored === undefined) throw new VerifyFailure(`${label} is missing on the target`);
  same(`${label}: its kind`, String(captured.fromSql), String(restored.fromSql));
  // A PREPARE cut out of a longer string is listed with the shorter text; its types still prove it.
  if (!captured.fromSql) same(`${label}: its text`, captured.text ?? '', restored.text ?? '');
  same(`${label}: its parameter types`, captured.parameterTypes.join(','), restored.parameterTypes.join(','));
  if (captured.resultTypes !== null && restored.resultTypes !== null) {
    same(`${label}: its result types`, captured.resultTypes.join(','), restored.resultTypes.join(','));
  }
}
