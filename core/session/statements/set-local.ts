/** The settings of a Parse that took place earlier, applied for as long as a transaction or a savepoint lasts. */
import { PARSE_SETTINGS } from '../../state/parse-settings.ts';
import { textArray } from '../../state/queries.ts';
import type { ParseContext } from './statement.ts';

/** Names and values; no value: the startup's. It has no rows, so that nothing is sent for it but its completion. */
export const SET_LOCAL = `SELECT 1 FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) AS s (n, v)
WHERE pg_catalog.set_config(n, COALESCE(v, (SELECT reset_val FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) n)), true) IS NULL`;

/** The role comes last: what the others need is the session's own. */
const names = PARSE_SETTINGS.filter((name) => name !== 'role').concat('role');

/** Parameters of `SET_LOCAL`. */
export function setLocalParameters({ settings }: ParseContext): string[] {
  return [textArray(names), textArray(names.map((name) => settings.get(name) ?? (name === 'role' ? 'none' : null)))];
}
