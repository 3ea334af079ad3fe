/** Clients that prove who they are over TLS: each method, SCRAM bound to the channel, and a man in the middle who is noticed. */
import { networkInterfaces } from 'node:os';
import pg from 'pg';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Settings } from '../../core/contract/index.ts';
import { TestAuthority, useFolder } from '../support/certificates.ts';
import { useCluster } from '../support/cluster.ts';
import { text } from '../support/matching.ts';
import { describeWithProgram, runProgram } from '../support/programs.ts';
import { startMiddle, type Middle } from '../support/tls-middle.ts';
import { startYard, type Yard } from '../support/yard.ts';

const password = 'alice’s: ünd %@/';
const cluster = useCluster({ auth: 'scram-sha-256', password: 'the admin’s' });
const folder = useFolder();
const outside = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
let authority: TestAuthority;
let ca = '';
let ours: { certificate: string; key: string };

beforeAll(async () => {
  authority = await TestAuthority.make('tests');
  ca = await folder.write('ca.pem', authority.certificate);
  const issued = await authority.issue({ name: 'localhost', alternatives: ['localhost', '127.0.0.1'] });
  ours = { certificate: await folder.write('server.pem', issued.certificate), key: await folder.write('server.key', issued.key) };
  const client = new pg.Client({ connectionString: cluster().url() });
  await client.connect();
  await client.query(`CREATE ROLE alice LOGIN PASSWORD '${password}'`);
  await client.end();
});

function guarded(method: Settings['authentication']['method'], host = '127.0.0.1'): Promise<Yard> {
  return startYard({
    endpoints: { it: `postgresql://127.0.0.1:${cluster().port}/postgres`, source: cluster().url() },
    options: {
      listen: { host, port: 0 },
      settings: {
        authentication: { method, verifiersFrom: 'source' },
        tls: { clients: 'allow', certificate: { kind: 'files', ...ours } },
      },
    },
  });
}

describe.each(['scram-sha-256', 'md5', 'password'] as const)('%s', (method) => {
  let yard: Yard;
  beforeAll(async () => {
    yard = await guarded(method);
  });
  afterAll(() => yard.stop());

  it.each([
    ['node-postgres', false],
    ['node-postgres, bound to the channel', true],
  ])('serves %s', async (_, enableChannelBinding) => {
    const open = async (secret: string) => {
      const client = new pg.Client({
        host: '127.0.0.1',
        port: yard.port,
        user: 'alice',
        password: secret,
        database: 'it/postgres',
        ssl: { ca: authority.certificate },
        enableChannelBinding,
      });
      await client.connect();
      const { rows } = await client.query<{ who: string }>('SELECT current_user AS who');
      await client.end();
      return rows;
    };
    expect(await open(password)).toEqual([{ who: 'alice' }]);
    await expect(open('wrong')).rejects.toMatchObject({ code: '28P01' });
  });

  it('serves postgres.js', async () => {
    const sql = postgres({
      host: '127.0.0.1',
      port: yard.port,
      user: 'alice',
      password,
      database: 'it/postgres',
      ssl: { ca: authority.certificate },
      max: 1,
    });
    expect(await sql`SELECT current_user AS who`).toEqual([{ who: 'alice' }]);
    await sql.end();
  });

  describeWithProgram('psql', 'psql', (psql) => {
    it.each(['require', 'verify-full'])('comes in with sslmode=%s, or hears PostgreSQL’s own words', async (sslmode) => {
      const place = `host=localhost hostaddr=127.0.0.1 port=${yard.port} user=alice dbname=it/postgres sslmode=${sslmode} sslrootcert=${ca}`;
      const run = (PGPASSWORD: string) => runProgram(psql, ['-XAtc', 'SELECT current_user', place], { env: { PGPASSWORD } });
      expect(await run(password)).toMatchObject({ code: 0, stdout: 'alice\n' });
      expect((await run('wrong')).stderr).toContain('FATAL:  password authentication failed for user "alice"');
    });

    it('may insist on a login that is bound to the channel, as far as the method can', async () => {
      const place = `host=127.0.0.1 port=${yard.port} user=alice dbname=it/postgres sslmode=require channel_binding=require`;
      const run = (PGPASSWORD: string) => runProgram(psql, ['-XAtc', 'SELECT current_user', place], { env: { PGPASSWORD } });
      if (method === 'password') expect((await run(password)).stderr).toContain('channel binding');
      else expect(await run(password)).toMatchObject({ code: 0, stdout: 'alice\n' });
    });
  });
});

describe('a man in the middle, with a certificate of his own', () => {
  let yard: Yard;
  let middle: Middle;
  beforeAll(async () => {
    yard = await guarded('scram-sha-256');
    middle = await startMiddle(yard.port, await authority.issue({ name: 'localhost', alternatives: ['127.0.0.1'] }));
  });
  afterAll(async () => {
    await middle.close();
    await yard.stop();
  });

  describeWithProgram('psql', 'psql', (psql) => {
    const run = (binding: string) =>
      runProgram(
        psql,
        [
          '-XAtc',
          'SELECT current_user',
          `host=127.0.0.1 port=${middle.port} user=alice dbname=it/postgres sslmode=require channel_binding=${binding}`,
        ],
        { env: { PGPASSWORD: password } },
      );

    it('is not noticed without channel binding', async () => {
      expect(await run('disable')).toMatchObject({ code: 0, stdout: 'alice\n' });
    });

    it.each(['prefer', 'require'])('is noticed by channel_binding=%s', async (binding) => {
      const { code, stderr } = await run(binding);
      expect(code).not.toBe(0);
      expect(stderr).toContain('FATAL:  SCRAM channel binding check failed');
    });
  });
});

describe.skipIf(outside === undefined)('from beyond loopback', () => {
  it('a password in clear is taken over TLS, and only over TLS', async () => {
    const yard = await guarded('password', '0.0.0.0');
    const open = (ssl: boolean) => {
      const options = { host: outside ?? '', port: yard.port, user: 'alice', password, database: 'it/postgres' };
      return new pg.Client({ ...options, ssl: ssl ? { rejectUnauthorized: false } : false });
    };
    try {
      const client = open(true);
      await client.connect();
      expect((await client.query('SELECT current_user AS who')).rows).toEqual([{ who: 'alice' }]);
      await client.end();
      await expect(open(false).connect()).rejects.toMatchObject({ code: '28000', hint: text('sslmode=require') });
    } finally {
      await yard.stop();
    }
  });
});
