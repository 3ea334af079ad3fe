/** What the preflight says of sessions on CockroachDB's dialect: tried with a session of the proxy's own, no client's is touched. */
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Verdict } from '../../core/contract/index.ts';
import { startPods, type RunningPods } from '../fakes/cockroach-dialect/pods.ts';
import { useCluster } from '../support/cluster.ts';
import { move, sessionId } from '../support/migration.ts';
import { startYard, type Yard } from '../support/yard.ts';

const postgres = useCluster();
let pods: RunningPods;
let strangers: RunningPods;
let yard: Yard;
const clients: pg.Client[] = [];

beforeEach(async () => {
  pods = await startPods(2);
  strangers = await startPods(1);
  yard = await startYard({
    endpoints: {
      a: pods.pod(1).url(),
      b: pods.pod(2).url(),
      elsewhere: strangers.pod(1).url(),
      'root-a': pods.pod(1).url('root'),
      'root-b': pods.pod(2).url('root'),
      'cockroach-postgres': pods.pod(1).url('postgres'),
      postgres: postgres().url(),
    },
  });
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end().catch(() => {})));
  await yard.stop();
  await pods.stop();
  await strangers.stop();
});

async function connect(endpoint = 'a', user = 'app', database = 'defaultdb'): Promise<pg.Client> {
  const client = new pg.Client({ host: yard.host, port: yard.port, user, database: `${endpoint}/${database}` });
  client.on('error', () => {});
  await client.connect();
  clients.push(client);
  return client;
}

async function verdict(client: pg.Client, to: string): Promise<Verdict | undefined> {
  const { verdicts } = await yard.switchyard.handlers.preflight({ sessionIds: [await sessionId(yard, client)], to });
  return verdicts[0];
}

const codes = (found: Verdict | undefined): string[] => found?.findings.map(({ code }) => code) ?? [];

test('a session that can move is ready, and was not asked anything', async () => {
  const client = await connect();
  await client.query('SELECT 1');
  const before = pods.pod(1).heard.messages.filter(({ connection }) => connection === 1).length;
  const found = await verdict(client, 'b');
  expect(found).toMatchObject({ verdict: 'ready', reason: null });
  expect(codes(found)).toContain('rehearsed');
  expect(pods.pod(1).heard.messages.filter(({ connection }) => connection === 1)).toHaveLength(before);
  // Nothing of the trial is left.
  await expect.poll(() => [pods.pod(1).connections, pods.pod(2).connections]).toEqual([1, 0]);
});

test('a cluster without revival tokens is known before', async () => {
  pods.cluster.revivalTokens = false;
  const found = await verdict(await connect(), 'b');
  expect(found).toMatchObject({ verdict: 'refused' });
  expect(found?.reason).toContain('session revival tokens are not supported on this cluster');
  expect(found?.findings.find(({ code }) => code === 'feature_off')?.hint).toContain('SET CLUSTER SETTING');
});

test('a target that cannot take sessions back is known before', async () => {
  pods
    .pod(2)
    .faults.set('restore-T', { kind: 'error', sqlState: '42883', message: 'unknown function: crdb_internal.deserialize_session()' });
  const found = await verdict(await connect(), 'b');
  expect(found).toMatchObject({ verdict: 'refused' });
  expect(found?.reason).toContain('unknown function');
});

test('root, another cluster, channels listened on: each is refused in words', async () => {
  expect(await verdict(await connect('root-a'), 'root-b')).toMatchObject({
    verdict: 'refused',
    reason: 'no CockroachDB server hands out a session of root: cannot create token for root user',
  });
  const client = await connect();
  expect(codes(await verdict(client, 'elsewhere'))).toContain('other_cluster');
  await client.query('LISTEN news');
  expect((await verdict(client, 'b'))?.reason).toBe('it listens on "news", and the server does not hand that over');
});

test('another release is told of, either way', async () => {
  pods.pod(2).options.version = 'CockroachDB CCL v25.1.4 (test dialect server)';
  const client = await connect();
  expect(codes(await verdict(client, 'b'))).toContain('older_server');
  expect(await move(yard, client, 'b')).toMatchObject({ outcome: 'success' });
  expect(codes(await verdict(client, 'a'))).toContain('newer_server');
});

describe('between CockroachDB and PostgreSQL', () => {
  test('nothing moves, either way', async () => {
    const reason = /the target is a (?:PostgreSQL|CockroachDB) server, and the session is on (?:PostgreSQL|CockroachDB)/;
    const here = await connect('cockroach-postgres', 'postgres');
    const there = await connect('postgres', 'postgres', 'postgres');
    for (const [client, to] of [
      [here, 'postgres'],
      [there, 'cockroach-postgres'],
    ] as const) {
      const row = await move(yard, client, to);
      expect(row.outcome).toBe('refused');
      expect(row.reason).toMatch(reason);
      await client.query('SELECT 1');
    }
  });
});
