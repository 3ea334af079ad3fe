/** The demo's clients: ordinary ones, with the `pg` driver, that know the proxy's address and nothing else about it. */
import { setMaxListeners } from 'node:events';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { jobs, type Job } from './workload-jobs.ts';

/** Where the clients connect. */
export interface WorkloadOptions {
  host: string;
  port: number;
  /** Every job runs once on each. */
  endpoints: readonly string[];
}

/** The clients at work. */
export interface Workload {
  /** How many clients there are, connected or trying to be. */
  readonly clients: number;
  /** What clients have done since the start; for tests and the curious. */
  readonly counts: { steps: number; connections: number; failures: number };
  /** Ends them within a second, whatever they were doing. */
  stop(): Promise<void>;
}

/** Waits between attempts to connect, milliseconds; the last one repeats. */
const backoffMs = [200, 500, 1_000, 2_000, 4_000];
/** For an answer, milliseconds: longer than any statement here takes while its session is being moved. */
const answerMs = 60_000;
const goodbyeMs = 500;

/** Starts the clients. They survive whatever happens to their connections and come back with growing pauses. */
export function startWorkload(options: WorkloadOptions): Workload {
  const stopping = new AbortController();
  // Every client listens to it.
  setMaxListeners(0, stopping.signal);
  const counts = { steps: 0, connections: 0, failures: 0 };
  const clients = options.endpoints.flatMap((endpoint) => jobs.map((job) => runClient(options, endpoint, job, counts, stopping.signal)));
  return {
    clients: clients.length,
    counts,
    async stop() {
      stopping.abort();
      await Promise.all(clients);
    },
  };
}

async function runClient(
  options: WorkloadOptions,
  endpoint: string,
  job: Job,
  counts: Workload['counts'],
  stopping: AbortSignal,
): Promise<void> {
  let failures = 0;
  while (!stopping.aborted) {
    const progress = { steps: 0 };
    try {
      await runConnection(options, endpoint, job, counts, progress, stopping);
    } catch {
      // What went wrong is the proxy's to tell; a client only has to come back.
      if (stopping.aborted) return;
      counts.failures++;
      failures = progress.steps > 0 ? 0 : failures + 1;
      const wait = backoffMs[Math.min(failures, backoffMs.length - 1)] ?? 0;
      // Half of it at random: a dozen clients that lost the same server do not come back in step.
      await sleep(wait * (0.5 + Math.random() / 2), undefined, { signal: stopping }).catch(() => undefined);
    }
  }
}

async function runConnection(
  options: WorkloadOptions,
  endpoint: string,
  job: Job,
  counts: Workload['counts'],
  progress: { steps: number },
  stopping: AbortSignal,
): Promise<void> {
  const socket = new Socket();
  const client = new pg.Client({
    host: options.host,
    port: options.port,
    user: 'postgres',
    database: 'postgres',
    application_name: job.name,
    options: `endpoint=${endpoint}`,
    connectionTimeoutMillis: 10_000,
    query_timeout: answerMs,
    stream: () => socket,
  });
  const connection = new AbortController();
  let late: NodeJS.Timeout | undefined;
  const goodbye = (): void => {
    connection.abort();
    // A statement under way would hold the goodbye back; the socket does not wait for it.
    late ??= setTimeout(() => socket.destroy(), goodbyeMs);
  };
  client.on('error', () => connection.abort());
  stopping.addEventListener('abort', goodbye, { once: true });
  try {
    stopping.throwIfAborted();
    await client.connect();
    counts.connections++;
    const pause = (ms: number): Promise<void> => sleep(ms, undefined, { signal: connection.signal });
    await job.begin?.({ client, pause });
    while (!stopping.aborted) {
      await job.step({ client, pause });
      counts.steps++;
      progress.steps++;
    }
  } finally {
    stopping.removeEventListener('abort', goodbye);
    goodbye();
    await client.end().catch(() => undefined);
    clearTimeout(late);
    socket.destroy();
  }
}
