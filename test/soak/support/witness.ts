/** What can be told of a session that stands still: what the proxy says of it, what its moves said, and what its server does for it. */
import pg from 'pg';
import type { SessionRow, Snapshot } from '../../../core/contract/index.ts';
import type { Cluster } from '../../../main/demo/cluster.ts';
import { sessionLine, transferLine } from './words.ts';

/** How long a server may take to say what it does, in milliseconds. */
const ASK_MS = 5_000;
/** Moves of a session that are told of. */
const MOVES_TOLD = 3;

const ACTIVITY = `select state, wait_event_type, wait_event, pg_blocking_pids(pid) as blocked_by, now() - xact_start as xact,
  now() - state_change as since, left(query, 120) as query from pg_stat_activity where pid = $1`;

/** A paragraph for each of the sessions. Never rejects. */
export async function testimony(rows: readonly SessionRow[], { transfers }: Snapshot, clusters: readonly Cluster[]): Promise<string> {
  const each = rows.map(async (row) => {
    const moves = transfers.filter(({ sessionId }) => sessionId === row.id).slice(-MOVES_TOLD);
    return [sessionLine(row), ...moves.map((move) => transferLine(move)), await activity(row, clusters)].join('\n  ');
  });
  return (await Promise.all(each)).join('\n');
}

async function activity({ backend, serverPid }: SessionRow, clusters: readonly Cluster[]): Promise<string> {
  const cluster = clusters.find(({ port }) => backend.endsWith(`:${port}`));
  if (serverPid === null || cluster === undefined) return 'it has no server connection';
  const client = new pg.Client({ connectionString: cluster.url(), connectionTimeoutMillis: ASK_MS, query_timeout: ASK_MS });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<Record<string, unknown>>(ACTIVITY, [serverPid]);
    return `its server (pid ${serverPid}) says: ${rows[0] === undefined ? 'there is no such process' : JSON.stringify(rows[0])}`;
  } catch (error) {
    return `its server could not be asked: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    await client.end().catch(() => undefined);
  }
}
