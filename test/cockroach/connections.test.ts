/** What the first seed's end-to-end tests say of logins, counters, TLS and servers that go and come (cockroach-migration.md 8.3). */
import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { makeToken } from '../fakes/cockroach-dialect/token.ts';
import { TestAuthority } from '../support/certificates.ts';
import { move } from '../support/migration.ts';
import { readPrometheusText } from '../support/prometheus-text.ts';
import { fields, rows, startup, WireClient } from '../support/wire-client.ts';
import { podOf, startCockroachYard, type CockroachYard } from './support/cockroach-yard.ts';

const TOKEN = 'crdb:session_revival_token_base64';

/** One figure of the metrics page. */
function metric({ yard }: CockroachYard, name: string): number {
  const page = readPrometheusText(yard.switchyard.metrics());
  const family = page.get(name) ?? page.get(name.replace(/_count$/, ''));
  return family?.samples.get(name) ?? Number.NaN;
}

describe('the counters', () => {
  it('add up after successes, refusals and failures; the latency and the size of the state have as many entries as they should', async () => {
    const made = await startCockroachYard({ options: { deadlines: { restoreMs: 500 } } });
    const session = await made.client({ application_name: 'counted' });
    for (const to of ['pod-2', 'pod-1']) expect((await move(made.yard, session, to)).outcome).toBe('success');
    made.pod(2).faults.set('restore-D', { kind: 'wrong' });
    expect((await move(made.yard, session, 'pod-2')).outcome).toBe('error_recoverable');
    made.pod(2).faults.clear();
    await session.query('BEGIN');
    expect((await move(made.yard, session, 'pod-2', 0)).outcome).toBe('error_recoverable');
    await session.query('ROLLBACK');
    await session.query('CREATE TEMP TABLE t (x int)');
    expect((await move(made.yard, session, 'pod-2')).outcome).toBe('refused');
    const migrations = 'proxy_conn_migration_';
    expect(metric(made, `${migrations}attempted`)).toBe(4);
    expect(metric(made, `${migrations}success`)).toBe(2);
    expect(metric(made, `${migrations}error_recoverable`)).toBe(2);
    expect(metric(made, `${migrations}error_fatal`)).toBe(0);
    expect(metric(made, `${migrations}attempted_latency_seconds_count`)).toBe(4);
    // One never came to its state: it waited for the end of a transaction.
    expect(metric(made, `${migrations}transfer_response_message_size_bytes_count`)).toBe(3);
  });

  it('of clients are back at nothing after 500 short ones, and the pods have no more connections than their pools', async () => {
    const made = await startCockroachYard({ pods: 1 });
    for (let round = 0; round < 50; round++) {
      await Promise.all(
        Array.from({ length: 10 }, async () => {
          const { client } = await WireClient.start(made.yard.port, { user: 'app', database: 'defaultdb' });
          expect(rows(await client.query('SELECT 1'))).toEqual([['1']]);
          client.destroy();
        }),
      );
    }
    await expect.poll(() => metric(made, 'proxy_sql_conns')).toBe(0);
    expect(await made.yard.sessions()).toEqual([]);
  });

  it('of accepted connections count the good, the bad and those that say nothing', async () => {
    const made = await startCockroachYard({ pods: 1 });
    const before = metric(made, 'proxy_sql_accepted_conns');
    for (let i = 0; i < 5; i++) await made.wire();
    for (let i = 0; i < 6; i++) {
      const client = await WireClient.open(made.yard.port);
      client.write(startup({ user: 'app', database: 'defaultdb', [TOKEN]: 'x' }));
      expect((await client.next()).type).toBe('E');
      client.destroy();
    }
    for (let i = 0; i < 7; i++) (await WireClient.open(made.yard.port)).destroy();
    await expect.poll(() => metric(made, 'proxy_sql_accepted_conns')).toBe(before + 18);
    await expect.poll(() => metric(made, 'proxy_sql_conns')).toBe(5);
  });
});

describe('a login', () => {
  it.each([TOKEN, 'CRDB:Session_Revival_Token_Base64', TOKEN.toUpperCase()])('with %s is refused, and no pod hears of it', async (name) => {
    const made = await startCockroachYard({ pods: 1 });
    const before = made.pod(1).heard.startups.length;
    const client = await WireClient.open(made.yard.port);
    const token = makeToken(made.cluster.signingSecret, 'app', made.cluster.now());
    client.write(startup({ user: 'app', database: 'defaultdb', [name]: token }));
    const error = fields(await client.next());
    expect([error['S'], error['M']]).toEqual(['FATAL', expect.stringContaining(`parameter ${TOKEN} is not allowed`)]);
    await client.closed();
    client.destroy();
    expect(
      made
        .pod(1)
        .heard.startups.slice(before)
        .some(({ parameters }) => parameters.has(TOKEN)),
    ).toBe(false);
  });

  it('cannot forge its address, in whatever case', async () => {
    const made = await startCockroachYard();
    const { client } = await made.wire({ application_name: 'forger', 'CRDB:Remote_Addr': '6.6.6.6:6666', 'crdb:remote_addr': '7.7.7.7:7' });
    await client.query('SELECT 1');
    expect((await move(made.yard, (await made.session('forger'))?.id ?? 0, 'pod-2')).outcome).toBe('success');
    const told = made.pods.flatMap(({ heard }) => heard.startups.map(({ parameters }) => parameters.get('crdb:remote_addr')));
    expect(told.filter((address) => address !== undefined && !address.startsWith('127.0.0.1:'))).toEqual([]);
  });

  it('passes a database name of 70 characters on', async () => {
    const made = await startCockroachYard({ pods: 1 });
    const name = 'd'.repeat(70);
    const session = await made.client({ database: name });
    await session.query('SELECT 1');
    expect(made.pod(1).heard.startups.at(-1)?.parameters.get('database')).toBe(name);
  });

  it('that says nothing at all is no error', async () => {
    const made = await startCockroachYard({ pods: 1 });
    const client = await WireClient.open(made.yard.port);
    client.halfClose();
    await client.closed();
    client.destroy();
    expect((await made.yard.snapshot()).observations).toEqual([]);
  });
});

