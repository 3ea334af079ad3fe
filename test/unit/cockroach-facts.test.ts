/** What is known of CockroachDB servers and sessions without moving any. */
import { describe, expect, it } from 'vitest';
import { AddressedBackends } from '../../core/backend/addressed-backends.ts';
import { DialFailure } from '../../core/backend/dial.ts';
import { NO_CREDENTIAL } from '../../core/backend/credential.ts';
import type { Login } from '../../core/backend/login.ts';
import type { ServerConnection } from '../../core/backend/server-connection.ts';
import { reservedName, withoutReserved } from '../../core/backend/reserved-parameters.ts';
import { compareCockroach, type CockroachFacts } from '../../core/migration/cockroach/facts.ts';
import { findHeld } from '../../core/migration/cockroach/held.ts';
import { lossBetween } from '../../core/migration/cockroach/look.ts';
import { HeldNotes } from '../../core/session/held-notes.ts';
import { modeAt } from '../../core/session/mode-at.ts';
import { PREFER_TLS } from '../../core/tls/backend-tls.ts';
import { say, ScriptedServer } from '../support/scripted-server.ts';

const login: Login = {
  backend: { id: 'pod:1', connect: { host: 'pod', port: 1 } },
  tls: PREFER_TLS,
  database: 'd',
  role: 'ada',
  credential: NO_CREDENTIAL,
  startup: new Map(),
  clientAddress: '10.0.0.1:5000',
};

describe('two nodes', () => {
  const facts = (version: string, clusterId: string | null = 'c1'): CockroachFacts => ({
    version: `CockroachDB CCL ${version} (x)`,
    clusterId,
  });
  const codes = (from: CockroachFacts, to: CockroachFacts, as: Login = login): string[] =>
    compareCockroach(from, to, as).map(({ level, code }) => `${level} ${code}`);

  it('of one cluster and release have nothing between them', () => {
    expect(codes(facts('v25.2.0'), facts('v25.2.7'))).toEqual([]);
    expect(codes(facts('v25.2.0', null), facts('v25.2.0'))).toEqual([]);
  });

  it('of two clusters refuse each other’s sessions; other releases are told of', () => {
    expect(codes(facts('v25.2.0'), facts('v25.2.0', 'c2'))).toEqual(['block other_cluster']);
    expect(codes(facts('v24.3.1'), facts('v25.1.0'))).toEqual(['warn newer_server']);
    expect(codes(facts('v24.3.1'), facts('v24.1.12'))).toEqual(['warn older_server']);
    expect(codes(facts('v9.9.1'), facts('v24.1.12'))).toEqual(['warn newer_server']);
  });

  it('never take sessions of root, or over a binding that a token cannot have', () => {
    const [from, to] = [facts('v25.2.0'), facts('v25.2.0')];
    expect(codes(from, to, { ...login, role: 'root' })).toEqual(['block root_user']);
    expect(codes(from, to, { ...login, tls: { ...PREFER_TLS, channelBinding: 'require' } })).toEqual(['block channel_binding']);
  });
});

describe('what a session holds', () => {
  const noted = (...statements: string[]): HeldNotes => {
    const notes = new HeldNotes();
    for (const sql of statements) notes.note(Buffer.from(sql), 0, Buffer.byteLength(sql));
    return notes;
  };

  it.each<[string[], string[]]>([
    [['LISTEN news'], ['news']],
    [['SELECT 1; listen "Big News"'], ['Big News']],
    [['/* x */ LISTEN a', 'LISTEN B', 'UNLISTEN a'], ['b']],
    [['LISTEN a', 'LISTEN b', 'UNLISTEN *'], []],
    [['LISTEN a', 'DISCARD ALL'], []],
    [["SELECT 'listen to me'"], []],
    [['-- LISTEN a\nSELECT 1'], []],
  ])('after %j it listens on %j', (statements, channels) => {
    expect([...noted(...statements).channels]).toEqual(channels);
  });

  it('may be cursors and locks', () => {
    expect(noted('DECLARE c CURSOR WITH HOLD FOR SELECT 1')).toMatchObject({ mayHoldCursors: true, isEmpty: false });
    expect(noted('DECLARE c CURSOR FOR SELECT 1')).toMatchObject({ mayHoldCursors: false, isEmpty: true });
    expect(noted('SELECT pg_catalog.pg_try_advisory_lock(1)')).toMatchObject({ mayHoldLocks: true });
    expect(noted('SELECT pg_advisory_lock_shared(1)', 'SELECT pg_advisory_unlock_all()')).toMatchObject({ mayHoldLocks: false });
    expect(noted('SELECT pg_advisory_xact_lock(1)')).toMatchObject({ mayHoldLocks: false });
  });

  it.each<[string, Buffer, string[]]>([
    ['has none open', Buffer.concat([say.frame('1'), say.frame('2'), say.done('SELECT 0')]), []],
    ['names one', Buffer.concat([say.frame('1'), say.frame('2'), say.row('c1'), say.done('SELECT 1')]), ['held_cursor']],
    ['keeps no such catalog', say.error('relation "pg_cursors" does not exist', '42P01'), ['held_cursor']],
  ])('is asked of the server where statements speak of it: one that %s', async (_what, answer, codes) => {
    const server = await ScriptedServer.start(({ type }, socket) => {
      if (type === 'P') socket.write(answer);
      else if (type === 'S') socket.write(say.ready());
    });
    const connection = await server.connection();
    const found = await findHeld(connection, noted('DECLARE c CURSOR WITH HOLD FOR SELECT 1'), { deadlineMs: 10_000 });
    expect(found.map(({ code }) => code)).toEqual(codes);
    expect(await findHeld(connection, noted('SELECT 1'), { deadlineMs: 10_000 })).toEqual([]);
    expect(server.heard.map(({ type }) => type).join('')).toBe('PBESCCS');
  });
});

