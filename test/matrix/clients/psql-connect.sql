-- Does psql get in at all, and to the right server?
\set QUIET on
\getenv port_a MATRIX_PORT_A
\echo version psql :VERSION_NAME
\set well no
SELECT inet_server_port() = :port_a AS well \gset
\if :well
  \echo step connect ok
\else
  \echo step connect fail another server answered
\endif
