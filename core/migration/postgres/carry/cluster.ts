/** Which cluster and database a connection is to: two backends of one share locks and notifications, those of two share neither. */
import type { OwnSql, RunOptions } from './own-sql.ts';

/** See the head of this file. */
export interface ClusterIdentity {
  /** Equal texts: the same running cluster, and the same database in it. A copy of it (a standby, a clone) is another. */
  readonly key: string;
  readonly inRecovery: boolean;
  /** Process id of the connection's backend. */
  readonly pid: number;
}

const SQL = `SELECT pg_catalog.concat_ws('/',c.system_identifier,pg_catalog.pg_postmaster_start_time(),d.oid),
pg_catalog.pg_is_in_recovery(),pg_catalog.pg_backend_pid() FROM pg_catalog.pg_control_system() c, pg_catalog.pg_database d
WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()`;

/** Asks a connection. Rejects as `OwnSql.run` does. */
export async function identify(own: OwnSql, options: RunOptions): Promise<ClusterIdentity> {
  const { rows } = await own.one({ label: 'the identity of the cluster', sql: SQL }, options);
  const [key = null, recovery = null, pid = null] = rows[0] ?? [];
  if (key === null || pid === null) throw new Error('the server does not say which cluster it is');
  return { key, inRecovery: recovery === 't', pid: Number(pid) };
}
