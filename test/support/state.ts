/** Server connections of our own whose state is set, looked at and compared. */
import { onTestFinished } from 'vitest';
import { dial } from '../../core/backend/dial.ts';
import { loginFor } from '../../core/backend/login.ts';
import type { ServerConnection } from '../../core/backend/server-connection.ts';
import { parseBackendUrl } from '../../core/endpoints/map.ts';
import { look } from '../../core/state/look.ts';
import type { SessionStateCapture } from '../../core/state/state.ts';
import { readErrorFields } from '../../core/wire/errors.ts';
import { readDataRow, type Message } from '../../core/wire/message-reader.ts';
import { bind, execute, parse, query, syncMessage } from '../../core/wire/messages.ts';

const deadlineMs = 30_000;

/** Logs in; the connection is closed when the test is over. */
export async function connectServer(
  url: string,
  options: { user?: string; database?: string; startup?: Record<string, string> } = {},
): Promise<ServerConnection> {
  const { user = 'postgres', database = 'postgres', startup = {} } = options;
  const server = await dial(loginFor({ id: 'state', ...parseBackendUrl(url), user }, user, database, new Map(Object.entries(startup))), {
    deadlineMs,
  });
  onTestFinished(() => server.destroy());
  return server;
}

/** Sends frames that end with one Sync (or a simple query) and returns the answer; an error in it is thrown unless it is `allowed`. */
export async function send(server: ServerConnection, frames: Buffer, allowed = false): Promise<Message[]> {
  const answer = await server.exchange(frames, 1, { deadlineMs }).answer;
  const error = answer.find(({ type }) => type === 0x45);
  if (error !== undefined && !allowed) throw new Error(`${readErrorFields(error.body).message} (${readErrorFields(error.body).sqlState})`);
  return answer;
}

/** Runs SQL as a simple query; the rows of all its statements, columns as text in the client's encoding. */
export async function runSql(server: ServerConnection, sql: string, allowed = false): Promise<(string | null)[][]> {
  return rowsOf(await send(server, query(sql), allowed));
}

/** The SQLSTATE that SQL ends with; null: none. */
export async function sqlStateOf(server: ServerConnection, sql: string): Promise<string | null> {
  const error = (await send(server, query(sql), true)).find(({ type }) => type === 0x45);
  return error === undefined ? null : readErrorFields(error.body).sqlState;
}

/** Prepares a statement by the protocol. */
export async function prepare(server: ServerConnection, name: string, sql: string, types: readonly number[] = []): Promise<void> {
  await send(server, Buffer.concat([parse(name, sql, types), syncMessage]));
}

/** Runs a prepared statement without parameters. */
export async function runPrepared(server: ServerConnection, name: string): Promise<(string | null)[][]> {
  return rowsOf(await send(server, Buffer.concat([bind('', name), execute(''), syncMessage])));
}

function rowsOf(messages: readonly Message[]): (string | null)[][] {
  return messages.filter(({ type }) => type === 0x44).map(({ body }) => readDataRow(body).map((column) => column && column.toString()));
}

/** Looks and waits until the connection may be used again. */
export async function lookNow(server: ServerConnection, names: Iterable<string> = [], leavesNothing = false): Promise<SessionStateCapture> {
  const run = look(server, names, deadlineMs, () => {}, leavesNothing);
  try {
    return await run.state;
  } finally {
    await run.quiet;
  }
}

/** Everything of a session that a client could tell: settings with their sources and reset values, custom ones, role, statements, ties. */
export async function probe(server: ServerConnection, customNames: readonly string[]): Promise<unknown> {
  const results = server.parameters.get('server_version')?.startsWith('15') === true ? 'null' : 'result_types::text';
  const [row] = await runSql(
    server,
    `select encode(convert_to(json_build_object(
      'users', json_build_array(session_user, current_user, current_setting('role')),
      'settings', (select json_agg(json_build_array(name, setting, source, reset_val) order by name) from pg_catalog.pg_settings
        where name not in ('in_hot_standby')),
      'custom', (select json_agg(json_build_array(n, current_setting(n, true)) order by n)
        from unnest('{${customNames.map((name) => `"${name}"`).join(',')}}'::text[]) n),
      'statements', (select json_agg(json_build_array(name, statement, from_sql, parameter_types::oid[]::text, ${results}) order by name)
        from pg_catalog.pg_prepared_statements where not starts_with(name, '_swy_')),
      'cursors', (select json_agg(name) from pg_catalog.pg_cursors where is_holdable),
      'listen', (select json_agg(c) from pg_catalog.pg_listening_channels() c),
      'locks', (select json_agg(objid) from pg_catalog.pg_locks where locktype = 'advisory' and pid = pg_backend_pid()),
      'temp', (select json_agg(relname) from pg_catalog.pg_class where relnamespace = pg_my_temp_schema())
    )::text, 'UTF8'), 'hex')`.replaceAll(/\s+/g, ' '),
  );
  return JSON.parse(Buffer.from(row?.[0] ?? '', 'hex').toString('utf8'));
}
