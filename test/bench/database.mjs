/** The one PostgreSQL server behind every configuration, and who of its clients did something. */
import pg from 'pg';
import { loadCluster } from '../matrix/servers.mjs';
import { runToEnd } from './processes.mjs';

const database = 'postgres';

/** Room for the idle clients of a pooler in session mode, beside all pools. */
const maxConnections = 2_000;

/** Starts a server, makes pgbench's tables, and a role per configuration, by which its server connections can be told. */
export async function startDatabase(folder, { scale, configurations }) {
  const startCluster = await loadCluster(folder);
  const cluster = await startCluster({
    settings: {
      max_connections: maxConnections,
      shared_buffers: '512MB',
      // Whatever works in the background would disturb one run and not the next.
      autovacuum: 'off',
      checkpoint_timeout: '1h',
      max_wal_size: '16GB',
    },
  });
  let watcher = null;
  try {
    const where = ['-h', cluster.host, '-p', String(cluster.port), '-U', 'postgres'];
    await runToEnd('pgbench', ['-i', '-q', '-s', String(scale), ...where, database], { deadlineMs: 600_000 });
    watcher = new pg.Client(cluster.url());
    await watcher.connect();
    for (const id of configurations) await watcher.query(`CREATE ROLE ${pg.escapeIdentifier(id)} LOGIN SUPERUSER`);
  } catch (error) {
    await watcher?.end();
    await cluster.stop('immediate');
    throw error;
  }
  return {
    host: cluster.host,
    port: cluster.port,
    database,
    version: cluster.version,
    /** The server's clock, as text: what happened since then belongs to the run that begins now. */
    async now() {
      const { rows } = await watcher.query('SELECT clock_timestamp()::text AS now');
      return rows[0].now;
    },
    /** Connections of a role that are there and have done something since `moment`. */
    async used(role, moment) {
      const { rows } = await watcher.query(
        'SELECT count(*)::int AS used FROM pg_stat_activity WHERE usename = $1 AND state_change >= $2::timestamptz',
        [role, moment],
      );
      return rows[0].used;
    },
    async stop() {
      await watcher.end();
      await cluster.stop('immediate');
    },
  };
}
