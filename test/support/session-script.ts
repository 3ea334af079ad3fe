/**
 * A session that has set and prepared something of every kind, and the questions that show it: run once through the proxy, moved in
 * between, and once directly on the target, the answers must be the same bytes.
 */
import {
  bind,
  columns,
  describeStatement,
  execute,
  message,
  parse,
  sync,
  cstring,
  type WireClient,
  type WireMessage,
} from './wire-client.ts';

/** Brings a database into the state that the script needs; to be run on every server alike. */
export const SCRIPT_SCHEMA = `CREATE SCHEMA IF NOT EXISTS "My Schema"; CREATE TABLE IF NOT EXISTS "My Schema".thing (n int, t varchar(20), d numeric(9, 3));
  DO $$ BEGIN CREATE ROLE worker; EXCEPTION WHEN duplicate_object THEN END $$;
  DO $$ BEGIN CREATE ROLE wanderer LOGIN IN ROLE worker; EXCEPTION WHEN duplicate_object THEN END $$;
  GRANT USAGE ON SCHEMA "My Schema" TO public; GRANT SELECT ON "My Schema".thing TO public`;

/** Startup parameters of the script's session, endpoint and database left out. */
export const SCRIPT_STARTUP = {
  user: 'wanderer',
  application_name: `it's "mine"`,
  options: '-c work_mem=5MB -c app.start=begin',
} as const;

const simple = (sql: string): Buffer => message('Q', cstring(sql));

const BEFORE: readonly Buffer[] = [
  simple(
    `SET search_path = "$user", "My Schema", public; SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'; SET IntervalStyle = 'iso_8601'`,
  ),
  simple(
    `SET statement_timeout = '41s'; SET lock_timeout = 7000; SET extra_float_digits = 0; SET bytea_output = 'escape'; SET work_mem = '6MB'`,
  ),
  simple(`SET default_transaction_isolation = 'serializable'; SET client_min_messages = 'error'; SET client_encoding = 'LATIN1'`),
  simple(`SET app.user_id = 'o''clock "x" \\ {a,b}'; SET app.start = 'changed'; SELECT set_config('app.bound', 'b', false)`),
  Buffer.concat([parse('by protocol', 'SELECT $1::int + 1 AS v, $2::text AS "Wörter"'), describeStatement('by protocol'), sync]),
  Buffer.concat([parse('of table', 'SELECT n, t, d FROM thing WHERE n = $1 AND t = $2'), sync]),
  simple(`PREPARE "By SQL"(numeric, text) AS SELECT $1 * 2 AS v, $2 AS w`),
  simple('LISTEN news; LISTEN "Other News"'),
  simple('SET ROLE worker'),
  Buffer.concat([parse('', 'SELECT $1::date AS d, $2::interval AS i'), describeStatement(''), sync]),
];

const SHOWN = [
  'search_path',
  'TimeZone',
  'DateStyle',
  'IntervalStyle',
  'statement_timeout',
  'work_mem',
  'client_encoding',
  'application_name',
];
const show = (): Buffer =>
  simple(
    `SELECT ${SHOWN.map((name) => `current_setting('${name}')`).join(', ')}, current_setting('app.user_id', true), current_setting('app.start', true), current_setting('app.bound', true), session_user, current_user`,
  );
const SET_IN_SESSION = `SELECT name, setting, source FROM pg_settings WHERE source IN ('session', 'client') AND name NOT LIKE 'transaction_%' ORDER BY name`;
const PREPARED = `SELECT name, statement, from_sql, parameter_types::text FROM pg_prepared_statements ORDER BY name`;

const AFTER: readonly Buffer[] = [
  Buffer.concat([bind('', '', ['01.02.2020', '1 day 2 hours']), execute(''), sync]),
  Buffer.concat([bind('', 'by protocol', ['41', 'x']), execute(''), sync]),
  Buffer.concat([describeStatement('by protocol'), bind('', 'of table', ['1', 'y']), execute(''), sync]),
  simple(`EXECUTE "By SQL"(21, 'x')`),
  simple(PREPARED),
  simple(SET_IN_SESSION),
  show(),
  simple(`SELECT 1.1::float8, '\\x41'::bytea, '2020-03-04'::date, '1 hour'::interval`),
  simple('SELECT c FROM pg_listening_channels() c ORDER BY c'),
  simple('SELECT * FROM missing'),
  Buffer.concat([bind('', 'no such statement'), execute(''), sync]),
  simple('RESET ROLE; RESET ALL'),
  show(),
  simple(SET_IN_SESSION),
  simple('DISCARD ALL'),
  show(),
  simple(PREPARED),
];

/** What a client was answered, and what it was told of its server. */
export interface ScriptAnswers {
  readonly answers: readonly string[][];
  readonly parameters: ReadonlyMap<string, string>;
  /** Names told anew by the first answer after `between`. */
  readonly told: readonly string[];
}

/** Runs the script on a connection that has just been greeted; `between` moves the session, or does nothing. */
export async function runScript(
  client: WireClient,
  greeting: readonly WireMessage[],
  between: () => Promise<void>,
): Promise<ScriptAnswers> {
  const parameters = new Map<string, string>();
  const ask = async (frames: Buffer): Promise<{ answer: string[]; told: string[] }> => {
    client.write(frames);
    const messages = await client.until('Z');
    const told = note(parameters, messages);
    const answer = messages.filter(({ type }) => type !== 'S').map(({ type, body }) => `${type} ${readable({ type, body })}`);
    return { answer, told };
  };
  note(parameters, greeting);
  for (const frames of BEFORE) {
    const { answer } = await ask(frames);
    const error = answer.find((line) => line.startsWith('E'));
    if (error !== undefined) throw new Error(`the script does not run: ${error}`);
  }
  await between();
  const results = [];
  for (const frames of AFTER) results.push(await ask(frames));
  return { answers: results.map(({ answer }) => answer), parameters, told: results[0]?.told ?? [] };
}

/** Rows as text, for a readable difference; of errors what is the same in every version; of all else the bytes. */
function readable(answer: WireMessage): string {
  if (answer.type === 'D') return JSON.stringify(columns(answer));
  if (answer.type !== 'E') return answer.type === 'T' ? withoutTables(answer.body) : answer.body.toString('hex');
  return /\0C([^\0]*)/.exec(answer.body.toString('latin1'))?.[1] ?? '';
}

/** Table OIDs differ between servers. */
function withoutTables(body: Buffer): string {
  const copy = Buffer.from(body);
  for (let at = 2; at < copy.length;) {
    const nameEnd = copy.indexOf(0, at);
    copy.writeUInt32BE(copy.readUInt32BE(nameEnd + 1) >= 16_384 ? 1 : copy.readUInt32BE(nameEnd + 1), nameEnd + 1);
    at = nameEnd + 19;
  }
  return copy.toString('latin1');
}

function note(parameters: Map<string, string>, messages: readonly WireMessage[]): string[] {
  const told: string[] = [];
  for (const { type, body } of messages) {
    if (type !== 'S') continue;
    const [name = '', value = ''] = body.toString('utf8').split('\0');
    parameters.set(name, value);
    told.push(name);
  }
  return told;
}
