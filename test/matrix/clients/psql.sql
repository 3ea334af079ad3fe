-- psql. Connection parameters come from libpq's own environment variables; MATRIX_PSQL is the program itself.
\set QUIET on
\set VERBOSITY verbose
\pset format unaligned
\pset tuples_only on
\getenv port_a MATRIX_PORT_A
\getenv port_b MATRIX_PORT_B
\getenv application PGAPPNAME
\getenv asks_password MATRIX_ASKS_PASSWORD
\echo version psql :VERSION_NAME

-- Connections of their own, so that a refusal does not end this script.
\set found `PGDATABASE="$MATRIX_OTHER/postgres" "$MATRIX_PSQL" -XAt -c 'SELECT inet_server_port()' 2>&1 | tr '\n' ' '`
\set well no
SELECT :'found' = :'port_b' || ' ' AS well \gset
\if :well
  \echo step prefix ok
\else
  \echo step prefix fail :found
\endif

\set found `PGDATABASE=postgres PGOPTIONS="endpoint=$MATRIX_OTHER" "$MATRIX_PSQL" -XAt -c 'SELECT inet_server_port()' 2>&1 | tr '\n' ' '`
\set well no
SELECT :'found' = :'port_b' || ' ' AS well \gset
\if :well
  \echo step options ok
\else
  \echo step options fail :found
\endif

SELECT :'asks_password' = 'yes' AS asked \gset
\if :asked
  \set found `PGPASSWORD='not this one' "$MATRIX_PSQL" -XAt -c 'SELECT 1' 2>&1 | tr '\n' ' '`
  \set well no
  SELECT :'found' ~ 'FATAL: +password authentication failed' AS well \gset
  \if :well
    \echo step password ok
  \else
    \echo step password fail a wrong password led to: :found
  \endif
\else
  \echo step password none nobody asks for one
\endif

\set well no
SELECT inet_server_port() = :port_a AS well \gset
\if :well
  \echo step connect ok
\else
  \echo step connect fail another server answered
\endif

SELECT :VERSION_NUM >= 160000 AS can_bind \gset
\if :can_bind
  \set well no
  SELECT $1::int + $2::int = 42 AS well \bind 40 2 \gset
  \if :well
    \echo step parameters ok
  \else
    \echo step parameters fail :LAST_ERROR_MESSAGE
  \endif
\else
  \echo step parameters none psql has parameters since version 16
\endif

BEGIN;
INSERT INTO matrix_rows VALUES (:'application', 1);
ROLLBACK;
BEGIN;
INSERT INTO matrix_rows VALUES (:'application', 2);
COMMIT;
\set well no
SELECT count(*) = 1 AND sum(n) = 2 AS well FROM matrix_rows WHERE who = :'application' \gset
\if :well
  \echo step transaction ok
\else
  \echo step transaction fail :LAST_ERROR_MESSAGE
\endif

\set found none
SELECT 1/0;
\set found :SQLSTATE
\set well no
SELECT :'found' = '22012' AS well \gset
\if :well
  \echo step error ok
\else
  \echo step error fail the SQLSTATE was :found
\endif

PREPARE doubled (int) AS SELECT $1 * 2 AS n;
EXECUTE doubled(1) \g /dev/null
EXECUTE doubled(20) \g /dev/null
EXECUTE doubled(21) \gset prepared_
\set well no
SELECT :'prepared_n' = '42' AS well \gset
\if :well
  \echo step prepared ok
\else
  \echo step prepared fail :LAST_ERROR_MESSAGE
\endif

-- A psql of its own, because Ctrl+C ends a script as well. The matrix sends it SIGINT once it is at work.
\! said=$(mktemp); PGAPPNAME="$PGAPPNAME-cancel" "$MATRIX_PSQL" -X -v VERBOSITY=verbose -c 'SELECT pg_sleep(30)' >"$said" 2>&1 & echo "ask cancel $!"; wait; if grep -q 57014 "$said"; then echo 'step cancel ok'; else echo "step cancel fail $(tr '\n' ' ' <"$said")"; fi; rm "$said"

CREATE TEMPORARY TABLE copied (n int);
\copy copied FROM PROGRAM 'seq 1000'
\copy copied TO PROGRAM 'test "$(sort -n | uniq | wc -l)" = 1000 || echo "step copy fail rows were lost"'
\set well no
SELECT count(*) = 1000 AS well FROM copied \gset
DROP TABLE copied;
\if :well
  \echo step copy ok
\else
  \echo step copy fail :LAST_ERROR_MESSAGE
\endif

-- psql prints what it hears; the matrix reads that.
LISTEN :"application";
NOTIFY :"application", 'before';

\echo ask migrate
\prompt '' answer
\set well no
SELECT :'answer' = 'done' AND inet_server_port() = :port_b AS well \gset
\if :well
  \echo step migrate ok
\else
  \echo step migrate fail :answer
\endif

EXECUTE doubled(21) \gset after_
\set well no
SELECT :'after_n' = '42' AS well \gset
-- That it hears this is what makes the step a success.
NOTIFY :"application", 'after';
\if :well
\else
  \echo step after fail :LAST_ERROR_MESSAGE
\endif
