/**
 * Asks a server connection, as a client that never set anything, what it knows of those before: whatever it is, it must be what a new
 * connection of the server itself answers.
 */
import { except } from './except.ts';
import { CUSTOM } from './fragments/settings.ts';
import type { Step } from './script.ts';

const QUESTIONS: readonly string[] = [
  `SELECT name, setting, reset_val FROM pg_settings WHERE setting IS DISTINCT FROM reset_val AND name NOT LIKE 'transaction_%' ORDER BY name`,
  `SELECT name, setting FROM pg_settings WHERE context IN ('user', 'superuser') AND name NOT LIKE '%.%' ORDER BY name`,
  `SELECT ${CUSTOM.map((name, index) => `current_setting('${name}', true) AS c${index}`).join(', ')}, current_user, session_user, current_setting('role') AS role`,
  'SELECT name, statement, from_sql FROM pg_prepared_statements',
  'SELECT name, statement FROM pg_cursors WHERE is_holdable',
  'SELECT pg_listening_channels()',
  `SELECT classid, objid, mode FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()`,
  "SELECT relname FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind IN ('r', 'v', 'S')",
  'SELECT proname FROM pg_proc WHERE pronamespace = pg_my_temp_schema()',
  'EXECUTE p1',
  'FETCH 1 FROM cur',
  'SELECT lastval()',
].filter((sql) => ![...except].some((word) => sql.includes(word)));

/** The questions as steps of a session: one by one, simple and extended by turns. */
export const PROBE: readonly Step[] = QUESTIONS.map((sql, index) =>
  index % 2 === 0
    ? { do: 'send', frames: [{ t: 'Q', sql }] }
    : {
        do: 'send',
        frames: [{ t: 'P', name: '', sql }, { t: 'B', portal: '', name: '', values: [] }, { t: 'E', portal: '', rows: 0 }, { t: 'S' }],
      },
);

/** All of it while no other session can get at the connection. */
export const PROBE_AT_ONCE: readonly Step[] = [
  { do: 'send', frames: [{ t: 'Q', sql: 'BEGIN' }] },
  ...PROBE.slice(0, -3),
  { do: 'send', frames: [{ t: 'Q', sql: 'COMMIT' }] },
];
