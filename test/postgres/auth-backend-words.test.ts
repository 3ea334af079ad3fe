/** What a client is told when its login cannot be passed on, or not be taken: each case really brought about. */
import { networkInterfaces } from 'node:os';
import pg from 'pg';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Settings } from '../../core/contract/index.ts';
import { makeVerifier } from '../../core/auth/verifier.ts';
import { useCluster } from '../support/cluster.ts';
import { startYard, type Yard } from '../support/yard.ts';
import { text } from '../support/matching.ts';

const admin = 'the admin’s';
const password = 'the user’s';
const server = useCluster({
  auth: 'scram-sha-256',
  password: admin,
  settings: { md5_password_warnings: 'off' },
  hba: [
    'host clear all 127.0.0.1/32 password',
    'host hashed all 127.0.0.1/32 md5',
    'host trusting all 127.0.0.1/32 trust',
    'host closed all 127.0.0.1/32 reject',
  ],
});

beforeAll(async () => {
  const client = new pg.Client({ connectionString: server().url() });
  await client.connect();
  for (const name of ['clear', 'hashed', 'trusting', 'closed']) await client.query(`CREATE DATABASE ${name}`);
  await client.query(`CREATE ROLE scram LOGIN PASSWORD '${password}'`);
  await client.query(`SET password_encryption = 'md5'`);
  await client.query(`CREATE ROLE md5 LOGIN PASSWORD '${password}'`);
  await client.end();
});

const yards: Yard[] = [];
afterEach(async () => {
  for (const yard of yards.splice(0)) await yard.stop();
});

type Authentication = Partial<Settings['authentication']>;

async function guarded(authentication: Authentication, url = bare('postgres'), listen = '127.0.0.1'): Promise<Yard> {
  const yard = await startYard({
    endpoints: { it: url, source: server().url() },
    options: { settings: { authentication }, listen: { host: listen, port: 0 } },
  });
  yards.push(yard);
  return yard;
}

const bare = (database: string, user = '') => `postgresql://${user}127.0.0.1:${server().port}/${database}`;

/** What a client is told; `{}` when it is let in. */
async function told(yard: Yard, user: string, database: string, host = '127.0.0.1', secret = password) {
  const client = new pg.Client({ host, port: yard.port, user, password: secret, database: `it/${database}` });
  try {
    await client.connect();
    return {};
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    const { severity, code, message, hint } = error;
    return { severity, code, message, hint };
  } finally {
    await client.end();
  }
}

describe('a login that cannot be passed on', () => {
  it.each<[string, Settings['authentication']['method'], string, string, RegExp, RegExp]>([
    [
      'SCRAM, to a server that asks for the password itself',
      'scram-sha-256',
      'scram',
      'clear',
      /asks for a password for role "scram", and the client has given a SCRAM proof only/,
      /enter the password.*or let pg_hba\.conf of .* ask for scram-sha-256/,
    ],
    [
      'md5, to a server that asks for the password itself',
      'md5',
      'md5',
      'clear',
      /asks for a password for role "md5", and the client has given an md5 answer only/,
      /enter the password.*or let pg_hba\.conf of .* ask for md5/,
    ],
    [
      'to a database that is closed to everybody',
      'scram-sha-256',
      'scram',
      'closed',
      /refused the login: pg_hba\.conf rejects connection/,
      /what its pg_hba\.conf says about this address/,
    ],
  ])('%s', async (_, method, user, database, message, hint) => {
    const yard = await guarded({ method, verifiersFrom: 'source' });
    expect(await told(yard, user, database)).toEqual({
      severity: 'FATAL',
      code: text(/^28(000|P01)$/),
      message: text(message),
      hint: text(hint),
    });
  });

  it('by a verifier of the settings, to a server with another', async () => {
    const users = [{ name: 'scram', verifier: await makeVerifier(password) }];
    const yard = await guarded({ method: 'scram-sha-256', users });
    expect(await told(yard, 'scram', 'postgres')).toMatchObject({
      code: '28P01',
      message: text(/another verifier \(another salt or iteration count\)/),
      hint: text(/store a password for the endpoint; or make the verifiers equal: read rolpassword of "scram" from pg_authid/i),
    });
    // What works in its place, as the words say.
    const stored = await guarded({ method: 'scram-sha-256', users }, server().url());
    expect(await told(stored, 'scram', 'postgres')).toEqual({});
  });

  it('under another role than the client’s, without a password', async () => {
    const yard = await guarded({ method: 'scram-sha-256', verifiersFrom: 'source' }, bare('postgres', 'md5@'));
    expect(await told(yard, 'scram', 'postgres')).toMatchObject({
      code: '28P01',
      message: text(/asks for a password \(SCRAM-SHA-256\) for role "md5", and none is stored/),
      hint: text(/enter the password.*PGPASSFILE.*passed on when .* the endpoint names no other role/),
    });
  });

  it('of a trusted client, who has proven nothing', async () => {
    const yard = await guarded({ method: 'trust' });
    expect(await told(yard, 'scram', 'clear')).toMatchObject({
      code: '28P01',
      message: text(/asks for a password for role "scram", and none is stored/),
      hint: text(/Clients' own passwords are passed on when clients have to prove themselves/),
    });
    expect(await told(yard, 'scram', 'trusting')).toEqual({});
  });
});

it('an md5 verifier behind SCRAM: the client hears of a wrong password, the operator hears why', async () => {
  const yard = await guarded({ method: 'scram-sha-256', verifiersFrom: 'source' });
  expect(await told(yard, 'md5', 'hashed')).toMatchObject({ code: '28P01', message: 'password authentication failed for user "md5"' });
  const words = (await yard.snapshot()).log.map(({ message }) => message).join('\n');
  expect(words).toMatch(/its verifier is an md5 one, which scram-sha-256 cannot use\. Set password_encryption to scram-sha-256/);
  // What works in its place, as the words say.
  expect(await told(await guarded({ method: 'md5', verifiersFrom: 'source' }), 'md5', 'hashed')).toEqual({});
});

const outside = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
if (outside === undefined) process.stderr.write('\n*** SKIPPED: clients from beyond loopback: this machine has no other address ***\n');

describe.skipIf(outside === undefined)('from beyond loopback', () => {
  const address = outside ?? '';

  it('a password in clear is not asked for without TLS; SCRAM and md5 come in', async () => {
    const clear = await guarded({ method: 'password', verifiersFrom: 'source' }, bare('postgres'), '0.0.0.0');
    expect(await told(clear, 'scram', 'postgres')).toEqual({});
    expect(await told(clear, 'scram', 'postgres', address)).toEqual({
      severity: 'FATAL',
      code: '28000',
      message: 'passwords in clear are taken over TLS, or from this machine, only',
      hint: text(/sslmode=require/),
    });
    const scram = await guarded({ method: 'scram-sha-256', verifiersFrom: 'source' }, bare('postgres'), '0.0.0.0');
    expect(await told(scram, 'scram', 'postgres', address)).toEqual({});
    const md5 = await guarded({ method: 'md5', verifiersFrom: 'source' }, bare('hashed'), '0.0.0.0');
    expect(await told(md5, 'md5', 'hashed', address)).toEqual({});
  });

  it('nobody is trusted: such a listener does not start', async () => {
    await expect(guarded({ method: 'trust' }, bare('postgres'), '0.0.0.0')).rejects.toMatchObject({ code: 'trust_beyond_loopback' });
  });
});
