/**
 * Statements that a session has parsed under settings it does not have any more: constants were folded then, so on another server
 * connection they have to be parsed under the same (pooling.md 3.4).
 */
import type { ServerConnection } from '../../backend/server-connection.ts';
import { splitAtReady } from '../../state/capture.ts';
import { PARSE_SETTINGS } from '../../state/parse-settings.ts';
import { textArray } from '../../state/queries.ts';
import { Server } from '../../wire/codes.ts';
import { bind, close, execute, parse, syncMessage } from '../../wire/messages.ts';
import type { SharedStatements } from './shared.ts';
import type { Statement } from './statement.ts';

/** Settings for the transaction; no value: the startup's. It has no rows, so that nothing is sent for it but its completion. */
const SET_LOCAL = `SELECT 1 FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) AS s (n, v)
WHERE pg_catalog.set_config(n, COALESCE(v, (SELECT reset_val FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) n)), true) IS NULL`;

/**
 * Parses statements on a server connection that nobody is attached to, each under its own settings, in a transaction that takes them
 * back. One that cannot be parsed is left out: its client will hear why. Rejects as `exchange` does.
 */
export async function parseStrangers(
  server: ServerConnection,
  shared: SharedStatements,
  strangers: readonly Statement[],
  deadlineMs: number,
): Promise<void> {
  const here = shared.on(server);
  here.forgetUnnamed();
  const frames: Buffer[] = [];
  const asked: { statement: Statement; generation: number }[] = [];
  for (const statement of strangers) {
    if (statement.frame === null || statement.under === null) continue;
    const { settings } = statement.under;
    // The role comes last: what the others need is the session's own.
    const names = PARSE_SETTINGS.filter((name) => name !== 'role').concat('role');
    const values = names.map((name) => settings.get(name) ?? (name === 'role' ? 'none' : null));
    frames.push(
      close('S', statement.serverName.toString('latin1', 0, statement.serverName.length - 1)),
      parse('', SET_LOCAL),
      bind('', '', [textArray(names), textArray(values)]),
      execute(''),
      statement.frame,
      syncMessage,
    );
    shared.ownParses++;
    asked.push({ statement, generation: statement.generation });
    here.doubt(statement);
  }
  if (asked.length === 0) return;
  const answers = splitAtReady(await server.exchange(Buffer.concat(frames), asked.length, { deadlineMs }).answer);
  for (const [index, { statement, generation }] of asked.entries()) {
    const isParsed = (answers[index] ?? []).every(({ type }) => type !== Server.ErrorResponse);
    if (isParsed) here.add(statement, generation);
  }
}
