import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PoolRow } from '../../core/contract/index.ts';
import { MetricsPage } from '../../core/facade/metrics-page.ts';
import { PoolBook } from '../../core/facade/pool-book.ts';
import { Histogram } from '../../core/metrics/histogram.ts';
import { ProxyTally } from '../../core/metrics/proxy-tally.ts';
import { exposition } from '../../core/metrics/prometheus.ts';
import { MetricsServer } from '../../main/metrics-server.ts';
import { FakeHost, pool, sessionRow, transferRow } from '../support/console-rig.ts';
import { describeWithProgram, runProgram } from '../support/programs.ts';
import { readPrometheusText } from '../support/prometheus-text.ts';

const at = Date.UTC(2026, 0, 2, 3, 4, 5);
const nasty = 'a "b" \\ c\n{d="e"} ü \u{1F600} ,= # HELP';

function busyHost(): FakeHost {
  const host = new FakeHost();
  host.rows = [
    { ...sessionRow(1, 'ep-a'), application: nasty, state: 'idle' },
    { ...sessionRow(2, 'ep-a'), application: nasty, state: 'idle' },
    {
      ...sessionRow(3, 'ep-b'),
      poolMode: 'transaction',
      state: 'idle',
      pins: [{ code: 'listen', reason: 'LISTEN news', since: at, statement: null, endsWhen: 'UNLISTEN' }],
    },
    { ...sessionRow(4, 'ep-b'), poolMode: 'transaction', state: 'idle in transaction' },
    { ...sessionRow(5, 'ep-b'), poolMode: 'transaction', state: 'active' },
    { ...sessionRow(6, 'ep-b'), poolMode: 'transaction', state: 'waiting', serverPid: null },
  ];
  host.pools = () => [pool, { ...pool, key: 'other', backend: '127.0.0.1:2', role: nasty, waiting: 1, failure: 'down' }];
  return host;
}

function pageOf(host = busyHost(), page = new MetricsPage()): string {
  const resurrection = { resurrected: 3, failed: new Map([['listen', 2]]), waiting: 1, snapshots: 9 };
  return page.text(host, { eventLoopP99Ms: 3.5, ownParses: 6, door: new ProxyTally(), resurrection });
}

