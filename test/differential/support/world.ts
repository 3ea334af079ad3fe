/** The servers of a run and the switchyard in front of two of them. */
import pg from 'pg';
import { startTestCluster, type Major } from '../../support/cluster.ts';
import { startYard, type Yard } from '../../support/yard.ts';
import type { Cluster } from '../../../main/demo/cluster.ts';
import type { PoolMode } from '../../../core/contract/index.ts';
import { DATABASE, FIXTURE } from './fixture.ts';
import { APPLICATIONS, CUSTOM } from './fragments/settings.ts';
import type { Stage } from './player.ts';

/** Server connections that the sessions of a batch share. */
export const POOL_SIZE = 3;

/** How long an answer may take, at first and when a failing batch is played again. */
const ANSWER_MS = 40_000;
const AGAIN_MS = 8_000;
/** The first is where sessions begin. */
const ENDPOINTS = ['ep-a', 'ep-same', 'ep-b'] as const;
/** How long a backend may take to be seen running a statement. */
const RUNNING_MS = 20_000;

/** See the head of this file. */
export interface World {
  /** Directly to a server of its own. */
  readonly direct: Stage;
  /** Through the switchyard, to the endpoint `ep-a`. */
  readonly through: Stage;
  readonly yard: Yard;
  /** Puts another switchyard in its place, whose server connections are all new; it is given less time to answer. */
  renew(): Promise<void>;
  /** Endpoints with the very data of `ep-a` (the same server by another name), and with equal data (another server). */
  readonly aliases: readonly string[];
  readonly twins: readonly string[];
  /** One client per server, for what the suite itself has to do. */
  readonly admins: readonly pg.Client[];
  stop(): Promise<void>;
}

/** Starts everything; the caller stops it. */
export async function startWorld(major: Major, mode: PoolMode): Promise<World> {
  const clusters = await Promise.all([0, 1, 2].map(() => startTestCluster({ major })));
  const admins = await Promise.all(clusters.map((cluster) => prepared(cluster, mode)));
  const [alone, a, b] = clusters as [Cluster, Cluster, Cluster];
  const url = (host: string, cluster: Cluster): string => `postgresql://${host}:${cluster.port}/${DATABASE}`;
  const makeYard = (): Promise<Yard> =>
    startYard({
      endpoints: { 'ep-a': url('127.0.0.1', a), 'ep-same': url('localhost', a), 'ep-b': url('127.0.0.1', b) },
      options: { poolSize: POOL_SIZE, settings: { pooling: { mode, size: POOL_SIZE, waitNotice: 0 } } },
    });
  let yard = await introduced(makeYard);
  let answerMs = ANSWER_MS;
  return {
    direct: {
      port: alone.port,
      database: DATABASE,
      answerMs: ANSWER_MS,
      running: (mark, signal) => running(admins.slice(0, 1), mark, signal),
    },
    get through(): Stage {
      return { port: yard.port, database: `ep-a/${DATABASE}`, answerMs, running: (mark, signal) => running(admins.slice(1), mark, signal) };
    },
    get yard() {
      return yard;
    },
    aliases: ['ep-a', 'ep-same'],
    twins: ['ep-b'],
    admins,
    renew: async () => {
      answerMs = AGAIN_MS;
      await yard.stop();
      yard = await introduced(makeYard);
    },
    stop: async () => {
      await Promise.all(admins.map((admin) => admin.end()));
      await yard.stop();
      await Promise.all(clusters.map((cluster) => cluster.stop('immediate')));
    },
  };
}

/**
 * That an application reads currval or lastval is learned from the first time it does (a warning says so): at every endpoint, every name that
 * sessions go by does so once, before the first session.
 */
async function introduced(makeYard: () => Promise<Yard>): Promise<Yard> {
  const yard = await makeYard();
  for (const endpoint of ENDPOINTS) {
    for (const application_name of APPLICATIONS) {
      const client = new pg.Client({ connectionString: yard.connectionString(endpoint, DATABASE), application_name });
      await client.connect();
      await client.query('SELECT lastval()').catch(() => undefined);
      await client.end();
    }
  }
  return yard;
}

async function prepared(cluster: Cluster, mode: PoolMode): Promise<pg.Client> {
  const first = new pg.Client({ connectionString: cluster.url() });
  await first.connect();
  await first.query(`CREATE DATABASE ${DATABASE}`);
  // DISCARD ALL, between two clients of session mode, leaves a custom setting known, though empty: there it is known from the start.
  if (mode === 'session') for (const name of CUSTOM) await first.query(`ALTER DATABASE ${DATABASE} SET ${name} = ''`);
  await first.end();
  const admin = new pg.Client({ connectionString: cluster.url(DATABASE) });
  await admin.connect();
  await admin.query(FIXTURE);
  return admin;
}

async function running(admins: readonly pg.Client[], mark: string, signal: AbortSignal): Promise<void> {
  const until = Date.now() + RUNNING_MS;
  while (Date.now() < until && !signal.aborted) {
    for (const admin of admins) {
      const { rowCount } = await admin.query(
        `SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND wait_event = 'PgSleep' AND position($1 in query) > 0`,
        [mark],
      );
      if (rowCount !== 0) return;
    }
  }
  if (!signal.aborted) throw new Error(`no backend ran the statement with ${mark} within ${RUNNING_MS} ms`);
}
