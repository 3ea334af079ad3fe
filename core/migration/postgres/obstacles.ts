/** What a target did not take over: some of it forbids the move for as long as it lasts, the rest may be otherwise the next time. */
import type { RestoreFailure } from '../../state/restore.ts';
import { block, Refusal } from '../dialect.ts';
import { unknownRole, unknownSetting } from '../preflight/session-findings.ts';

const UNKNOWN_NAME = '42704';
/** Classes of errors that say something about the statement: syntax and access rules, names, types, features. */
const ABOUT_STATEMENTS = /^(?:42|3[DF]|0A|22)/;

/** The refusal that a failed restore means; the failure itself, if another attempt may succeed. */
export function refusalOf(failure: RestoreFailure): Refusal | RestoreFailure {
  const { obstacle, message } = failure;
  if (obstacle === null) return failure;
  const { kind, name, sqlState } = obstacle;
  if (kind === 'setting' && sqlState === UNKNOWN_NAME && name !== '') return new Refusal([unknownSetting(name)]);
  if (kind === 'role' && /^(?:42|22)/.test(sqlState)) return new Refusal([unknownRole(name)]);
  if (kind === 'statement' && ABOUT_STATEMENTS.test(sqlState))
    return new Refusal([block('statement', message, 'Deallocate it first, or make the target like the server that it is on.')]);
  return failure;
}
