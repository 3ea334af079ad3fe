/**
 * Clients' own logins passed on to servers, and over migrations: to a server with the same verifier they work, to any other the
 * move is refused before the session is touched, in words that say what to do.
 */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { TransferRow, Verdict } from '../../core/contract/index.ts';
import { useCluster, type TestClusterOptions } from '../support/cluster.ts';
import { sessionId } from '../support/migration.ts';
import { startYard, type Yard } from '../support/yard.ts';
import { text } from '../support/matching.ts';

const admin = 'the admin’s';
const password = 'the user’s';
/** Databases are asked for their clients' passwords in different ways; `postgres` by SCRAM. */
const options: TestClusterOptions = {
  auth: 'scram-sha-256',
  password: admin,
  settings: { md5_password_warnings: 'off' },
  hba: ['host clear all 127.0.0.1/32 password', 'host hashed all 127.0.0.1/32 md5', 'host trusting all 127.0.0.1/32 trust'],
};
const home = useCluster({ ...options, name: 'home' });
const same = useCluster({ ...options, name: 'same' });
const other = useCluster({ ...options, name: 'other' });

async function onServer(url: string, ...statements: string[]): Promise<Record<string, string>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    let rows: Record<string, string>[] = [];
    for (const statement of statements) ({ rows } = await client.query<Record<string, string>>(statement));
    return rows;
  } finally {
    await client.end();
  }
}

const scram = (role: string, secret: string) => [
  `SET password_encryption = 'scram-sha-256'`,
  `CREATE ROLE ${role} LOGIN PASSWORD '${secret}'`,
];
const md5 = (role: string, secret: string) => [`SET password_encryption = 'md5'`, `CREATE ROLE ${role} LOGIN PASSWORD '${secret}'`];

beforeAll(async () => {
  const databases = ['clear', 'hashed', 'trusting'].map((name) => `CREATE DATABASE ${name}`);
  const [alice = {}] = await onServer(
    home().url(),
    ...databases,
    ...['alice', 'bert', 'cleo', 'gone'].flatMap((role) => scram(role, password)),
    ...['mona', 'max'].flatMap((role) => md5(role, password)),
    `SELECT rolpassword FROM pg_authid WHERE rolname = 'alice'`,
  );
  await onServer(same().url(), ...databases, ...scram('alice', alice['rolpassword'] ?? ''), ...md5('mona', password));
  await onServer(
    other().url(),
    ...databases,
    ...scram('alice', password),
    ...md5('bert', password),
    ...scram('cleo', password),
    ...scram('mona', password),
    ...md5('max', 'another'),
  );
});

const open: pg.Client[] = [];
let yard: Yard;

function useMethod(method: 'scram-sha-256' | 'md5'): void {
  beforeAll(async () => {
    const bare = (server: typeof home, database: string) => `postgresql://127.0.0.1:${server().port}/${database}`;
    yard = await startYard({
      endpoints: {
        home: bare(home, 'postgres'),
        'home-hashed': bare(home, 'hashed'),
        same: bare(same, 'postgres'),
        'same-hashed': bare(same, 'hashed'),
        other: bare(other, 'postgres'),
        'other-clear': bare(other, 'clear'),
        'other-hashed': bare(other, 'hashed'),
        'other-trusting': bare(other, 'trusting'),
        source: home().url(),
      },
      options: { settings: { authentication: { method, verifiersFrom: 'source' } } },
    });
  });
  afterEach(async () => {
    for (const client of open.splice(0)) await client.end();
  });
  afterAll(() => yard.stop());
}

async function login(user: string, database: string): Promise<pg.Client> {
  const client = new pg.Client({ host: yard.host, port: yard.port, user, password, database });
  open.push(client);
  await client.connect();
  return client;
}

/** Where a session is: the server's port and the process that serves it there. */
async function whereIs(client: pg.Client): Promise<{ port: number; pid: number }> {
  const { rows } = await client.query<{ port: number; pid: number }>('SELECT inet_server_port() AS port, pg_backend_pid() AS pid');
  if (rows[0] === undefined) throw new Error('no answer');
  return rows[0];
}

async function migrate(session: number, to: string): Promise<TransferRow> {
  const { operationId } = await yard.switchyard.handlers.migrate({ sessionIds: [session], to, withinMs: 20_000 });
  const find = async () => (await yard.snapshot()).transfers.find((row) => row.operationId === operationId && row.outcome !== null);
  await expect.poll(find, { timeout: 30_000 }).toBeDefined();
  const row = await find();
  if (row === undefined) throw new Error('the transfer is gone');
  return row;
}

async function verdictOf(session: number, to: string): Promise<Verdict> {
  const { verdicts } = await yard.switchyard.handlers.preflight({ sessionIds: [session], to });
  if (verdicts[0] === undefined) throw new Error('no verdict');
  return verdicts[0];
}

