/**
 * The fault matrix of moves between PostgreSQL servers: in every phase of every mode each fault. The client gets the bytes of an unmoved
 * session, or is told why it ends; one outcome is counted; nothing is left over.
 */
import pg from 'pg';
import type { TransferPhase } from '../../core/contract/index.ts';
import { useCluster } from '../support/cluster.ts';
import type { Kind } from './support/rig.ts';
import { faultMatrix } from './support/suite.ts';

const a = useCluster({ name: 'a' });
const b = useCluster({ name: 'b' });

const phases: Readonly<Record<'preconnect' | 'optimistic' | 'two-phase' | 'detached', readonly TransferPhase[]>> = {
  preconnect: ['preflight', 'dial', 'capture', 'restore', 'swap', 'resume'],
  optimistic: ['preflight', 'dial', 'capture', 'restore', 'swap', 'resume'],
  'two-phase': ['preflight', 'dial', 'capture', 'restore', 'check', 'swap', 'resume'],
  detached: ['preflight', 'dial', 'swap', 'resume'],
};

/** What needs no server connection of its own. */
const words = { setUp: [`SET app.mine = 'kept'`, `SET work_mem = '7MB'`], look: ['SHOW app.mine', 'SHOW work_mem'] };

function kindOf(mode: keyof typeof phases): Kind {
  return {
    name: `PostgreSQL, ${mode}`,
    mode,
    poolMode: mode === 'detached' ? 'transaction' : 'session',
    parameters: { database: 'ep-old/postgres' },
    words:
      mode === 'detached'
        ? words
        : { setUp: [...words.setUp, 'PREPARE mine(int) AS SELECT $1 + 5'], look: [...words.look, 'EXECUTE mine(7)'] },
    url: (port) => `postgresql://postgres@127.0.0.1:${port}/postgres?sslmode=disable`,
    ports: () => ({ old: a().port, new: b().port }),
  };
}

faultMatrix(
  (Object.keys(phases) as (keyof typeof phases)[]).map((mode) => ({ kind: kindOf(mode), phases: phases[mode] })),
  async () => (await clientBackends(a().url())) + (await clientBackends(b().url())),
);

async function clientBackends(url: string): Promise<number> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    const { rows } = await client.query<{ count: number }>(
      "select count(*)::int as count from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()",
    );
    return rows[0]?.count ?? 0;
  } finally {
    await client.end();
  }
}
