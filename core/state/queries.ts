/**
 * The SQL that captures, restores and inspects a PostgreSQL session (postgres-session-state.md sections 3, 5 and 10, where each
 * was measured on 14 to 18). Everything is qualified with `pg_catalog`, operators included: it runs under whatever search_path
 * the client has set.
 */

/** Settings whose meaning a session relies on even when it never set them: carried when the target's default differs. */
export const SEMANTIC_SETTINGS: readonly string[] = [
  'search_path',
  'DateStyle',
  'IntervalStyle',
  'TimeZone',
  'bytea_output',
  'extra_float_digits',
  'standard_conforming_strings',
  'default_transaction_isolation',
  'default_transaction_read_only',
  'default_transaction_deferrable',
  'default_text_search_config',
  'xmloption',
  'xmlbinary',
  'array_nulls',
  'transform_null_equals',
  'row_security',
];

/** The settings that the guard overrides while a capture runs, in the order of its columns; the last is 17 and later. */
export const GUARDED_SETTINGS: readonly string[] = [
  'statement_timeout',
  'lock_timeout',
  'jit',
  'client_min_messages',
  'transaction_timeout',
];

/**
 * Reads and overrides, in one target list, the settings that could make a capture slow, fail or noisy. The overrides are local
 * to the capture's own implicit transaction. Columns: old value and new value in turn, per `GUARDED_SETTINGS`.
 */
export function guardSql(serverVersion: number): string {
  const overrides: readonly (readonly [string, string])[] = [
    ['statement_timeout', '3s'],
    ['lock_timeout', '500ms'],
    ['jit', 'off'],
    ['client_min_messages', 'warning'],
    ...(serverVersion >= 170000 ? ([['transaction_timeout', '0']] as const) : []),
  ];
  const columns = overrides.map(
    ([name, value]) => `pg_catalog.current_setting('${name}'), pg_catalog.set_config('${name}','${value}',true)`,
  );
  return `SELECT ${columns.join(', ')}`;
}

/**
 * One bytea column: the session's state as JSON. `$1` text[]: candidate names of custom settings; `$2` int8[]: type OIDs in use.
 * `dblinkSchema`: where dblink is installed, to tell its connections as well.
 */
export function stateSql(serverVersion: number, dblinkSchema: string | null = null): string {
  const hasResultTypes = serverVersion >= 160000;
  return STATE.replaceAll(
    '{{RESULT_TYPES}}',
    hasResultTypes ? 'p.result_types::pg_catalog.oid[]::pg_catalog.int8[]' : 'NULL::pg_catalog.int8[]',
  )
    .replaceAll('{{ALL_TYPES}}', hasResultTypes ? 'p.parameter_types OPERATOR(pg_catalog.||) p.result_types' : 'p.parameter_types')
    .replaceAll('{{SEMANTIC}}', `{${SEMANTIC_SETTINGS.join(',')}}`)
    .replaceAll('{{DBLINK}}', () =>
      dblinkSchema === null ? '' : `,'dblink',(SELECT ${quoteIdentifier(dblinkSchema)}.dblink_get_connections())`,
    );
}

