import { describe, expect, it } from 'vitest';
import { Effect, effectsOf } from '../../core/sql/effects.ts';

type Profile = 'strict' | 'compatible';

/** The names of the effects, in the order of `Effect`. The text stands in the middle of other bytes. */
function of(text: string | Buffer, profile: Profile = 'strict'): string {
  const bytes = Buffer.concat([Buffer.from("SET x '"), Buffer.from(text), Buffer.from(" ; LOAD 'x' */ '")]);
  const effects = effectsOf(bytes, 7, 7 + Buffer.byteLength(text), profile);
  return Object.entries(Effect)
    .filter(([, bit]) => (effects & bit) !== 0)
    .map(([name]) => name)
    .join(' ');
}

const unknownCall = 'State Settings Write';

describe('what says nothing of the session', () => {
  it.each([
    'SELECT abalance FROM pgbench_accounts WHERE aid = $1',
    'BEGIN',
    'COMMIT;',
    'START TRANSACTION ISOLATION LEVEL SERIALIZABLE READ ONLY',
    'ROLLBACK TO SAVEPOINT a',
    'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ',
    'SET CONSTRAINTS ALL DEFERRED',
    'SHOW search_path',
    "SELECT 'SET x = 1; LOAD'",
    'SELECT $$; SET x = 1$$, $a$ $$; LOAD 1 $$ $a$',
    "SELECT E'\\'; SET x = 1; --'",
    'SELECT 1 -- ; SET x = 1',
    'SELECT /* ; SET x = 1 /* ; */ */ 1',
    'SELECT "set", "SET x" FROM "execute" WHERE "load" = 1',
    'SELECT setting, resets, unset, set_configs FROM pg_settings',
    'SELECT count(*), max(a), "lower"(b), pg_catalog.upper(c), pg_catalog . "now" () FROM t',
    'SELECT a IN (1), b = ANY (ARRAY(SELECT 1)), EXISTS (SELECT 1), CASE WHEN (a) THEN (b) ELSE (c) END, NOT (d) AND (e) OR (f)',
    "SELECT a::numeric(10,2), CAST(b AS varchar(3)), c::character varying(5), d::geo.point(3), timestamp (3) '2020-01-01'",
    'SELECT COALESCE(a, 1), NULLIF(a, b), GREATEST(a), EXTRACT(year FROM a), ROW(1, 2), SUBSTRING(a FROM 1), left(a, 1)',
    'SELECT sum(a) FILTER (WHERE (b)) OVER (PARTITION BY (c) ORDER BY (d)), percentile_cont(0.5) WITHIN GROUP (ORDER BY x) FROM t',
    'SELECT a FROM t GROUP BY GROUPING SETS ((a), ()), a HAVING (a > 1) ORDER BY (a) LIMIT (1) OFFSET (2)',
    'SELECT a FROM t GROUP BY ROLLUP (a)',
    'WITH RECURSIVE t (n) AS (VALUES (1) UNION ALL (SELECT n + 1 FROM t)) SELECT * FROM t',
    'WITH a AS MATERIALIZED (SELECT 1) SELECT * FROM a LEFT JOIN (SELECT 2) b USING (c) JOIN LATERAL (SELECT 3) d ON (true)',
    'SELECT * FROM unnest($1::int[]) WITH ORDINALITY AS u (a, b), generate_series(1, 2) AS g (x)',
    "SELECT a AT TIME ZONE ('UTC'), b OPERATOR(pg_catalog.+) c, d ILIKE ('x')",
    'SELECT * FROM t FOR UPDATE OF t SKIP LOCKED',
    'SELECT * FROM t FOR NO KEY UPDATE',
    'SELECT pg_advisory_xact_lock(1), pg_try_advisory_xact_lock_shared(1), current_setting($1), random(), gen_random_uuid()',
    'EXPLAIN (ANALYZE, BUFFERS, FORMAT json) SELECT 1',
    'EXPLAIN ANALYZE VERBOSE SELECT 1',
    'DECLARE c NO SCROLL CURSOR FOR SELECT a FROM t',
    'SELECT hold FROM t',
    'FETCH ALL FROM c',
    "NOTIFY a, 'b'",
    'LOCK TABLE t IN SHARE MODE',
    'TABLE t',
    'VALUES (1), (2)',
    '(SELECT 1) UNION (SELECT 2)',
    ';;',
    '',
    '-- nothing',
  ])('%s', (text) => {
    expect(of(text)).toBe('');
  });
});

describe('what writes', () => {
  it.each([
    'UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2',
    'INSERT INTO pgbench_history (tid, bid, mtime) VALUES ($1, $2, CURRENT_TIMESTAMP)',
    'INSERT INTO "s"."t" ("a", "b") VALUES ($1, (2)) ON CONFLICT ("a") DO UPDATE SET ("a", "b") = (1, 2) RETURNING "id"',
    'insert into t select 1 on conflict (a) where (b) do nothing',
    'DELETE FROM t WHERE a IN (SELECT 1)',
    'WITH x AS (DELETE FROM t RETURNING *) SELECT count(*) FROM x',
    'MERGE INTO t USING s ON (t.a = s.a) WHEN MATCHED AND (b) THEN UPDATE SET (b, c) = (1, 2)',
    'TRUNCATE t RESTART IDENTITY',
    'COPY "t" (a, b) FROM STDIN (FORMAT csv)',
    'COPY s.t(a) FROM STDIN WITH (FORMAT csv)',
    'EXPLAIN ANALYZE UPDATE t SET a = 1',
  ])('%s', (text) => {
    expect(of(text)).toBe('Write');
  });
});