it('a pod that asks for SCRAM is moved to without a password: the token stands for it', async () => {
  const made = await startCockroachYard({ user: 'ann:sesame' });
  made.cluster.users.set('ann', { password: 'sesame' });
  made.cluster.authentication = 'scram-sha-256';
  const session = await made.client({ user: 'ann' });
  expect((await move(made.yard, session, 'pod-2')).outcome).toBe('success');
  expect(await podOf(session)).toBe('2');
  const { heard } = made.pod(2);
  const byToken = heard.startups.filter(({ parameters }) => parameters.has(TOKEN)).map(({ connection }) => connection);
  expect(byToken.length).toBeGreaterThan(0);
  expect(heard.messages.filter(({ type, connection }) => type === 'p' && byToken.includes(connection))).toEqual([]);
});

describe('a pod that goes', () => {
  it('cannot be moved to; when it is back it can', async () => {
    const made = await startCockroachYard();
    const session = await made.client();
    await made.pod(2).stop();
    const { outcome, reason } = await move(made.yard, session, 'pod-2');
    expect(outcome).toMatch(/^(error_recoverable|refused)$/);
    expect(reason).toMatch(/\w/);
    expect(await podOf(session)).toBe('1');
    await made.pod(2).start();
    await expect.poll(async () => (await move(made.yard, session, 'pod-2')).outcome).toBe('success');
    expect(await podOf(session)).toBe('2');
  });

  it('and comes back takes new clients again', async () => {
    const made = await startCockroachYard({ pods: 1 });
    await made.pod(1).stop();
    const refused = new pg.Client({ host: made.yard.host, port: made.yard.port, user: 'app', database: 'defaultdb' });
    refused.on('error', () => undefined);
    await expect(refused.connect()).rejects.toMatchObject({ code: expect.stringMatching(/^(08|57)/) as string });
    await made.pod(1).start();
    await expect
      .poll(async () => {
        const client = new pg.Client({ host: made.yard.host, port: made.yard.port, user: 'app', database: 'defaultdb' });
        client.on('error', () => undefined);
        return await client.connect().then(
          async () => {
            await client.end();
            return 'in';
          },
          () => 'out',
        );
      })
      .toBe('in');
  });
});

describe('TLS to the pods', () => {
  async function encrypted(sslmode: string): Promise<{ made: CockroachYard; stranger: TestAuthority }> {
    const folder = await mkdtemp(join(tmpdir(), 'pods-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const [authority, stranger] = await Promise.all([TestAuthority.make('pods'), TestAuthority.make('strangers')]);
    const file = join(folder, 'ca.pem');
    await writeFile(file, authority.certificate);
    const issued = await authority.issue({ name: '127.0.0.1', alternatives: ['127.0.0.1'] });
    const made = await startCockroachYard({ urlParameters: `sslmode=${sslmode}&sslrootcert=${encodeURIComponent(file)}` });
    for (const pod of made.pods) pod.options.tls = issued;
    return { made, stranger };
  }

  it('of every kind is kept by a move', async () => {
    const { made } = await encrypted('verify-full');
    const session = await made.client();
    for (const to of ['pod-2', 'pod-1']) expect((await move(made.yard, session, to)).outcome).toBe('success');
    expect(made.pods.flatMap(({ heard }) => heard.startups.map(({ encrypted: is }) => is))).not.toContain(false);
  });

  it('refused, or with somebody else’s certificate, keeps the session where it is', async () => {
    const { made, stranger } = await encrypted('verify-full');
    const session = await made.client();
    for (const tls of [null, await stranger.issue({ name: '127.0.0.1', alternatives: ['127.0.0.1'] })]) {
      made.pod(2).options.tls = tls;
      expect((await move(made.yard, session, 'pod-2')).outcome).toMatch(/^(refused|error_recoverable)$/);
      expect(await podOf(session)).toBe('1');
      expect(made.pod(2).heard.startups.filter(({ encrypted: is }) => !is)).toEqual([]);
    }
  });
});
