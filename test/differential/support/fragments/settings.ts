/** Settings of every kind, in every way they can be made and unmade, and looks at what became of them. */
import type { Fragment, Maker } from '../maker.ts';

/** Names that sessions give themselves, or are given at their startup. */
export const APPLICATIONS = ['', 'differential', 'app one', 'it\'s "two"'] as const;

const VALUES: Readonly<Record<string, readonly string[]>> = {
  DateStyle: ['ISO, MDY', 'ISO, DMY', 'German', 'SQL, DMY', 'Postgres, MDY', 'nonsense'],
  TimeZone: ['UTC', 'America/New_York', 'Asia/Tokyo', '+3', 'Mars/Olympus'],
  IntervalStyle: ['postgres', 'iso_8601', 'sql_standard'],
  standard_conforming_strings: ['on', 'off'],
  search_path: ['x1, public', 'x2, public', 'public', '"$user", public', '"odd ""name", x1'],
  client_encoding: ['UTF8', 'LATIN1', 'KOI-none'],
  work_mem: ['5MB', '6MB', '1'],
  statement_timeout: ['0', '41s', '59000'],
  lock_timeout: ['7s', '0'],
  extra_float_digits: ['0', '3', '99'],
  bytea_output: ['escape', 'hex'],
  application_name: ['app one', 'it\'s "two"', ''],
  client_min_messages: ['notice', 'warning', 'error'],
  default_transaction_isolation: ['serializable', 'repeatable read', 'read committed'],
  default_transaction_read_only: ['on', 'off'],
  default_transaction_deferrable: ['on', 'off'],
  escape_string_warning: ['off', 'on'],
  enable_seqscan: ['off', 'on'],
  row_security: ['off', 'on'],
  xmloption: ['document', 'content'],
  plan_cache_mode: ['force_generic_plan', 'force_custom_plan'],
  session_replication_role: ['replica', 'origin'],
  check_function_bodies: ['off'],
  server_version: ['1'],
  no_such_setting: ['x'],
};

const NAMES = Object.keys(VALUES);

/** Custom settings that sessions use; a session that never did must not see them. */
export const CUSTOM = ['app.a', 'app.b', 'app.tenant', 'my.long_name'] as const;
const CUSTOM_VALUES = ['1', 'two words', "o''clock", '', '{a,b} \\ "x"', 'ä'];

function any(m: Maker): { name: string; value: string } {
  if (m.oneIn(3)) return { name: m.pick(CUSTOM), value: m.pick(CUSTOM_VALUES) };
  // Some matter more than others: what changes the meaning of literals and names.
  const name = m.oneIn(2) ? m.pick(NAMES.slice(0, 6)) : m.pick(NAMES);
  return { name, value: m.pick(VALUES[name] ?? ['x']).replaceAll("'", "''") };
}

function assignment(m: Maker, scope: '' | 'LOCAL ' | 'SESSION '): string {
  const { name, value } = any(m);
  if (m.oneIn(14)) return `SET ${scope}TIME ZONE ${m.pick(["'UTC'", "'Asia/Tokyo'", '-7', 'LOCAL', 'DEFAULT'])}`;
  if (m.oneIn(20)) return `SET ${scope}NAMES '${m.pick(['UTF8', 'LATIN1'])}'`;
  if (m.oneIn(20)) return `SET ${scope}SCHEMA '${m.pick(['x1', 'x2', 'public'])}'`;
  if (m.oneIn(10)) return `SET ${scope}${name} TO DEFAULT`;
  if (name === 'search_path' && !value.includes('odd')) return `SET ${scope}search_path ${m.pick(['=', 'TO'])} ${value}`;
  return `SET ${scope}${m.oneIn(6) ? name.toUpperCase() : name} ${m.pick(['=', 'TO'])} '${value}'`;
}

/** One look at the session's state. */
export function look(m: Maker): string {
  switch (m.random.below(9)) {
    case 0:
    case 1:
      return `SHOW ${m.pick(NAMES)}`;
    case 2:
    case 3:
      return `SELECT current_setting('${m.pick(m.oneIn(2) ? CUSTOM : NAMES)}', true) AS v`;
    case 4:
      return `SELECT ${CUSTOM.map((name, index) => `current_setting('${name}', true) AS c${index}`).join(', ')}`;
    case 5:
      return `SELECT current_user, session_user, current_setting('role') AS role, current_schemas(false)::text AS path`;
    case 6:
      return `SELECT name, setting, reset_val FROM pg_settings WHERE setting IS DISTINCT FROM reset_val AND name NOT LIKE 'transaction_%' ORDER BY name`;
    case 7:
      return `SELECT label, '01/02/2024'::date AS d, '2024-03-04 05:06:07+00'::timestamptz AS at, '1 day 02:00'::interval AS i FROM who`;
    default:
      return `SHOW ${m.pick(CUSTOM)}`;
  }
}

/** Looks at something, most of the time. */
export function lookAround(m: Maker): void {
  for (let times = m.random.below(3); times > 0; times--) m.sql(look(m));
}