describe('what changes the session', () => {
  it.each([
    ['SET x = 1', 'State Settings'],
    ['set/**/session--\nx to 1', 'State Settings'],
    ['BEGIN;SET x = 1', 'State Settings'],
    ['/* a /* b */ c */ SeT x = 1', 'State Settings'],
    ["SELECT 'a''b'; SET x = 1; SELECT 'c'", 'State Settings'],
    ["SELECT '--'; SET x = 1", 'State Settings'],
    ['SELECT "--"; SET x = 1', 'State Settings'],
    ['SELECT $$--$$;SET x = 1', 'State Settings'],
    ['SELECT a$$;SET x = 1;SELECT b$$', 'State Settings'],
    ['SELECT $1$a$ ; SET x = 1; $a$', ''],
    ['SELECT 1 --\r;SET x = 1', 'State Settings'],
    ['SET ROLE a', 'State Settings'],
    ["SET TIME ZONE 'UTC'", 'State Settings'],
    ['SET NAMES latin1', 'State Settings'],
    ["SET SCHEMA 'a'", 'State Settings'],
    ['SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY', 'State Settings'],
    ['SET SESSION AUTHORIZATION a', 'State Settings Sticky'],
    ['SET session_authorization = a', 'State Settings Sticky'],
    ['SET seed = 0.5', 'State Settings Sticky'],
    ['SET LOCAL seed = 0.5', 'State Settings Sticky'],
    ['SET LOCAL work_mem = 1.5', 'Settings'],
    ['SET LOCAL ROLE a', 'Settings'],
    ['SET LOCAL search_path TO a.b', 'Settings'],
    ['SET LOCAL my.x = 1', 'State Settings'],
    ['SET LOCAL my /* */ . x = 1', 'State Settings'],
    ['SET LOCAL "my.x" = 1', 'State Settings'],
    ['SET local.x = 1', 'State Settings'],
    ['SET transaction.x = 1', 'State Settings'],
    ['SET constraints.x = 1', 'State Settings'],
    ['RESET ALL', 'State Settings'],
    ['DISCARD ALL', 'State Settings ForgetStatements'],
    ['DISCARD SEQUENCES', 'State Settings SequenceUse'],
    ['PREPARE a AS SELECT 1', 'State Names'],
    ['PREPARE transaction AS SELECT 1', 'State Names'],
    ['PREPARE "transaction" AS SELECT 1', 'State Names'],
    ["PREPARE TRANSACTION 'a'", 'State'],
    ["PREPARE TRANSACTION 'a'; PREPARE a AS SELECT 1", 'State Names'],
    ["SELECT 'a\\'; PREPARE a AS SELECT 1; --'", 'State Settings Names Write'],
    ['EXECUTE a(1)', 'State Settings Names Write'],
    ['EXPLAIN (ANALYZE, COSTS off) EXECUTE a', 'State Settings Names Write'],
    ['CREATE TABLE t AS EXECUTE a', 'State Settings Names Write'],
    ['DEALLOCATE a', 'State Names'],
    ['DEALLOCATE PREPARE ALL', 'State Names ForgetStatements'],
    ['LISTEN a', 'State'],
    ['UNLISTEN *', 'State'],
    ['DECLARE c CURSOR WITH HOLD FOR SELECT 1', 'State'],
    ['CLOSE c', 'State'],
    ['CREATE TEMP TABLE t ()', unknownCall],
    ['SELECT 1 INTO TEMP t', 'State Write'],
    ['SELECT 1 AS a INTO t', 'State Write'],
    ['DROP TABLE t', unknownCall],
    ['ALTER TABLE t ADD a int', unknownCall],
    ['SELECT * FROM pg_temp.t', 'State'],
    ['SELECT * FROM pg_temp_12.t', 'State'],
    ['SELECT * FROM "pg_temp".t', 'State'],
    ["LOAD 'x'", 'State Settings Sticky'],
    ['DO $$ BEGIN END $$', unknownCall],
    ["DO 'BEGIN PERFORM setseed(1); END'", `State Settings Sticky Write`],
    ["DO E'BEGIN\\nLOAD x; END'", 'State Settings Sticky Write'],
    ["DO $a$ BEGIN PERFORM nextval('s'); EXECUTE 'x'; END $a$", 'State Settings SequenceUse Write'],
    ['CALL p()', unknownCall],
    ["SELECT set_config('a', 'b', true)", 'State Settings'],
    ['SELECT PG_CATALOG.SET_CONFIG($1, $2, false)', 'State Settings'],
    ['SELECT "set_config"(a, b, false)', 'State Settings'],
    ['SELECT pg_catalog/**/./**/"set_config"(a, b, false)', 'State Settings'],
    ["SELECT set_config('Seed', '1', true)", 'State Settings Sticky'],
    ["SELECT set_config(E's\\145ed', '1', true)", 'State Settings Sticky'],
    ["UPDATE pg_settings SET setting = '1' WHERE name = 'work_mem'", unknownCall],
    ['SELECT U&"set\\005fconfig"(a, b, false)', 'State Settings SequenceRead SequenceUse Sticky Write'],
    ['SELECT pg_advisory_lock(1)', 'State'],
    ['SELECT pg_try_advisory_lock_shared(1)', 'State'],
    ['SELECT pg_advisory_unlock_all()', 'State'],
    ['SELECT setseed(0.1)', 'State Sticky'],
    ["SELECT nextval('s'), currval('s')", 'State SequenceRead SequenceUse'],
    ['SELECT lastval()', 'SequenceRead'],
    ["SELECT dblink_connect('x')", 'State Sticky'],
    ["SELECT pg_create_physical_replication_slot('x', true, true)", 'State'],
    ["SELECT query_to_xml('SELECT 1', true, true, '')", unknownCall],
    ['REFRESH MATERIALIZED VIEW v', unknownCall],
  ])('%s: %s', (text, expected) => {
    expect(of(text)).toBe(expected);
  });
});

