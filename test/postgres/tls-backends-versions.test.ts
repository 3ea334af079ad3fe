/** TLS with older servers, and the newer way to begin with it at once. */
import pg from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { dial, DialFailure } from '../../core/backend/dial.ts';
import { loginFor } from '../../core/backend/login.ts';
import type { ServerConnection } from '../../core/backend/server-connection.ts';
import { parseBackendUrl } from '../../core/endpoints/map.ts';
import { query } from '../../core/wire/messages.ts';
import { TestAuthority, useFolder, type Issued } from '../support/certificates.ts';
import type { Major } from '../support/cluster.ts';
import { useTlsCluster } from '../support/tls-cluster.ts';

const folder = useFolder();
let authority: TestAuthority;
let certificate: Issued;

beforeAll(async () => {
  authority = await TestAuthority.make('Test authority');
  certificate = await authority.issue({ name: 'localhost', alternatives: ['localhost', '127.0.0.1'] });
  await folder.write('root.pem', authority.certificate);
});

describe.each([15, 16, 18] as const)('PostgreSQL %i', (major: Major) => {
  const server = useTlsCluster(() => ({ major, server: certificate, hba: ['hostssl all guest 127.0.0.1/32 scram-sha-256'] }));

  beforeAll(async () => {
    const admin = new pg.Client({ connectionString: server().url() });
    await admin.connect();
    await admin.query("CREATE ROLE guest LOGIN PASSWORD 'guest of the house'");
    await admin.end();
  });

  async function connect(more = ''): Promise<ServerConnection> {
    const url = `postgresql://guest:guest%20of%20the%20house@127.0.0.1:${server().port}/postgres?sslmode=verify-full&sslrootcert=${folder.path('root.pem')}`;
    const spec = { id: 'e', ...parseBackendUrl(`${url}&channel_binding=require${more}`) };
    return await dial(loginFor(spec, 'guest', 'postgres', new Map()), { deadlineMs: 20_000 });
  }

  /** Runs a long statement and cancels it on the way that the connection itself came. */
  async function isCancelled(connection: ServerConnection): Promise<boolean> {
    const { answer } = connection.exchange(query('SELECT pg_sleep(120)'), 1, { deadlineMs: 60_000 });
    let running = true;
    const messages = answer.finally(() => (running = false));
    messages.catch(() => {});
    // One that comes before the statement does nothing.
    while (running) await connection.cancel(() => running);
    return (await messages).some(({ body }) => body.includes('57014'));
  }

  it('is asked for encryption, checked, bound to, and cancelled', async () => {
    const connection = await connect();
    expect(connection.tls).toMatchObject({ protocol: expect.stringMatching(/^TLSv1\.[23]$/) as string, verified: 'chain and name' });
    expect(await isCancelled(connection)).toBe(true);
    connection.end();
  });

  it('begins with TLS at once, cancel requests too, from version 17 on; before, the hint says what is missing', async () => {
    if (major < 17) {
      const error: unknown = await connect('&sslnegotiation=direct').catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(DialFailure);
      expect(error).toMatchObject({ kind: 'tls', hint: expect.stringContaining('PostgreSQL 17') as string });
      return;
    }
    const connection = await connect('&sslnegotiation=direct');
    expect(connection.tls?.verified).toBe('chain and name');
    expect(await isCancelled(connection)).toBe(true);
    connection.end();
  });
});
