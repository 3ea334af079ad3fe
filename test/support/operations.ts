/** Operations of the planner in a test: what to wait for, and what must hold at each moment. */
import pg from 'pg';
import { expect } from 'vitest';
import type { OperationRow } from '../../core/contract/index.ts';
import type { Yard } from './yard.ts';

/** The row of an operation as soon as `until` holds of it. */
export async function operationOnce(yard: Yard, id: number, until: (row: OperationRow) => boolean): Promise<OperationRow> {
  let unsubscribe = (): void => {};
  try {
    return await new Promise<OperationRow>((resolve) => {
      const look = (rows: readonly OperationRow[]): void => {
        for (const row of rows) if (row.id === id && until(row)) resolve(row);
      };
      unsubscribe = yard.switchyard.subscribe(({ operations }) => look(operations ?? []));
      void yard.snapshot().then(({ operations }) => look(operations));
    });
  } finally {
    unsubscribe();
  }
}

/** The row of an operation once it has ended. */
export function settled(yard: Yard, id: number): Promise<OperationRow> {
  return operationOnce(yard, id, (row) => row.settledAt !== null);
}

/** Looks again and again whether the counters and the operations add up, until it is stopped; rejects when they do not. */
export function watchCounters(yard: Yard): { stop(): Promise<number> } {
  let isRunning = true;
  const loop = (async () => {
    let looks = 0;
    while (isRunning) {
      const { counters, operations } = await yard.snapshot();
      expect(counters.attempted).toBe(counters.success + counters.error_recoverable + counters.error_fatal);
      expect(counters.attemptedLatency.count).toBe(counters.attempted);
      for (const row of operations) {
        const done = row.success + row.recoverable + row.fatal + row.refused;
        expect(done).toBeLessThanOrEqual(row.total);
        if (row.settledAt !== null) expect({ done, blockers: row.blockers }).toEqual({ done: row.total, blockers: 0 });
        expect(row.forced).toBeLessThanOrEqual(done);
        expect(row.blockers).toBeLessThanOrEqual(row.total - done);
      }
      looks++;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return looks;
  })();
  loop.catch(() => {});
  return {
    stop() {
      isRunning = false;
      return loop;
    },
  };
}

/** Connected drivers of an endpoint; their lost connections are their tests' business. */
export async function connectMany(yard: Yard, endpoint: string, count: number, more: pg.ClientConfig = {}): Promise<pg.Client[]> {
  return await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const client = new pg.Client({
        connectionString: yard.connectionString(endpoint),
        application_name: `${endpoint} ${index + 1}`,
        ...more,
      });
      client.on('error', () => {});
      await client.connect();
      return client;
    }),
  );
}

/** Ends drivers, those included whose connections are gone. */
export async function endAll(clients: readonly pg.Client[]): Promise<void> {
  await Promise.allSettled(clients.map((client) => client.end()));
}

/** Where each driver's session is: the port of its server. */
export async function portsOf(clients: readonly pg.Client[]): Promise<number[]> {
  const answers = await Promise.all(clients.map((client) => client.query<{ port: number }>('SELECT inet_server_port() AS port')));
  return answers.map(({ rows }) => rows[0]?.port ?? 0);
}

/** `host:port` of a server of the tests. */
export function backendOf(cluster: { readonly port: number }): string {
  return `127.0.0.1:${cluster.port}`;
}
