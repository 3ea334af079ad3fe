/** The verifiers that are read from a server: how often it is asked, what a new password does, and what happens without it. */
import { createHash } from 'node:crypto';
import pg from 'pg';
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import type { Settings } from '../../core/contract/index.ts';
import { useCluster } from '../support/cluster.ts';
import { startup, WireClient } from '../support/wire-client.ts';
import { startYard, type Yard } from '../support/yard.ts';

const admin = 'the admin’s';
const password = 'first';
const server = useCluster({ auth: 'scram-sha-256', password: admin, settings: { log_statement: 'all' } });
const second = 1_000;

async function onServer(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: server().url() });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** How often the verifier of a user was asked for. */
function questions(user: string): number {
  return server().log().split(`Parameters: $1 = '${user}'`).length - 1;
}

const yards: Yard[] = [];

async function guarded(method: Settings['authentication']['method'] = 'scram-sha-256', sourceUrl = server().url()): Promise<Yard> {
  const yard = await startYard({
    endpoints: { it: `postgresql://127.0.0.1:${server().port}/postgres`, source: sourceUrl },
    options: { settings: { authentication: { method, verifiersFrom: 'source' } } },
  });
  yards.push(yard);
  return yard;
}

/** `in`, or what the client was told. To the console, which needs no server, unless told otherwise. */
async function login(yard: Yard, user: string, secret = password, database = 'switchyard'): Promise<string> {
  const client = new pg.Client({ host: yard.host, port: yard.port, user, password: secret, database });
  try {
    await client.connect();
    return 'in';
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    return `${error.code} ${error.message}${error.hint === undefined ? '' : ` | ${error.hint}`}`;
  } finally {
    await client.end();
  }
}

const wrong = (user: string): string => `28P01 password authentication failed for user "${user}"`;
let user = '';
let users = 0;

beforeAll(() => onServer(`CREATE ROLE plain LOGIN PASSWORD '${admin}'`));
beforeEach(async () => {
  user = `user_${++users}`;
  await onServer(`CREATE ROLE ${user} LOGIN PASSWORD '${password}'`);
  // Time passes when a test says so, and never by itself: how long the machine takes decides nothing.
  vi.useFakeTimers({ toFake: ['Date'] });
});
afterEach(async () => {
  vi.useRealTimers();
  await server().up();
  for (const yard of yards.splice(0)) await yard.stop();
});

