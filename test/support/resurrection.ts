/** What tests of sessions that outlive their servers need to see of them. */
import pg from 'pg';
import { expect } from 'vitest';
import type { Cluster } from '../../main/demo/cluster.ts';
import type { Yard } from './yard.ts';

/**
 * Waits until all sessions of an endpoint (or those of `ids`) that have ever asked anything have been looked at since: by their servers'
 * own account.
 */
export async function lookedAt(yard: Yard, cluster: Cluster, endpoint: string, ids?: ReadonlySet<number>): Promise<void> {
  const direct = new pg.Client({ connectionString: cluster.url() });
  await direct.connect();
  try {
    await expect
      .poll(async () => {
        const busy = (await yard.sessions()).filter((row) => row.endpoint === endpoint && row.queries > 0 && ids?.has(row.id) !== false);
        const pids = busy.map(({ serverPid }) => serverPid);
        if (pids.includes(null)) return 'a session has no server connection';
        const { rows } = await direct.query<{ query: string }>(
          `SELECT query FROM pg_stat_activity WHERE pid = ANY ($1) AND NOT (state = 'idle' AND query LIKE '%json_build_object(%pg_backend_pid()%')`,
          [pids],
        );
        return rows.map(({ query }) => query);
      })
      .toEqual([]);
  } finally {
    await direct.end();
  }
}

/** The process id that a server says a session has. */
export async function backendPid(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]?.pid ?? 0;
}