describe('the text', () => {
  it('can be read by a strict reader, whatever clients are called', () => {
    const families = readPrometheusText(pageOf());
    const value = (name: string, labels = ''): number | undefined => families.get(name)?.samples.get(name + labels);
    expect(value('pgbouncer_up')).toBe(1);
    expect(value('pgbouncer_version_info', '{version="Switchyard 0.1.0"}')).toBe(1);
    expect(value('pgbouncer_databases')).toBe(3);
    expect(value('pgbouncer_used_clients')).toBe(6);
    expect(value('pgbouncer_config_max_client_connections')).toBe(2000);
    expect(value('pgbouncer_client_connections', `{application_name="${nasty}",database="ep-a",state="idle",user="me"}`)).toBe(2);
    expect(value('pgbouncer_pools_server_active_connections', '{database="ep-a",user="me"}')).toBe(2);
    expect(value('pgbouncer_pools_client_waiting_connections', `{database="ep-b",user="${nasty}"}`)).toBe(1);
    expect(value('pgbouncer_pools_client_maxwait_seconds', '{database="ep-a",user="me"}')).toBe(1.5);
    expect(value('pgbouncer_stats_queries_pooled_total', '{database="postgres"}')).toBe(3);
    expect(value('pgbouncer_stats_queries_duration_seconds_total', '{database="postgres"}')).toBeCloseTo(7e-6, 12);
    expect(
      value(
        'pgbouncer_databases_pool_size',
        '{database="postgres",force_user="",host="127.0.0.1",name="ep-a",pool_mode="session",port="1"}',
      ),
    ).toBe(20);
    expect(value('switchyard_pins', '{code="listen",endpoint="ep-b"}')).toBe(1);
    expect(value('switchyard_held_sessions', '{endpoint="ep-b",why="pinned"}')).toBe(1);
    expect(value('switchyard_held_sessions', '{endpoint="ep-b",why="idle_in_transaction"}')).toBe(1);
    expect(value('switchyard_pool_connections_opened_total', '{backend="127.0.0.1:1",server_database="postgres",user="me"}')).toBe(3);
    expect(value('switchyard_pool_wait_seconds', '{backend="127.0.0.1:1",figure="max",server_database="postgres",user="me"}')).toBe(1.5);
    expect(value('switchyard_event_loop_delay_seconds')).toBe(0.0035);
    expect(value('switchyard_reparses_total')).toBe(6);
    expect(value('proxy_conn_migration_attempted')).toBe(0);
  });

  it('has every metric of pgbouncer_exporter that pooling.md names', () => {
    const wanted = [
      ...[
        'up',
        'version_info',
        'databases',
        'users',
        'pools',
        'used_clients',
        'free_clients',
        'login_clients',
        'used_servers',
        'free_servers',
      ],
      ...['config_max_client_connections', 'client_connections'],
      ...['pool_size', 'reserve_pool', 'max_connections', 'current_connections', 'paused', 'disabled'].map((name) => `databases_${name}`),
      ...['client_active', 'client_waiting', 'client_active_cancel', 'client_waiting_cancel', 'server_active', 'server_idle'].map(
        (name) => `pools_${name}_connections`,
      ),
      ...['server_used', 'server_testing', 'server_login', 'server_active_cancel', 'server_being_canceled'].map(
        (name) => `pools_${name}_connections`,
      ),
      'pools_client_maxwait_seconds',
      ...['queries_pooled', 'queries_duration_seconds', 'sql_transactions_pooled', 'server_in_transaction_seconds'].map(
        (name) => `stats_${name}_total`,
      ),
      ...['client_wait_seconds', 'received_bytes', 'sent_bytes', 'server_assignments', 'client_parses', 'server_parses', 'binds'].map(
        (name) => `stats_${name}_total`,
      ),
    ].map((name) => `pgbouncer_${name}`);
    const there = readPrometheusText(pageOf());
    expect(wanted.filter((name) => !there.has(name))).toEqual([]);
  });

  it('counts transfers as the first seed does: attempted is the sum of the outcomes, and of the latencies', () => {
    const host = busyHost();
    const page = new MetricsPage();
    for (const outcome of ['success', 'success', 'error_recoverable', 'error_fatal', 'refused'] as const) {
      host.tally.begin();
      host.tally.settle(outcome, 12, outcome === 'success' ? 1.23456 : null);
      const found = { level: 'block', code: 'temp_object', message: 'it has a temporary table', hint: null } as const;
      page.noteSettled({ ...transferRow(1, 'ep-b', outcome, null), findings: outcome === 'refused' ? [found] : [] });
    }
    const families = readPrometheusText(pageOf(host, page));
    const value = (name: string): number => families.get(name)?.samples.get(name) ?? Number.NaN;
    const all = value('proxy_conn_migration_attempted');
    expect(all).toBe(4);
    expect(['success', 'error_recoverable', 'error_fatal'].reduce((sum, name) => sum + value(`proxy_conn_migration_${name}`), 0)).toBe(all);
    const latency = families.get('proxy_conn_migration_attempted_latency_seconds')?.samples;
    expect(latency?.get('proxy_conn_migration_attempted_latency_seconds_count')).toBe(all);
    expect(latency?.get('proxy_conn_migration_attempted_latency_seconds_sum')).toBeCloseTo(0.048, 9);
    const pause = families.get('switchyard_migration_pause_seconds')?.samples;
    expect(pause?.get('switchyard_migration_pause_seconds_count{mode="preconnect"}')).toBe(2);
    expect(pause?.get('switchyard_migration_pause_seconds_bucket{le="0.001",mode="preconnect"}')).toBe(0);
    expect(pause?.get('switchyard_migration_pause_seconds_bucket{le="0.0025",mode="preconnect"}')).toBe(2);
    expect(families.get('proxy_conn_migration_transfer_response_message_size_bytes')?.samples.size).toBe(12);
    expect(families.get('switchyard_migration_held_bytes')?.samples.get('switchyard_migration_held_bytes_count')).toBe(2);
    expect(
      families.get('switchyard_migrations_refused_total')?.samples.get('switchyard_migrations_refused_total{code="temp_object"}'),
    ).toBe(1);
  });

  it('says nothing twice, and adds up what is called alike', () => {
    const one = { name: 'a', help: 'b', type: 'gauge' as const, samples: [{ labels: {}, value: 1 }] };
    expect(() => exposition([one, one])).toThrow('twice');
    // Two names that are no UTF-8, each in another way.
    const alike = ['x\udc80', 'x\udc81'].map((application) => ({ labels: { application }, value: 1 }));
    expect(exposition([{ ...one, samples: alike }])).toBe('# HELP a b\n# TYPE a gauge\na{application="x\ufffd"} 2\n');
    expect(
      exposition([
        { ...one, samples: [] },
        { ...one, name: 'c' },
      ]),
    ).toBe('# HELP c b\n# TYPE c gauge\nc 1\n');
  });

  describeWithProgram('promtool', 'with the parser of Prometheus itself', (promtool) => {
    it('is right, and by the rules but for the names of the first seed', async () => {
      const { stdout, stderr } = await runProgram(promtool, ['check', 'metrics'], { input: pageOf() });
      const complaints = `${stdout}${stderr}`.split('\n').filter((line) => line !== '');
      const seed = /^proxy_conn_migration_(?:attempted|success|error_recoverable|error_fatal) counter metrics should have "_total" suffix$/;
      expect(complaints.filter((line) => !seed.test(line))).toEqual([]);
    });
  });
});

