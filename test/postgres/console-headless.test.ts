/** Console and metrics of the real headless host: scraped, reloaded and ended from outside. */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, expect, it } from 'vitest';
import { useCluster } from '../support/cluster.ts';
import { useHeadless, type HeadlessHost } from '../support/headless.ts';
import { readPrometheusText } from '../support/prometheus-text.ts';

const servers = useCluster({ name: 'console' });
const start = useHeadless();
const folder = mkdtempSync(path.join(tmpdir(), 'switchyard-console-'));
const file = path.join(folder, 'settings.json');
afterAll(() => rmSync(folder, { recursive: true }));

let clients: pg.Client[] = [];
afterEach(async () => {
  await Promise.allSettled(clients.map((client) => client.end()));
  clients = [];
});

async function connect({ proxy }: HeadlessHost, database: string): Promise<pg.Client> {
  const client = new pg.Client({ ...proxy, user: 'postgres', database, application_name: 'scraped' });
  client.on('error', () => undefined);
  clients.push(client);
  await client.connect();
  return client;
}

function get(host: string, target: string, headers: Record<string, string> = {}): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const asking = httpRequest(`http://${host}${target}`, { agent: false, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    asking.on('error', reject);
    asking.end();
  });
}

it('is scraped without a token, on its own port and on the one of the settings; reloads, and ends when it is told to', async () => {
  writeFileSync(file, JSON.stringify({ pooling: { mode: 'transaction' } }), { mode: 0o600 });
  const host = await start(folder, '--settings', file, '--endpoint-map', `ep-a=${servers().url()}`);
  const client = await connect(host, 'ep-a/postgres');
  await client.query('SELECT 1');

  const page = await get(host.url.host, '/metrics');
  expect(page.status).toBe(200);
  const families = readPrometheusText(page.body);
  expect(families.get('pgbouncer_stats_queries_pooled_total')?.samples.get('pgbouncer_stats_queries_pooled_total{database="ep-a"}')).toBe(
    1,
  );
  expect(families.get('switchyard_sessions')?.samples).toEqual(
    new Map([['switchyard_sessions{endpoint="ep-a",pool_mode="transaction",state="idle"}', 1]]),
  );
  expect((await get(host.url.host, '/metrics', { host: 'evil.example' })).status).toBe(421);
  expect((await get(host.url.host, '/metrics', { 'sec-fetch-site': 'cross-site' })).status).toBe(403);

  const console = await connect(host, 'pgbouncer');
  await console.query('SET metrics_port = 0');
  const served = (await console.query<{ code: string; message: string }>('SHOW EVENTS')).rows.find(({ code }) => code === 'metrics_served');
  const own = /127\.0\.0\.1:\d+/.exec(served?.message ?? '')?.[0] ?? 'nowhere';
  expect(readPrometheusText((await get(own, '/metrics')).body).has('pgbouncer_up')).toBe(true);
  expect((await get(own, '/')).status).toBe(404);

  // What SET changed is in the file; what somebody writes there counts after RELOAD.
  const kept = JSON.parse(readFileSync(file, 'utf8')) as { pooling: object; metrics: { port: number } };
  expect(kept.metrics.port).toBe(0);
  writeFileSync(file, JSON.stringify({ ...kept, metrics: { port: null }, pooling: { ...kept.pooling, size: 3 } }));
  await console.query('RELOAD');
  await expect(get(own, '/metrics')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  const { rows } = await console.query<{ key: string; value: string }>('SHOW CONFIG');
  expect(rows.filter(({ key }) => ['default_pool_size', 'metrics_port', 'pool_mode'].includes(key)).map(({ value }) => value)).toEqual([
    '3',
    '',
    'transaction',
  ]);
  await console.query('SET default_pool_size = 4');
  expect((JSON.parse(readFileSync(file, 'utf8')) as { pooling: { size: number } }).pooling.size).toBe(4);
  writeFileSync(file, '{ broken');
  await expect(console.query('RELOAD')).rejects.toMatchObject({ code: '55000', message: expect.stringContaining('not JSON') as unknown });
  await client.query('SELECT 2');

  const exited = once(host.child, 'exit');
  await console.query('SHUTDOWN WAIT_FOR_CLIENTS');
  await client.query('SELECT 3');
  await client.end();
  expect(await exited).toEqual([0, null]);
});