const STATE = `SELECT pg_catalog.convert_to(pg_catalog.json_build_object('pid',pg_catalog.pg_backend_pid(),
'vnum',pg_catalog.current_setting('server_version_num'),'db',pg_catalog.current_database(),'enc',pg_catalog.getdatabaseencoding(),
'su',session_user,'cu',current_user,'role',pg_catalog.current_setting('role'),'rec',pg_catalog.pg_is_in_recovery(),
'cl',(SELECT pg_catalog.json_build_array(pg_catalog.timezone('UTC',pg_catalog.pg_postmaster_start_time()),d.oid::pg_catalog.int8)
  FROM pg_catalog.pg_database d WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()),
'gucs',(SELECT pg_catalog.json_agg(pg_catalog.json_build_array(s.name,s.setting,s.source,s.reset_val,s.context))
  FROM pg_catalog.pg_settings s WHERE s.source OPERATOR(pg_catalog.=) ANY ('{session,client,user,database,database user}'::pg_catalog.text[])
  OR s.name OPERATOR(pg_catalog.=) ANY ('{{SEMANTIC}}'::pg_catalog.text[])),
'custom',(SELECT pg_catalog.json_object_agg(n,pg_catalog.current_setting(n,true)) FROM pg_catalog.unnest($1::pg_catalog.text[]) n
  WHERE pg_catalog.current_setting(n,true) IS NOT NULL),
'ps',(SELECT pg_catalog.json_agg(pg_catalog.json_build_array(p.name,
    CASE WHEN pg_catalog.octet_length(p.statement) OPERATOR(pg_catalog.<=) 262144 THEN p.statement END,p.from_sql,
    p.parameter_types::pg_catalog.oid[]::pg_catalog.int8[], {{RESULT_TYPES}}) ORDER BY p.prepare_time,p.name)
  FROM pg_catalog.pg_prepared_statements p WHERE NOT pg_catalog.starts_with(p.name,'_swy_')),
'types',(SELECT pg_catalog.json_agg(pg_catalog.json_build_array(t.oid::pg_catalog.int8,n.nspname,t.typname,t.typtype))
  FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace
  WHERE t.oid OPERATOR(pg_catalog.>=) 10000::pg_catalog.oid AND (t.oid OPERATOR(pg_catalog.=) ANY (ARRAY(
    SELECT pg_catalog.unnest({{ALL_TYPES}})::pg_catalog.oid FROM pg_catalog.pg_prepared_statements p))
    OR t.oid::pg_catalog.int8 OPERATOR(pg_catalog.=) ANY ($2::pg_catalog.int8[]))),
'listen',(SELECT pg_catalog.json_agg(c) FROM pg_catalog.pg_listening_channels() c),
'cur',(SELECT pg_catalog.json_agg(pg_catalog.json_build_array(c.name,c.is_binary,c.is_scrollable,c.creation_time))
  FROM pg_catalog.pg_cursors c WHERE c.is_holdable),
'adv',(SELECT pg_catalog.json_agg(pg_catalog.json_build_array(l.classid::pg_catalog.int8,l.objid::pg_catalog.int8,l.objsubid,l.mode))
  FROM pg_catalog.pg_locks l WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory' AND l.granted
  AND l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()),
'temp',(SELECT pg_catalog.json_agg(pg_catalog.json_build_array(x.type,x.identity)) FROM (SELECT i.type,i.identity
  FROM pg_catalog.pg_depend d, LATERAL pg_catalog.pg_identify_object(d.classid,d.objid,d.objsubid) i
  WHERE pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
  AND d.refclassid OPERATOR(pg_catalog.=) 2615::pg_catalog.oid
  AND d.refobjid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema() LIMIT 20) x),
'tslots',(SELECT pg_catalog.count(*) FROM pg_catalog.pg_replication_slots r WHERE r.temporary
  AND r.active_pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()){{DBLINK}}
)::pg_catalog.text, CASE pg_catalog.getdatabaseencoding()::pg_catalog.text WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END)`;

/** Sets many settings in one statement, or resets those whose value is NULL; `$1` names, `$2` values (text[]). Atomic: one bad value reverts all. */
export const SET_SETTINGS = `SELECT pg_catalog.count(pg_catalog.set_config(n,v,false))
FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) AS u(n,v)`;
/** A text array literal; null: NULL. */
export function textArray(values: Iterable<string | null>): string {
  return `{${[...values].map((value) => (value === null ? 'NULL' : `"${value.replace(/[\\"]/g, '\\$&')}"`)).join(',')}}`;
}

/** A quoted identifier. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A setting's name in its one form: ASCII letters are the same in any case. */
export function settingKey(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