/** Moving `client` to `to` is refused for `code`, by the preflight and by the move, and the session never notices. */
async function refusedMove(client: pg.Client, to: string, code: string, reason: RegExp, hint: RegExp): Promise<'untouched'> {
  const id = await sessionId(yard, client);
  const before = await whereIs(client);
  const { counters } = await yard.snapshot();
  const blocker = { level: 'block', code, message: text(reason), hint: text(hint) };
  const verdict = await verdictOf(id, to);
  expect(verdict).toMatchObject({ verdict: 'refused', reason: text(reason) });
  expect(verdict.findings).toContainEqual(blocker);
  const row = await migrate(id, to);
  expect(row).toMatchObject({ outcome: 'refused', reason: text(reason), pauseMs: null });
  expect(row.findings).toContainEqual(blocker);
  expect(row.phases.map(({ name }) => name)).not.toContain('suspend');
  expect(await whereIs(client)).toEqual(before);
  const after = (await yard.snapshot()).counters;
  expect(after).toMatchObject({ attempted: counters.attempted, refused: counters.refused + 1 });
  return 'untouched';
}

describe('a login by SCRAM', () => {
  useMethod('scram-sha-256');

  it('goes along, to and fro, while the client is busy; a move that cannot be is refused meanwhile', async () => {
    const client = await login('alice', 'home/postgres');
    const id = await sessionId(yard, client);
    let stop = false;
    let queries = 0;
    const ports = new Set<number>();
    const work = (async () => {
      while (!stop) {
        ports.add((await whereIs(client)).port);
        queries++;
      }
    })();
    try {
      for (let round = 0; round < 5; round++) {
        expect(await migrate(id, 'same')).toMatchObject({ outcome: 'success' });
        expect(await migrate(id, 'other')).toMatchObject({ outcome: 'refused', pauseMs: null });
        expect(await migrate(id, 'home')).toMatchObject({ outcome: 'success' });
      }
    } finally {
      stop = true;
      await work;
    }
    expect(queries).toBeGreaterThan(10);
    expect(ports).toEqual(new Set([home().port, same().port]));
  });

  it.each([
    ['alice', 'other', 'other_verifier', /keeps the password of role "alice" under another verifier/, /ALTER ROLE/],
    ['gone', 'other', 'other_verifier', /or does not know that role/, /Check that "gone" exists there/],
    [
      'alice',
      'other-clear',
      'credential_unusable',
      /asks for a password for role "alice".*SCRAM proof only/,
      /enter the password.*pg_hba\.conf/,
    ],
    ['bert', 'other-hashed', 'credential_unusable', /asks for a password \(md5\) for role "bert"/, /ask for scram-sha-256/],
    ['gone', 'other-trusting', 'login_refused', /role "gone" does not exist/, /Check that role "gone" may log in/],
  ])('of %s is not taken to %s: %s', async (user, to, code, reason, hint) => {
    expect(await refusedMove(await login(user, 'home/postgres'), to, code, reason, hint)).toBe('untouched');
  });

  it('is not needed by a server that trusts', async () => {
    const client = await login('alice', 'home/postgres');
    expect(await migrate(await sessionId(yard, client), 'other-trusting')).toMatchObject({ outcome: 'success' });
    expect(await whereIs(client)).toMatchObject({ port: other().port });
  });

  it('is tried anew when the verifiers have been made equal', async () => {
    const client = await login('alice', 'home/postgres');
    const id = await sessionId(yard, client);
    expect(await migrate(id, 'other')).toMatchObject({ outcome: 'refused' });
    const [row = {}] = await onServer(other().url(), `SELECT rolpassword FROM pg_authid WHERE rolname = 'alice'`);
    const [ours = {}] = await onServer(home().url(), `SELECT rolpassword FROM pg_authid WHERE rolname = 'alice'`);
    await onServer(other().url(), `ALTER ROLE alice PASSWORD '${ours['rolpassword']}'`);
    try {
      expect(await verdictOf(id, 'other')).toMatchObject({ verdict: 'ready' });
      expect(await migrate(id, 'other')).toMatchObject({ outcome: 'success' });
      expect(await whereIs(client)).toMatchObject({ port: other().port });
    } finally {
      await onServer(other().url(), `ALTER ROLE alice PASSWORD '${row['rolpassword']}'`);
    }
  });

  it('that opens even the server it is on no more is told so', async () => {
    const client = await login('cleo', 'home/postgres');
    await onServer(home().url(), `ALTER ROLE cleo PASSWORD 'changed'`);
    try {
      expect(
        await refusedMove(client, 'other-trusting', 'other_verifier', /^a second connection to the server it is on cannot be had/, /cleo/),
      ).toBe('untouched');
    } finally {
      await onServer(home().url(), `ALTER ROLE cleo PASSWORD '${password}'`);
    }
  });
});

describe('a login by md5', () => {
  useMethod('md5');

  it('goes along to a server with the same hash', async () => {
    const client = await login('mona', 'home-hashed/hashed');
    expect(await migrate(await sessionId(yard, client), 'same-hashed')).toMatchObject({ outcome: 'success' });
    expect(await whereIs(client)).toMatchObject({ port: same().port });
  });

  it.each([
    [
      'mona',
      'other',
      'credential_unusable',
      /asks for a password \(SCRAM-SHA-256\) for role "mona".*md5 answer only/,
      /enter the password/,
    ],
    ['mona', 'other-clear', 'credential_unusable', /asks for a password for role "mona".*md5 answer only/, /ask for md5/],
    ['max', 'other-hashed', 'login_refused', /password authentication failed for user "max"/, /may have been changed/],
  ])('of %s is not taken to %s: %s', async (user, to, code, reason, hint) => {
    expect(await refusedMove(await login(user, 'home-hashed/hashed'), to, code, reason, hint)).toBe('untouched');
  });
});
