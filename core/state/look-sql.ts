/**
 * The SQL of a look at a session in transaction mode: as a capture (queries.ts), but only what was set in the session or ties it to its
 * server connection, and made to be prepared once per connection. Everything is qualified, as there.
 */

import { GUARDED_SETTINGS } from './queries.ts';

/** What a look overrides: as SHOW prints them, one row of old value and override in turn; the second is 17 and later. */
export const LOOK_GUARDED: readonly string[] = ['jit', 'transaction_timeout'];

/**
 * Only what could make a look slow or end the session. The timeouts of statements and locks stay, so that the look sees where they come
 * from: one that is too short for it makes it fail, and it is made again behind the whole guard.
 */
export function lookGuardSql(serverVersion: number): string {
  const jit = `pg_catalog.current_setting('jit'), pg_catalog.set_config('jit','off',true)`;
  if (serverVersion < 170000) return `SELECT ${jit}`;
  return `SELECT ${jit}, pg_catalog.current_setting('transaction_timeout'), pg_catalog.set_config('transaction_timeout','0',true)`;
}

/** One bytea column: the state as JSON, for `readState`. `$1` text[]: candidate names of custom settings. */
export function lookSql(serverVersion: number): string {
  const settable =
    serverVersion >= 150000
      ? `pg_catalog.has_parameter_privilege(session_user,s.name,'SET')`
      : '(SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) session_user)';
  return LOOK.replace('{{SETTABLE}}', settable).replace('{{SHOWN}}', `{${SHOWN.join(',')}}`);
}

/** Settings that are told whether they were set or not: how strings are read, and what the whole guard overrides. */
const SHOWN: readonly string[] = ['standard_conforming_strings', ...GUARDED_SETTINGS];

const LOOK = `SELECT pg_catalog.convert_to(pg_catalog.json_build_object('pid',pg_catalog.pg_backend_pid(),
'vnum',pg_catalog.current_setting('server_version_num'),'db',pg_catalog.current_database(),'enc',pg_catalog.getdatabaseencoding(),
'su',session_user,'cu',current_user,'role',pg_catalog.current_setting('role'),'rec',pg_catalog.pg_is_in_recovery(),
'gucs',(SELECT pg_catalog.json_agg(pg_catalog.json_build_array(s.name,s.setting,s.source,
    CASE WHEN s.context OPERATOR(pg_catalog.=) 'superuser'::pg_catalog.text THEN {{SETTABLE}} ELSE true END))
  FROM pg_catalog.pg_show_all_settings() s WHERE s.source OPERATOR(pg_catalog.=) 'session'::pg_catalog.text
  OR s.name OPERATOR(pg_catalog.=) ANY ('{{SHOWN}}'::pg_catalog.text[])),
'custom',(SELECT pg_catalog.json_object_agg(n,pg_catalog.current_setting(n,true)) FROM pg_catalog.unnest($1::pg_catalog.text[]) n
  WHERE pg_catalog.current_setting(n,true) IS NOT NULL),
'ps',(SELECT pg_catalog.json_agg(pg_catalog.json_build_array(p.name,
    CASE WHEN pg_catalog.octet_length(p.statement) OPERATOR(pg_catalog.<=) 262144 THEN p.statement END,p.from_sql,
    p.parameter_types::pg_catalog.oid[]::pg_catalog.int8[],NULL) ORDER BY p.prepare_time,p.name)
  FROM pg_catalog.pg_prepared_statement() p WHERE NOT pg_catalog.starts_with(p.name,'_swy_')),
'types',NULL,
'listen',(SELECT pg_catalog.json_agg(c) FROM pg_catalog.pg_listening_channels() c),
'cur',(SELECT pg_catalog.json_agg(pg_catalog.json_build_array(c.name,c.is_binary,c.is_scrollable,c.creation_time))
  FROM pg_catalog.pg_cursor() c WHERE c.is_holdable),
'adv',(SELECT pg_catalog.json_agg(pg_catalog.json_build_array(l.classid::pg_catalog.int8,l.objid::pg_catalog.int8,l.objsubid,l.mode))
  FROM pg_catalog.pg_lock_status() l WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory'::pg_catalog.text AND l.granted
  AND l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()),
'temp',(SELECT pg_catalog.json_agg(pg_catalog.json_build_array(x.type,x.identity)) FROM (SELECT i.type,i.identity
  FROM pg_catalog.pg_depend d, LATERAL pg_catalog.pg_identify_object(d.classid,d.objid,d.objsubid) i
  WHERE pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
  AND d.refclassid OPERATOR(pg_catalog.=) 2615::pg_catalog.oid
  AND d.refobjid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema() LIMIT 20) x),
'mytemp',pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.<>) 0::pg_catalog.oid,
'tslots',(SELECT pg_catalog.count(*) FROM pg_catalog.pg_get_replication_slots() r WHERE r.temporary
  AND r.active_pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid())
)::pg_catalog.text, CASE pg_catalog.getdatabaseencoding()::pg_catalog.text WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END)`;
