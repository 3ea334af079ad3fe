/** How clients prove who they are: each method, through node-postgres, postgres.js and psql, against verifiers of a real server. */
import pg from 'pg';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeVerifier } from '../../core/auth/verifier.ts';
import { useCluster } from '../support/cluster.ts';
import { describeWithProgram, runProgram } from '../support/programs.ts';
import { startYard, type Yard } from '../support/yard.ts';

const admin = 'the admin’s';
const password = 'alice’s: ünd %@/';
const cluster = useCluster({ auth: 'scram-sha-256', password: admin });
/** Where passwords are kept as md5 hashes, and asked for that way. */
const old = useCluster({
  auth: 'md5',
  password: admin,
  settings: { password_encryption: 'md5', md5_password_warnings: 'off' },
});

const roles = `
  CREATE ROLE alice LOGIN PASSWORD '${password}';
  CREATE ROLE nologin NOLOGIN PASSWORD '${password}';
  CREATE ROLE bare LOGIN;
  CREATE ROLE late LOGIN PASSWORD '${password}' VALID UNTIL '2001-01-01';
  CREATE ROLE soon LOGIN PASSWORD '${password}' VALID UNTIL 'infinity'`;

beforeAll(async () => {
  for (const server of [cluster(), old()]) {
    const client = new pg.Client({ connectionString: server.url() });
    await client.connect();
    await client.query(roles);
    await client.end();
  }
});

describe.each([
  ['scram-sha-256', 'a server with SCRAM verifiers', cluster],
  ['md5', 'a server with SCRAM verifiers', cluster],
  ['md5', 'a server with md5 verifiers', old],
  ['password', 'a server with SCRAM verifiers', cluster],
  ['password', 'a server with md5 verifiers', old],
] as const)('%s, in front of %s', (method, _, server) => {
  let yard: Yard;
  beforeAll(async () => {
    yard = await startYard({
      // Clients log in there with what they have proven here; only the source of the verifiers has a password of its own.
      endpoints: { it: `postgresql://127.0.0.1:${server().port}/postgres`, source: server().url() },
      options: { settings: { authentication: { method, verifiersFrom: 'source' } } },
    });
  });
  afterAll(() => yard.stop());

  /** `in`, or what it was told. */
  async function login(user: string, secret: string, database = 'it/postgres'): Promise<string> {
    const client = new pg.Client({ host: yard.host, port: yard.port, user, password: secret, database });
    try {
      await client.connect();
      const { rows } = await client.query<{ who: string }>(database === 'switchyard' ? 'SHOW VERSION' : 'SELECT current_user AS who');
      if (database !== 'switchyard') expect(rows).toEqual([{ who: user }]);
      return 'in';
    } catch (error) {
      if (!(error instanceof pg.DatabaseError)) throw error;
      return `${error.code} ${error.message}`;
    } finally {
      await client.end();
    }
  }

  it('lets the right password in and passes the login on', async () => {
    expect(await login('alice', password)).toBe('in');
    expect(await login('soon', password)).toBe('in');
  });

  it.each(['alice', 'nobody', 'late', 'bare', 'nologin'])('tells %s with a wrong password nothing more', async (user) => {
    expect(await login(user, 'wrong')).toBe(`28P01 password authentication failed for user "${user}"`);
  });

  it('honours VALID UNTIL and NOLOGIN', async () => {
    expect(await login('late', password)).toBe('28P01 password authentication failed for user "late"');
    expect(await login('nologin', password)).toBe('28000 role "nologin" is not permitted to log in');
    expect((await yard.snapshot()).log.map(({ message }) => message).join('\n')).toContain('expired (VALID UNTIL)');
  });

  it('guards the console as it guards the databases', async () => {
    expect(await login('alice', 'wrong', 'switchyard')).toMatch(/^28P01/);
    expect(await login('alice', password, 'switchyard')).toBe('in');
  });

  it('serves postgres.js', async () => {
    const open = (secret: string) =>
      postgres({ host: yard.host, port: yard.port, user: 'alice', password: secret, database: 'it/postgres', max: 1, onnotice: () => {} });
    const sql = open(password);
    expect(await sql`SELECT ${7}::int AS n`).toEqual([{ n: 7 }]);
    await sql.end();
    const refused = open('wrong');
    await expect(refused`SELECT 1`).rejects.toMatchObject({ code: '28P01' });
    await refused.end();
  });

  describeWithProgram('psql', 'psql', (psql) => {
    const run = (PGPASSWORD: string) =>
      runProgram(psql, ['-XAtc', 'SELECT 1', `host=${yard.host} port=${yard.port} user=alice dbname=it/postgres`], { env: { PGPASSWORD } });

    it('comes in, or hears PostgreSQL’s own words', async () => {
      expect(await run(password)).toMatchObject({ code: 0, stdout: '1\n' });
      expect((await run('wrong')).stderr).toContain('FATAL:  password authentication failed for user "alice"');
    });
  });
});

describe('users of the settings', () => {
  it('come in by their own verifiers, and to servers by the endpoint’s password', async () => {
    const yard = await startYard({
      endpoints: { it: cluster().url() },
      options: {
        settings: { authentication: { method: 'scram-sha-256', users: [{ name: 'carol', verifier: await makeVerifier('carol’s') }] } },
      },
    });
    const open = async (secret: string) => {
      const client = new pg.Client({ host: yard.host, port: yard.port, user: 'carol', password: secret, database: 'it/postgres' });
      await client.connect();
      const { rows } = await client.query<{ who: string }>('SELECT current_user AS who');
      await client.end();
      return rows;
    };
    try {
      expect(await open('carol’s')).toEqual([{ who: 'postgres' }]);
      await expect(open('wrong')).rejects.toMatchObject({ code: '28P01' });
    } finally {
      await yard.stop();
    }
  });
});
