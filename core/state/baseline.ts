/** What sessions start from: a look at a new connection, at everything that its login may have given it. */
import type { ServerConnection } from '../backend/server-connection.ts';
import { Server } from '../wire/codes.ts';
import { readDataRow } from '../wire/message-reader.ts';
import { bind, execute, parse, syncMessage } from '../wire/messages.ts';
import { look } from './look.ts';
import type { SessionStateCapture } from './state.ts';

/** Custom settings that roles and databases are given (ALTER ROLE … SET a.b): in no list of settings, so asked for by name. */
const GIVEN_NAMES = `SELECT DISTINCT pg_catalog.split_part(c,'=',1) FROM pg_catalog.pg_db_role_setting d, pg_catalog.unnest(d.setconfig) c
WHERE pg_catalog.strpos(pg_catalog.split_part(c,'=',1),'.') OPERATOR(pg_catalog.>) 0`;

/**
 * Looks at a connection on which nothing has happened since its login. `customNames`: candidates besides those that roles and databases
 * are given. Rejects as `look` does; the connection is to be closed then.
 */
export async function lookAtStartup(
  server: ServerConnection,
  customNames: Iterable<string>,
  deadlineMs: number,
): Promise<SessionStateCapture> {
  const frames = Buffer.concat([parse('', GIVEN_NAMES), bind('', ''), execute(''), syncMessage]);
  // Who may not read that catalog goes without: a setting that is taken for the session's own costs a replay, and is right.
  const answer = await server.exchange(frames, 1, { deadlineMs }).answer;
  const given = answer.filter(({ type }) => type === Server.DataRow).map(({ body }) => readDataRow(body)[0]?.toString('utf8') ?? '');
  return await look(server, [...customNames, ...given], deadlineMs, () => {}).state;
}

/** What the functions of a database may do to settings, where no statement of a client's mentions it. */
export interface FunctionSettings {
  /** Names of custom settings in their bodies. */
  readonly names: readonly string[];
  /** Some of them are for triggers: any write may call them. */
  readonly inTriggers: boolean;
}

// The client's startup may turn standard_conforming_strings off: E'' means the same either way.
const SETS = `p.pronamespace OPERATOR(pg_catalog.<>) 'pg_catalog'::pg_catalog.regnamespace
AND p.prosrc OPERATOR(pg_catalog.~*) E'(set_config|\\\\mset\\\\s+((session|local)\\\\s+)?"?[a-z_][\\\\w$]*"?\\\\s*\\\\.)'`;
const IN_FUNCTIONS = `SELECT DISTINCT pg_catalog.lower(m[1]), p.prorettype OPERATOR(pg_catalog.=) 'pg_catalog.trigger'::pg_catalog.regtype
FROM pg_catalog.pg_proc p LEFT JOIN LATERAL pg_catalog.regexp_matches(p.prosrc,E'([A-Za-z_][\\\\w$]*\\\\.[A-Za-z_][\\\\w$.]*)','g') m ON true
WHERE ${SETS} LIMIT 400`;

/** Read on a connection of the proxy's own. Rejects when the server refuses to tell. */
export async function settingsInFunctions(server: ServerConnection, deadlineMs: number): Promise<FunctionSettings> {
  const frames = Buffer.concat([parse('', IN_FUNCTIONS), bind('', ''), execute(''), syncMessage]);
  const answer = await server.exchange(frames, 1, { deadlineMs }).answer;
  if (answer.some(({ type }) => type === Server.ErrorResponse)) throw new Error('the server does not show its functions');
  const rows = answer
    .filter(({ type }) => type === Server.DataRow)
    .map(({ body }) => readDataRow(body).map((cell) => cell?.toString('utf8') ?? ''));
  return { names: rows.flatMap(([name = '']) => (name === '' ? [] : [name])), inTriggers: rows.some(([, inTrigger]) => inTrigger === 't') };
}
