/** Clients' logins passed on over TLS, bound to the channel on both sides of the proxy. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Cluster } from '../../main/demo/cluster.ts';
import { TestAuthority, useFolder } from '../support/certificates.ts';
import { text } from '../support/matching.ts';
import { sessionId } from '../support/migration.ts';
import { startTlsCluster } from '../support/tls-cluster.ts';
import { startMiddle, type Middle } from '../support/tls-middle.ts';
import { startYard, type Yard } from '../support/yard.ts';

const password = 'the user’s';
const folder = useFolder();
const clusters: Cluster[] = [];
let middle: Middle;
let yard: Yard;
let authority: TestAuthority;

async function onServer(cluster: Cluster, sql: string): Promise<Record<string, string>[]> {
  const client = new pg.Client({ connectionString: cluster.url() });
  await client.connect();
  try {
    return (await client.query<Record<string, string>>(sql)).rows;
  } finally {
    await client.end();
  }
}

beforeAll(async () => {
  authority = await TestAuthority.make('tests');
  const ca = await folder.write('ca.pem', authority.certificate);
  const certificate = (hash: 'SHA-256' | 'SHA-384') => authority.issue({ name: 'localhost', alternatives: ['127.0.0.1'], hash });
  for (const hash of ['SHA-256', 'SHA-384'] as const) {
    clusters.push(await startTlsCluster({ server: await certificate(hash), hba: ['hostssl all alice 127.0.0.1/32 scram-sha-256'] }));
  }
  const [home, away] = clusters;
  if (home === undefined || away === undefined) throw new Error('no servers');
  await onServer(home, `CREATE ROLE alice LOGIN PASSWORD '${password}'`);
  const [row] = await onServer(home, `SELECT rolpassword FROM pg_authid WHERE rolname = 'alice'`);
  await onServer(away, `CREATE ROLE alice LOGIN PASSWORD '${row?.['rolpassword'] ?? ''}'`);
  middle = await startMiddle(away.port, await certificate('SHA-256'));

  const issued = await certificate('SHA-256');
  const files = { certificate: await folder.write('proxy.pem', issued.certificate), key: await folder.write('proxy.key', issued.key) };
  const over = (port: number) => `postgresql://127.0.0.1:${port}/postgres?sslmode=verify-full&sslrootcert=${encodeURIComponent(ca)}`;
  yard = await startYard({
    endpoints: { home: over(home.port), away: over(away.port), middle: over(middle.port), source: home.url() },
    options: {
      settings: {
        authentication: { method: 'scram-sha-256', verifiersFrom: 'source' },
        tls: { clients: 'require', certificate: { kind: 'files', ...files } },
      },
    },
  });
});
afterAll(async () => {
  await yard.stop();
  await middle.close();
  for (const cluster of clusters) await cluster.stop('immediate');
});

async function login(database: string): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: yard.port,
    user: 'alice',
    password,
    database,
    ssl: { ca: authority.certificate },
    enableChannelBinding: true,
  });
  await client.connect();
  return client;
}

async function migrate(client: pg.Client, to: string) {
  const { operationId } = await yard.switchyard.handlers.migrate({ sessionIds: [await sessionId(yard, client)], to, withinMs: 20_000 });
  const find = async () => (await yard.snapshot()).transfers.find((row) => row.operationId === operationId && row.outcome !== null);
  await expect.poll(find, { timeout: 30_000 }).toBeDefined();
  return await find();
}

describe('a login by SCRAM-SHA-256-PLUS', () => {
  it('goes along, encrypted on both servers', async () => {
    const client = await login('home/postgres');
    const place = `SELECT ssl, inet_server_port() AS port FROM pg_stat_ssl WHERE pid = pg_backend_pid()`;
    expect((await client.query(place)).rows).toEqual([{ ssl: true, port: clusters[0]?.port }]);
    expect(await migrate(client, 'away')).toMatchObject({ outcome: 'success' });
    expect((await client.query(place)).rows).toEqual([{ ssl: true, port: clusters[1]?.port }]);
    expect(await migrate(client, 'home')).toMatchObject({ outcome: 'success' });
    await client.end();
  });

  it('notices a man in the middle in front of a server, even one with a certificate of the same authority', async () => {
    const words = {
      code: '28000',
      message: text('SCRAM channel binding check failed'),
      hint: text('answers with a certificate of its own'),
    };
    await expect(login('middle/postgres')).rejects.toMatchObject(words);
    const client = await login('home/postgres');
    expect(await migrate(client, 'middle')).toMatchObject({ outcome: 'refused', reason: text('channel binding'), pauseMs: null });
    await client.end();
  });
});
