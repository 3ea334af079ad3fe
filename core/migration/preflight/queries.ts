/**
 * The SQL of the preflight, run on connections of the proxy's own (postgres-session-state.md section 10, where each was measured on 14 to
 * 18). The facts are asked for first, in a session as its login gives it; so everything in them is qualified with `pg_catalog`.
 */

/** Settings of the proxy's own connection once the facts are read: types are then written with their schema, strings read as written. */
export const PLAIN_SESSION = `SET search_path = ''; SET standard_conforming_strings = on; SET quote_all_identifiers = off;
SET statement_timeout = 0; SET lock_timeout = '2s'; SET jit = off; SET client_min_messages = error`;

/** One json column: what decides about a server, database and role whether sessions can move there. `$1` text[]: names of custom settings. */
export function factsSql(serverVersion: number): string {
  const locale = serverVersion >= 170000 ? 'd.datlocale' : serverVersion >= 150000 ? 'd.daticulocale' : 'NULL';
  return FACTS.replaceAll('{{PROVIDER}}', serverVersion >= 150000 ? 'd.datlocprovider' : `'c'`)
    .replaceAll('{{LOCALE}}', locale)
    .replaceAll('{{COLLVERSION}}', serverVersion >= 150000 ? 'd.datcollversion' : 'NULL')
    .replaceAll('{{LOGINEVT}}', serverVersion >= 170000 ? 'd.dathasloginevt' : 'false');
}

const FACTS = `SELECT pg_catalog.json_build_object('pid',pg_catalog.pg_backend_pid(),
'vnum',pg_catalog.current_setting('server_version_num')::pg_catalog.int4,
'sysid',(SELECT c.system_identifier::pg_catalog.text FROM pg_catalog.pg_control_system() c),'started',pg_catalog.pg_postmaster_start_time(),
'recovery',pg_catalog.pg_is_in_recovery(),'ro',pg_catalog.current_setting('default_transaction_read_only'),
'db',(SELECT pg_catalog.json_build_array(pg_catalog.pg_encoding_to_char(d.encoding),d.datcollate,d.datctype,{{PROVIDER}},{{LOCALE}},{{COLLVERSION}},d.datconnlimit,{{LOGINEVT}})
  FROM pg_catalog.pg_database d WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()),
'role',(SELECT pg_catalog.json_build_array(r.rolsuper,r.rolbypassrls,r.rolconnlimit,(SELECT pg_catalog.json_agg(g.rolname ORDER BY g.rolname) FROM pg_catalog.pg_roles g WHERE pg_catalog.pg_has_role(r.oid,g.oid,'MEMBER')))
  FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) session_user),
'slots',pg_catalog.json_build_array(pg_catalog.current_setting('max_connections')::pg_catalog.int4,
  pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int4,
  (SELECT pg_catalog.sum(s.numbackends) FROM pg_catalog.pg_stat_database s),
  (SELECT s.numbackends FROM pg_catalog.pg_stat_database s WHERE s.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()),
  (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity a WHERE a.usename OPERATOR(pg_catalog.=) session_user)),
'ext',(SELECT pg_catalog.json_object_agg(e.extname,pg_catalog.json_build_array(e.extversion,n.nspname)) FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace),
'xacts',(SELECT pg_catalog.count(*) FROM pg_catalog.pg_prepared_xacts x WHERE x.owner OPERATOR(pg_catalog.=) session_user AND x.database OPERATOR(pg_catalog.=) pg_catalog.current_database()),
'gucs',(SELECT pg_catalog.json_agg(pg_catalog.json_build_array(s.name,s.setting,s.source,s.context)) FROM pg_catalog.pg_settings s WHERE s.context OPERATOR(pg_catalog.=) ANY ('{user,superuser}'::pg_catalog.text[])),
'given',(SELECT pg_catalog.json_object_agg(n,pg_catalog.current_setting(n,true)) FROM (
  SELECT DISTINCT pg_catalog.lower(pg_catalog.split_part(c,'=',1)) AS n FROM pg_catalog.pg_db_role_setting d, pg_catalog.unnest(d.setconfig) c
  WHERE pg_catalog.strpos(pg_catalog.split_part(c,'=',1),'.') OPERATOR(pg_catalog.>) 0) x WHERE pg_catalog.current_setting(n,true) IS NOT NULL))`;

/** Count and fingerprint of the database's own types, OIDs included. */
export const TYPES = `SELECT count(*), md5(string_agg(concat_ws(' ',t.oid,n.nspname,t.typname,t.typtype),',' ORDER BY t.oid))
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.oid >= 16384 AND n.nspname !~ '^pg_(temp|toast)'`;

/** Count and fingerprint of the columns of tables, views and the like: equal across versions for an equal schema. */
export const COLUMNS = `SELECT count(*), md5(string_agg(concat_ws(' ',n.nspname,c.relname,c.relkind,a.attnum,a.attname,format_type(a.atttypid,a.atttypmod),a.attnotnull),',' ORDER BY n.nspname,c.relname,a.attnum))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.oid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind = ANY ('{r,p,v,m,f}'::"char"[]) AND n.nspname !~ '^pg_(temp|toast)'`;

/** Count and fingerprint of functions; those of extensions are told by the extension's version. */
export const FUNCTIONS = `SELECT count(*), md5(string_agg(concat_ws(' ',n.nspname,p.proname,pg_get_function_identity_arguments(p.oid),p.prosrc),',' ORDER BY n.nspname,p.proname,pg_get_function_identity_arguments(p.oid)))
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.oid >= 16384 AND n.nspname !~ '^pg_(temp|toast)'
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')`;

/** Functions that set a setting whose name they do not say. */
export const DYNAMIC_SETTERS = `SELECT DISTINCT p.proname FROM pg_proc p WHERE p.oid >= 16384 AND p.prosrc ~* 'set_config\\s*\\(\\s*[^''\\s]' LIMIT 20`;

/** Names of custom settings that functions, policies, defaults, views and role settings speak of. */
export const CUSTOM_NAMES = `SELECT DISTINCT lower(m[2]) FROM (
 SELECT p.prosrc AS s FROM pg_proc p WHERE p.oid >= 16384
 UNION ALL SELECT pg_get_expr(polqual,polrelid) FROM pg_policy
 UNION ALL SELECT pg_get_expr(polwithcheck,polrelid) FROM pg_policy
 UNION ALL SELECT pg_get_expr(adbin,adrelid) FROM pg_attrdef
 UNION ALL SELECT pg_get_viewdef(c.oid) FROM pg_class c WHERE c.relkind = 'v' AND c.oid >= 16384
 UNION ALL SELECT concat('set_config(''',split_part(c,'=',1),'''') FROM pg_db_role_setting d, unnest(d.setconfig) c
) x, LATERAL regexp_matches(x.s,'(current_setting|set_config)\\s*\\(\\s*''([A-Za-z_][A-Za-z0-9_$]*(\\.[A-Za-z_][A-Za-z0-9_$]*)+)''','gi') m LIMIT 400`;