describe('a call of an unknown function', () => {
  it.each([
    'SELECT f(1)',
    'SELECT f /* x */ -- y\n (1)',
    'SELECT "F"(1)',
    'SELECT "NOW"()',
    'SELECT "in"(1), "values"(2)',
    'SELECT "a""b"(1)',
    'SELECT public.now()',
    'SELECT db.pg_catalog.now()',
    'SELECT "public".now()',
    'SELECT pg_catalog.no_such()',
    'SELECT näm(1)',
    'SELECT a$b(1)',
    'SELECT DISTINCT ON (a) f(a)',
    'SELECT DISTINCT ON (a) over(a)',
    'SELECT a OPERATOR(pg_catalog.+) filter(a)',
    'SELECT over(1), filter(2)',
    'SELECT * FROM f(1)',
    'SELECT * FROM a JOIN conflict(1) ON true',
    'SELECT * FROM a JOIN b ON conflict(1)',
    'INSERT INTO t SELECT 1 FROM a JOIN b ON conflict(1) ON CONFLICT (a) DO NOTHING',
    'SELECT join(1)',
    'SELECT set(1)',
    'SELECT partition, by(1)',
    'COPY (SELECT stdin(1)) TO STDOUT',
    'SELECT 1.f(2)',
  ])('%s', (text) => {
    expect(of(text)).toMatch(/^State Settings Write$/);
    expect(of(text, 'compatible')).toMatch(/^(Write)?$/);
  });

  it('counts only in the strict profile, known ones in both', () => {
    expect(of('SELECT f(1)', 'compatible')).toBe('');
    expect(of('SELECT pg_advisory_lock(1)', 'compatible')).toBe('State');
    expect(of("SELECT public.set_config('a', 'b', true)", 'compatible')).toBe('State Settings');
    expect(of('CALL p()', 'compatible')).toBe('State Write');
    expect(of('CREATE TABLE t ()', 'compatible')).toBe('State Write');
    expect(of('FROBNICATE', 'compatible')).toBe('');
    expect(of('FROBNICATE')).toBe('State Settings');
  });
});

describe('what can be read in two ways', () => {
  it.each([
    ["SELECT 'a\\'; SET x = 1; --'", unknownCall],
    ["SELECT 'a\\'; LOAD x; --'", 'State Settings Sticky Write'],
    ["SELECT 'a\\'; DEALLOCATE ALL; SELECT currval(1); --'", 'State Settings Names SequenceRead Write ForgetStatements'],
    ["SELECT 'a\\\\', 1", ''],
    ["SELECT '\\d+', 1", ''],
    ["SELECT 'open; SET x = 1", unknownCall],
    ['SELECT "open; SET x = 1', unknownCall],
    ['SELECT 1 /* open', unknownCall],
    ['SELECT $a$ open', unknownCall],
    ['SELECT $ä$ a $ä$', unknownCall],
  ])('%s: %s', (text, expected) => {
    expect(of(text)).toBe(expected);
  });

  it('characters of which the second byte is one of ASCII (SJIS and its like)', () => {
    const bytes = (...parts: readonly (string | number)[]) =>
      Buffer.concat(parts.map((part) => Buffer.from(typeof part === 'string' ? part : [part])));
    expect(of(bytes('SELECT ', 0x95, '\\now()'))).toBe(unknownCall);
    expect(of(bytes("SELECT '", 0x95, "\\'; SET x = 1; --'"))).toBe(unknownCall);
    expect(of(bytes("SELECT '", 0x95, "\\\\'; SET x = 1; --'"))).toBe(unknownCall);
    expect(of(bytes("SELECT E'", 0x95, "\\'; SET x = 1; SELECT '"))).toBe(unknownCall);
    expect(of(bytes("SELECT '", 0x95, "\\x'"))).toBe('');
  });
});