describe('what did not come along', () => {
  const look = (statements: string[] | null, settings: Record<string, string> | null) => ({
    statements: statements === null ? null : new Set(statements),
    settings: settings === null ? null : new Map(Object.entries(settings)),
  });

  it('is named', () => {
    expect(lossBetween(look(['a', 'b'], { x: '1' }), look(['a', 'b', 'c'], { x: '1', y: '2' }))).toBeNull();
    expect(lossBetween(look(['a', 'b'], null), look(['a'], null))).toBe('prepared statements did not come along: b');
    expect(lossBetween(look([], { x: '1' }), look([], { x: '2' }))).toBe('settings came out differently: x (1 here, 2 there)');
    expect(lossBetween(look(null, null), look(['a'], { x: '1' }))).toBeNull();
    expect(lossBetween(look(['a'], { x: '1' }), look(null, null))).toBeNull();
  });
});

describe('reserved startup parameters', () => {
  it('are known in any case, and only they', () => {
    expect(reservedName('CRDB:Remote_Addr')).toBe('crdb:remote_addr');
    expect(reservedName('crdb:session_REVIVAL_token_base64')).toBe('crdb:session_revival_token_base64');
    expect(reservedName('Crdb:Other')).toBeNull();
    const mixed = new Map([
      ['Search_Path', 'a'],
      ['crdb:REMOTE_addr', 'x'],
    ]);
    expect([...withoutReserved(mixed)]).toEqual([['Search_Path', 'a']]);
  });
});

describe('the address of the client', () => {
  const connection = (...parameters: [string, string][]): ServerConnection =>
    ({ backend: login.backend, parameters: new Map(parameters) }) as unknown as ServerConnection;
  const cockroach = connection(['crdb_version', 'v25']);

  /** What each login told, in their order. */
  async function logins(...answers: (ServerConnection | Error)[]): Promise<(string | undefined)[]> {
    const backends = new AddressedBackends();
    const told: (string | undefined)[] = [];
    const left = [...answers];
    while (left.length > 0) {
      await backends
        .dial(login, async (address) => {
          told.push(address);
          const answer = left.shift();
          await Promise.resolve();
          if (answer === undefined || answer instanceof Error) throw answer ?? new Error('one login too many');
          return answer;
        })
        .catch(() => {});
    }
    return told;
  }

  it('is told from the second login on, and to CockroachDB only', async () => {
    expect(await logins(cockroach, cockroach, cockroach)).toEqual([undefined, login.clientAddress, login.clientAddress]);
    expect(await logins(connection(), connection())).toEqual([undefined, undefined]);
    expect(await logins(cockroach, connection(), connection())).toEqual([undefined, login.clientAddress, undefined]);
  });

  it('is not told again to a server that refuses it; the login goes on without', async () => {
    const fields = {
      severity: 'FATAL',
      sqlState: '08P01',
      message: 'server not configured to accept remote address override (requested: "x")',
    };
    const refusal = new DialFailure('refused', fields.message, null, fields);
    expect(await logins(cockroach, refusal, cockroach, cockroach)).toEqual([undefined, login.clientAddress, undefined, undefined]);
    const other = new DialFailure('refused', 'too many', null, { ...fields, sqlState: '53300', message: 'too many' });
    expect(await logins(cockroach, other, cockroach)).toEqual([undefined, login.clientAddress, login.clientAddress]);
  });
});

it('sessions on CockroachDB are pooled by session', () => {
  expect(modeAt('transaction', new Map([['crdb_version', 'x']]))).toBe('session');
  expect(modeAt('transaction', new Map([['server_version', '18.0']]))).toBe('transaction');
});