describe('counters', () => {
  const row = (key: string, opened: number, reused: number): PoolRow => ({ ...pool, key, opened, reused, assignments: opened + reused });

  it('never fall when a pool goes and is made anew', () => {
    const book = new PoolBook();
    const total = (key: string): number | undefined => book.rows().find((line) => line.key === key)?.assignments;
    book.note([row('a', 2, 3), row('never let in', 0, 0)]);
    expect([total('a'), total('never let in')]).toEqual([5, undefined]);
    book.note([]);
    expect(total('a')).toBe(5);
    book.note([row('a', 1, 0)]);
    expect(total('a')).toBe(6);
    // Gone and back between two looks.
    book.note([row('a', 1, 9)]);
    book.note([row('a', 1, 1)]);
    expect(total('a')).toBe(17);
    book.note([row('a', 1, 1)]);
    expect(total('a')).toBe(17);
  });

  it('of a histogram add up', () => {
    const histogram = new Histogram([1, 2]);
    for (const value of [0.5, 1, 1.5, 99, -1, Number.NaN]) histogram.add(value);
    expect(histogram.snapshot()).toEqual({
      buckets: [
        { upTo: 1, count: 4 },
        { upTo: 2, count: 5 },
      ],
      sum: 102,
      count: 6,
    });
  });
});

describe('the port of its own', () => {
  const log = vi.fn();
  let text: () => string;
  let server: MetricsServer;

  beforeEach(() => {
    text = () => 'up 1\n';
    server = new MetricsServer(() => text(), log);
    log.mockReset();
  });
  afterEach(() => server.stop());

  const port = (): number => Number(new URL(server.url ?? 'http://x:0').port);

  function ask(target: string, options: { method?: string; headers?: Record<string, string> } = {}) {
    return new Promise<{ status: number; headers: IncomingHttpHeaders; body: string }>((resolve, reject) => {
      const asking = httpRequest({ host: '127.0.0.1', port: port(), path: target, agent: false, ...options }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
      });
      asking.on('error', reject);
      asking.end();
    });
  }

  it('answers /metrics, and nothing else, to who knows its name', async () => {
    expect(await server.apply(0)).toEqual([]);
    const page = await ask('/metrics');
    expect(page).toMatchObject({ status: 200, body: 'up 1\n' });
    expect(page.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(page.headers['access-control-allow-origin']).toBeUndefined();
    expect((await ask('/metrics?x=1', { headers: { host: `localhost:${port()}` } })).status).toBe(200);
    expect(await ask('/metrics', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
    expect((await ask('/metrics', { method: 'POST' })).status).toBe(405);
    expect((await ask('/')).status).toBe(404);
    expect((await ask('/metrics', { headers: { host: 'evil.example' } })).status).toBe(421);
    expect((await ask('/metrics', { headers: { host: `evil.example:${port()}` } })).status).toBe(421);
    expect((await ask('/metrics', { headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(403);
  });

  it('says so when the page cannot be made', async () => {
    await server.apply(0);
    text = () => {
      throw new Error('a mistake in the program');
    };
    expect((await ask('/metrics')).status).toBe(500);
    expect(log).toHaveBeenCalledOnce();
  });

  it('comes, stays, moves and goes with the settings', async () => {
    expect(server.url).toBeNull();
    await server.apply(0);
    const first = port();
    await server.apply(0);
    expect(port()).toBe(first);
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const taken = (other.address() as AddressInfo).port;
    expect(await server.apply(taken)).toEqual([expect.stringContaining(`port ${taken}`)]);
    expect(server.url).toBeNull();
    other.close();
    await once(other, 'close');
    // The same wish again is tried again.
    expect(await server.apply(taken)).toEqual([]);
    expect(port()).toBe(taken);
    expect(await server.apply(null)).toEqual([]);
    expect(server.url).toBeNull();
  });
});