/** See the head of this file. */
export const settingsFragments: readonly Fragment[] = [
  { kind: 'look', weight: 10, make: (m) => m.sql(look(m)) },
  {
    kind: 'SET',
    weight: 14,
    make(m) {
      m.sql(assignment(m, m.oneIn(5) ? 'SESSION ' : ''));
      lookAround(m);
    },
  },
  {
    kind: 'SET LOCAL',
    weight: 6,
    make(m) {
      m.sql(assignment(m, 'LOCAL '));
      lookAround(m);
    },
  },
  {
    kind: 'set_config',
    weight: 8,
    make(m) {
      const { name, value } = any(m);
      const local = m.oneIn(3) ? 'true' : 'false';
      if (m.oneIn(2)) m.sql(`SELECT set_config('${name}', '${value}', ${local}) AS v`);
      else m.send([...m.cycle(`SELECT pg_catalog.set_config($1, $2, ${local}) AS v`, [name, value]), { t: 'S' }]);
      lookAround(m);
    },
  },
  {
    kind: 'RESET x',
    weight: 6,
    make(m) {
      m.sql(`RESET ${any(m).name}`);
      lookAround(m);
    },
  },
  {
    kind: 'RESET ALL',
    weight: 4,
    make(m) {
      m.sql('RESET ALL');
      lookAround(m);
    },
  },
  {
    kind: 'DISCARD',
    weight: 5,
    make(m) {
      m.sql(`DISCARD ${m.pick(['ALL', 'ALL', 'PLANS', 'TEMP', 'SEQUENCES'])}`);
      lookAround(m);
    },
  },
  {
    kind: 'SET ROLE',
    weight: 5,
    make(m) {
      m.sql(m.pick(['SET ROLE alice', 'SET ROLE bob', 'SET LOCAL ROLE alice', 'SET ROLE NONE', 'RESET ROLE', 'SET ROLE nobody_known']));
      m.sql('SELECT current_user, session_user');
      if (m.oneIn(2)) m.sql('RESET ROLE');
    },
  },
  {
    kind: 'SET SESSION AUTHORIZATION',
    weight: 1,
    make(m) {
      m.sql('SET SESSION AUTHORIZATION alice');
      m.sql('SELECT current_user, session_user');
      if (m.oneIn(2)) m.sql('RESET SESSION AUTHORIZATION');
    },
  },
  {
    kind: 'SET TRANSACTION',
    weight: 3,
    make(m) {
      m.sql(
        m.pick([
          'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE',
          'SET TRANSACTION READ ONLY',
          'SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY',
          'SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE, ISOLATION LEVEL REPEATABLE READ',
        ]),
      );
      m.sql('SHOW transaction_isolation');
      m.sql('SHOW transaction_read_only');
    },
  },
  {
    kind: 'by a function',
    weight: 5,
    make(m) {
      const value = m.pick(['acme', 'umbrella']);
      m.sql(
        m.pick([
          `SELECT sets_tenant('${value}')`,
          `SELECT sets_locally('${value}')`,
          `DO $$ BEGIN PERFORM set_config('app.a', 'done ${value}', false); END $$`,
          `DO $$ BEGIN SET DateStyle = 'SQL, DMY'; END $$`,
          `DO $$ BEGIN EXECUTE 'SET LOCAL app.b = 5'; RAISE NOTICE 'within: %', current_setting('app.b'); END $$`,
          'SELECT harmless(3), in_german()',
          `DO $$ BEGIN PERFORM set_config('app.b', 'lost', false); RAISE EXCEPTION 'no'; END $$`,
        ]),
      );
      lookAround(m);
    },
  },
  {
    kind: 'by a trigger',
    weight: 2,
    writes: true,
    make(m) {
      m.sql(`INSERT INTO ${m.schema}.t(v) VALUES ('tenant ${m.pick(['x', 'y'])}') RETURNING id, v`);
      m.sql(`SELECT current_setting('app.tenant', true)`);
    },
  },
  {
    kind: 'literals that depend on settings',
    weight: 6,
    make(m) {
      const sql = m.pick([
        `SELECT '01/02/2024'::date AS d`,
        `SELECT '2024-06-01 12:00'::timestamptz AS at`,
        `SELECT 'a\\tb' AS t`,
        `SELECT '1 2:03'::interval AS i`,
        'SELECT label FROM who',
        `SELECT 'ä' AS umlaut, length('ä') AS n`,
        `SELECT date '01/02/2024' + $1::int AS d`,
      ]);
      const values = sql.includes('$1') ? ['1'] : [];
      // Beyond ASCII only without a name: under one it may be lost when the encoding changes before it is prepared by SQL (docs: limits).
      const name = sql.includes('ä') ? '' : m.pick(['', 'lit1', 'lit2']);
      if (m.oneIn(2)) m.sql(assignment(m, ''));
      m.send([{ t: 'P', name, sql }, { t: 'D', of: 'S', name }, { t: 'S' }]);
      if (m.oneIn(2)) m.send([...m.run(name, values), { t: 'S' }]);
      m.send([...m.cycle(assignment(m, '')), { t: 'S' }]);
      m.send([...m.run(name, values), { t: 'S' }]);
    },
  },
];
