import { expect, it } from 'vitest';
import pg from 'pg';
import { useCluster } from '../support/cluster.ts';
import { useYard } from '../support/yard.ts';

const cluster = useCluster();
const yard = useYard(() => ({ endpoints: { 'ep-a': cluster().url() } }));

it('five sessions in a row share one server connection', async () => {
  const pids: number[] = [];
  for (let i = 0; i < 5; i++) {
    const client = new pg.Client(yard().connectionString('ep-a'));
    await client.connect();
    pids.push((await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid ?? 0);
    await client.end();
  }
  expect(new Set(pids).size).toBe(1);
});
