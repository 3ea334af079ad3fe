/** The demo: two real PostgreSQL servers of the same version, with the same small schema and different marker rows. */
import pg from 'pg';
import type { EndpointSpec } from '../../core/endpoints/map.ts';
import { PREFER_TLS } from '../../core/tls/backend-tls.ts';
import { startCluster, type Cluster } from './cluster.ts';
import { demoSchema } from './schema.ts';

/** The endpoints that the demo maps, in this order. */
export const demoEndpointIds = ['ep-a', 'ep-b'] as const;

/** The demo's servers, running. */
export interface DemoServers {
  endpoints: EndpointSpec[];
  /** Ends both and removes their folders; data are not kept, so nothing is waited for. */
  stop(): Promise<void>;
}

/**
 * Starts both servers at the same time. Role and database are `postgres`, without a password; they listen on loopback only.
 * @throws Error when one does not start (the other is stopped then) and the abort's reason when aborted.
 */
export async function startDemoServers(abort?: AbortSignal): Promise<DemoServers> {
  const results = await Promise.allSettled(demoEndpointIds.map((id) => startServer(id, abort)));
  const clusters = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const stop = async (): Promise<void> => {
    await Promise.all(clusters.map((cluster) => cluster.stop('immediate')));
  };
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  const endpoints = clusters.map((cluster, index): EndpointSpec => {
    const { host, port } = cluster;
    // One result per id, in their order: none failed.
    const id = demoEndpointIds[index] as string;
    return { id, host, port, database: 'postgres', user: 'postgres', password: null, tls: PREFER_TLS };
  });
  return { endpoints, stop };
}

async function startServer(id: string, abort?: AbortSignal): Promise<Cluster> {
  const cluster = await startCluster(abort === undefined ? {} : { abort });
  const client = new pg.Client({ connectionString: cluster.url(), application_name: 'switchyard demo', connectionTimeoutMillis: 10_000 });
  // A connection that breaks between statements is reported by the next one.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(demoSchema(id));
    await client.end();
    return cluster;
  } catch (error) {
    await cluster.stop('immediate');
    throw error;
  }
}