function pass(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

it('are asked for once, however many clients come at the same time', async () => {
  const yard = await guarded();
  const outcomes = await Promise.all(Array.from({ length: 40 }, () => login(yard, user)));
  expect(outcomes).toEqual(Array.from({ length: 40 }, () => 'in'));
  expect(questions(user)).toBe(1);
});

it('are kept: the server is asked once a second at most, for users that it does not know every three seconds', async () => {
  const yard = await guarded();
  for (let i = 0; i < 3; i++) expect(await login(yard, user)).toBe('in');
  expect(questions(user)).toBe(1);
  pass(second);
  for (let i = 0; i < 3; i++) expect(await login(yard, user)).toBe('in');
  expect(questions(user)).toBe(2);
  const unknown = `${user}_unknown`;
  expect(await login(yard, unknown)).toBe(wrong(unknown));
  // What it has typed might be right by now: a wrong password is looked into once.
  expect(questions(unknown)).toBe(2);
  for (let i = 0; i < 3; i++) expect(await login(yard, unknown)).toBe(wrong(unknown));
  expect(questions(unknown)).toBe(2);
  pass(2.9 * second);
  expect(await login(yard, unknown)).toBe(wrong(unknown));
  expect(questions(unknown)).toBe(3);
});

it.each(['scram-sha-256', 'md5', 'password'] as const)('%s: a new password counts from the first login on', async (method) => {
  const yard = await guarded(method);
  expect(await login(yard, user)).toBe('in');
  await onServer(`ALTER ROLE ${user} PASSWORD 'second'`);
  pass(second);
  expect(await login(yard, user, 'second', 'it/postgres')).toBe('in');
  expect(await login(yard, user, password)).toBe(wrong(user));
});

it('a new password used in the very second of the former is refused by SCRAM once, by the others never', async () => {
  for (const [method, first] of [
    ['scram-sha-256', wrong(user)],
    ['password', 'in'],
  ] as const) {
    await onServer(`ALTER ROLE ${user} PASSWORD '${password}'`);
    const yard = await guarded(method);
    expect(await login(yard, user)).toBe('in');
    await onServer(`ALTER ROLE ${user} PASSWORD 'second'`);
    expect(await login(yard, user, 'second')).toBe(first);
    expect(await login(yard, user, 'second')).toBe('in');
  }
});

it('a role that is made, or gets a password, after it has been refused comes in at the second attempt', async () => {
  const yard = await guarded();
  const late = `${user}_late`;
  expect(await login(yard, late)).toBe(wrong(late));
  await onServer(`CREATE ROLE ${late} LOGIN PASSWORD '${password}'`);
  pass(second);
  expect(await login(yard, late)).toBe(wrong(late));
  expect(await login(yard, late)).toBe('in');
});

it('what a server refuses is asked for again', async () => {
  const yard = await guarded();
  expect(await login(yard, user)).toBe('in');
  await onServer(`ALTER ROLE ${user} PASSWORD 'second'`);
  // In the very second in which the former verifier was read, the former password is still believed here; not by the server.
  expect(await login(yard, user, password, 'it/postgres')).toMatch(/^28P01 .*another verifier.* \| Check that/);
  expect(await login(yard, user, 'second', 'it/postgres')).toBe('in');
});

it('serve for half a minute when their server is down, and the others are told why at once', async () => {
  const yard = await guarded();
  expect(await login(yard, user)).toBe('in');
  await server().down();
  for (let age = 0; age < 29; age += 4) {
    expect(await login(yard, user), `after ${age} s`).toBe('in');
    expect(await login(yard, user, 'wrong')).toBe(wrong(user));
    pass(4 * second);
  }
  const down =
    /^28000 clients cannot be checked: the verifiers of endpoint source \(127\.0\.0\.1:\d+\) cannot be read: nothing listens on .* \| Start that server/;
  expect(await login(yard, 'somebody')).toMatch(down);
  expect(await login(yard, user)).toMatch(down);
  await server().up();
  pass(second);
  expect(await login(yard, user)).toBe('in');
});

it('that never come: a silent server costs every client five seconds, not each of them five more', async () => {
  const yard = await guarded();
  server().pause();
  try {
    const started = performance.now();
    const outcomes = await Promise.all(Array.from({ length: 10 }, (_, n) => login(yard, `${user}_${n}`)));
    for (const outcome of outcomes) expect(outcome).toMatch(/^28000 clients cannot be checked.*did not finish the login within 5000 ms/);
    expect(performance.now() - started).toBeLessThan(20_000);
  } finally {
    server().resume();
  }
  pass(second);
  expect(await login(yard, user)).toBe('in');
});

it('that may not be read: the words say what right is missing', async () => {
  const yard = await guarded('scram-sha-256', `postgresql://plain:${encodeURIComponent(admin)}@127.0.0.1:${server().port}/postgres`);
  expect(await login(yard, user)).toMatch(
    /^28000 clients cannot be checked: .* cannot be read: permission denied for table pg_authid \| Only a superuser may read pg_authid.*instead of "plain"/,
  );
});

it('whose endpoint has a wrong password, or is not there any more, are missed in words', async () => {
  const yard = await guarded('scram-sha-256', `postgresql://postgres:wrong@127.0.0.1:${server().port}/postgres`);
  expect(await login(yard, user)).toMatch(
    /^28000 clients cannot be checked: .*refused the login: password authentication failed for user "postgres" \| Check the user and password of the endpoint/,
  );
  await yard.switchyard.handlers['endpoints.remove']({ id: 'source' });
  expect(await login(yard, user)).toMatch(/^28000 .*read from endpoint "source", which does not exist \| Choose another endpoint/);
});

it('come over a new connection when the one that was kept has died', async () => {
  const yard = await guarded();
  expect(await login(yard, user)).toBe('in');
  await onServer(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'switchyard'`);
  pass(second);
  expect(await login(yard, user)).toBe('in');
  expect(questions(user)).toBeGreaterThanOrEqual(2);
});

it('of users that do not exist are made up, the same at every attempt and after a restart', async () => {
  const secret = createHash('sha256').update('kept').digest();
  const saltOf = async (name: string, mockSecret: Buffer): Promise<string> => {
    const yard = await startYard({
      endpoints: { source: server().url() },
      options: { mockSecret: () => mockSecret, settings: { authentication: { method: 'scram-sha-256', verifiersFrom: 'source' } } },
    });
    const client = await WireClient.open(yard.port);
    try {
      client.write(startup({ user: name, database: 'switchyard' }));
      expect((await client.next()).type).toBe('R');
      const first = Buffer.from('n,,n=,r=abcdef');
      const body = Buffer.concat([Buffer.from('SCRAM-SHA-256\0'), Buffer.from([0, 0, 0, first.length]), first]);
      const head = Buffer.from([0x70, 0, 0, 0, 0]);
      head.writeInt32BE(body.length + 4, 1);
      client.write(Buffer.concat([head, body]));
      const answer = (await client.next()).body.subarray(4).toString();
      return /^r=abcdef[^,]+,s=([A-Za-z0-9+/=]{24}),i=4096$/.exec(answer)?.[1] ?? answer;
    } finally {
      client.destroy();
      await yard.stop();
    }
  };
  const known = await saltOf(user, secret);
  expect(known).toHaveLength(24);
  expect(await saltOf(user, secret)).toBe(known);
  const unknown = await saltOf('nobody', secret);
  expect(unknown).toHaveLength(24);
  expect(await saltOf('nobody', secret)).toBe(unknown);
  expect(await saltOf('anybody', secret)).not.toBe(unknown);
  expect(await saltOf('nobody', createHash('sha256').update('other').digest())).not.toBe(unknown);
});
