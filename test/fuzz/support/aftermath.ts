/** What must be true when the fuzz is over: no session, socket or server connection is left, and the servers agree. */
import pg from 'pg';
import { expect } from 'vitest';
import type { Cluster } from '../../../main/demo/cluster.ts';
import type { Yard } from '../../support/yard.ts';
import type { HealthReport } from './healthy.ts';

/** Checks the yard and its servers; all clients have left. `ownSockets`: how many the test itself has open. */
export async function expectNothingLeft(yard: Yard, clusters: readonly Cluster[], ownSockets = 0): Promise<void> {
  const patience = { timeout: 15_000, interval: 100 };
  await expect.poll(async () => (await yard.sessions()).length, { ...patience, message: 'sessions without a client' }).toBe(0);
  const busy = async (): Promise<number> =>
    (await yard.snapshot()).pools.reduce((sum, pool) => sum + pool.active + pool.resetting + pool.connecting + pool.waiting, 0);
  await expect.poll(busy, { ...patience, message: 'server connections that nobody uses' }).toBe(0);
  const idle = (await yard.snapshot()).pools.reduce((sum, pool) => sum + pool.idle, 0);
  const onServers = async (): Promise<number> => {
    const counts = await Promise.all(clusters.map((cluster) => clientBackends(cluster)));
    return counts.reduce((sum, count) => sum + count, 0);
  };
  await expect.poll(onServers, { ...patience, message: 'connections the servers count and the pools do not' }).toBeLessThanOrEqual(idle);
  // Farewells linger for up to two seconds.
  await expect
    .poll(openSockets, { ...patience, message: 'sockets left in this process' })
    .toBeLessThanOrEqual(idle + ownSockets + SOCKETS_OF_THE_RUNNER);
}

/** Checks what the healthy clients saw. */
export function expectHealthy(report: HealthReport): void {
  process.stdout.write(
    `fuzz, healthy clients beside it: ${report.answers} answers, slowest ${report.slowestMs} ms, ${report.moves} moves\n`,
  );
  expect(report.complaints).toEqual([]);
  expect(report.answers).toBeGreaterThan(0);
  expect(report.moves).toBeGreaterThan(0);
}

/** Pipes of the test runner, and the connection that counts. */
const SOCKETS_OF_THE_RUNNER = 2;

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
}

async function clientBackends(cluster: Cluster): Promise<number> {
  const client = new pg.Client(cluster.url());
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
