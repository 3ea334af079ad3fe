/** A switchyard in front of dialect pods: one endpoint for each, `pod-1` and so on, the first the default. */
import pg from 'pg';
import { onTestFinished } from 'vitest';
import type { MigrationCounters, SessionRow } from '../../../core/contract/index.ts';
import { startPods, type RunningPods } from '../../fakes/cockroach-dialect/pods.ts';
import { startYard, type Yard, type YardOptions } from '../../support/yard.ts';
import { WireClient, type WireMessage } from '../../support/wire-client.ts';

/** What runs. */
export interface CockroachYard extends RunningPods {
  readonly yard: Yard;
  /** A client on the default endpoint, ended with the test. */
  readonly client: (config?: Partial<pg.ClientConfig>) => Promise<pg.Client>;
  /** The same without a driver. */
  readonly wire: (parameters?: Record<string, string>) => Promise<{ client: WireClient; greeting: WireMessage[] }>;
  readonly counters: () => Promise<MigrationCounters>;
  readonly session: (application: string) => Promise<SessionRow | undefined>;
}

/** How it is made: `url` is what an endpoint says of its pod, its port apart. */
export interface CockroachYardOptions {
  readonly pods?: number;
  readonly options?: YardOptions['options'];
  readonly urlParameters?: string;
  readonly user?: string;
}

/** Starts one for a test, and stops it with it. A second call makes a second one. */
export async function startCockroachYard(wanted: CockroachYardOptions = {}): Promise<CockroachYard> {
  const { pods: count = 2, urlParameters = 'sslmode=disable', options, user = 'app' } = wanted;
  const running = await startPods(count);
  onTestFinished(() => running.stop());
  const endpoints = Object.fromEntries(running.pods.map((pod) => [`pod-${pod.id}`, pod.url(user, 'defaultdb', urlParameters)]));
  const yard = await startYard({ endpoints, ...(options === undefined ? {} : { options }) });
  onTestFinished(() => yard.stop());
  const place = { host: yard.host, port: yard.port, user, database: 'defaultdb' };
  return {
    ...running,
    yard,
    client: async (config = {}) => {
      const client = new pg.Client({ ...place, ...config });
      // A session that is lost is seen in what the test asks next.
      client.on('error', () => undefined);
      await client.connect();
      onTestFinished(() => client.end());
      return client;
    },
    wire: async (parameters = {}) => {
      const started = await WireClient.start(yard.port, { user, database: 'defaultdb', ...parameters });
      onTestFinished(() => started.client.destroy());
      return started;
    },
    counters: async () => (await yard.snapshot()).counters,
    session: async (application) => (await yard.sessions()).find((row) => row.application === application),
  };
}

/** Which pod a client is on. */
export async function podOf(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ pod_id: string }>('SELECT pod_id()');
  return rows[0]?.pod_id ?? 'none';
}
