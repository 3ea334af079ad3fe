/** SCRAM bound to the TLS channel, against real servers and with somebody in between. */
import pg from 'pg';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { scramKeys } from '../../core/auth/scram-keys.ts';
import { parseVerifier } from '../../core/auth/verifier.ts';
import type { Credential } from '../../core/backend/credential.ts';
import { dial, DialFailure } from '../../core/backend/dial.ts';
import { loginFor } from '../../core/backend/login.ts';
import { parseBackendUrl } from '../../core/endpoints/map.ts';
import { TestAuthority, type Issued } from '../support/certificates.ts';
import { startImpostor, type TlsRelay } from '../support/tls-relay.ts';
import { installCertificate, useTlsCluster } from '../support/tls-cluster.ts';

const PASSWORD = 'bound to the channel';
let authority: TestAuthority;
let certificate: Issued;
let impostors: Issued;

beforeAll(async () => {
  authority = await TestAuthority.make('Test authority');
  certificate = await authority.issue({ name: 'localhost' });
  impostors = await authority.issue({ name: 'localhost' });
});

const server = useTlsCluster(() => ({
  server: certificate,
  hba: ['host all bound 127.0.0.1/32 scram-sha-256', 'hostssl all clear 127.0.0.1/32 password', 'hostssl all trusted 127.0.0.1/32 trust'],
}));

beforeAll(async () => {
  for (const role of ['bound', 'clear', 'trusted']) await asSuperuser(`CREATE ROLE ${role} LOGIN PASSWORD '${PASSWORD}'`);
});

async function asSuperuser(sql: string): Promise<Record<string, unknown>[]> {
  const admin = new pg.Client({ connectionString: server().url() });
  await admin.connect();
  try {
    return (await admin.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await admin.end();
  }
}

/** Logs in over TLS without looking at the certificate; answers whether that went well, or the server's words. */
async function login(port: number, credential?: Credential, role = 'bound', query = 'sslmode=require'): Promise<string> {
  const password = credential === undefined ? `:${encodeURIComponent(PASSWORD)}` : '';
  const spec = { id: 'e', ...parseBackendUrl(`postgresql://${role}${password}@127.0.0.1:${port}/postgres?${query}`) };
  try {
    const connection = await dial(loginFor(spec, role, 'postgres', new Map(), credential), { deadlineMs: 20_000 });
    connection.end();
    return 'in';
  } catch (error) {
    if (error instanceof DialFailure) return error.fields?.message ?? error.message;
    throw error;
  }
}

async function between(rewrite?: (bytes: Buffer) => Buffer): Promise<TlsRelay> {
  const relay = await startImpostor(server().port, impostors, rewrite);
  onTestFinished(() => relay.close());
  return relay;
}

it('lets the proxy in, and nobody who sits in between with a certificate of his own', async () => {
  expect(await login(server().port)).toBe('in');
  expect(await login((await between()).port)).toBe('SCRAM channel binding check failed');
});

it('cannot be talked out of the binding: the server notices that somebody took it out of its offer', async () => {
  const relay = await between((bytes) => {
    const at = bytes.indexOf('SCRAM-SHA-256-PLUS\0');
    // The message gets shorter by the name, and its length says so.
    if (at !== 9) return bytes;
    const shorter = Buffer.concat([bytes.subarray(0, 9), bytes.subarray(at + 19)]);
    shorter.writeInt32BE(shorter.readInt32BE(1) - 19, 1);
    return shorter;
  });
  expect(await login(relay.port)).toMatch(/SCRAM channel binding negotiation error/);
});

it('holds for keys captured from a client, too', async () => {
  const [row] = await asSuperuser("SELECT rolpassword FROM pg_authid WHERE rolname = 'bound'");
  const verifier = parseVerifier(String(row?.['rolpassword']));
  if (verifier?.kind !== 'scram') throw new Error('no SCRAM verifier');
  const { salt, iterations } = verifier;
  const keys: Credential = { kind: 'scram-keys', salt, iterations, ...(await scramKeys(PASSWORD, salt, iterations)) };
  expect(await login(server().port, keys)).toBe('in');
  expect(await login((await between()).port, keys)).toBe('SCRAM channel binding check failed');
});

it('can be required: then nothing else is taken part in', async () => {
  const required = async (role: string, query = 'sslmode=require'): Promise<string> =>
    login(server().port, undefined, role, `${query}&channel_binding=require`);
  expect(await required('bound')).toBe('in');
  expect(await required('bound', 'sslmode=prefer')).toBe('in');
  expect(await required('bound', 'sslmode=disable')).toMatch(/requires channel binding, and .* is not connected over TLS/);
  expect(await required('clear')).toMatch(/requires channel binding, and .* asks for a login without it/);
  expect(await required('trusted')).toMatch(/requires channel binding, and .* asks for a login without it/);
});

it('can be left out: then whoever sits in between is not noticed', async () => {
  expect(await login((await between()).port, undefined, 'bound', 'sslmode=require&channel_binding=disable')).toBe('in');
});

it.each(['SHA-384', 'SHA-512'] as const)('binds by the hash that the certificate is signed with: %s', async (hash) => {
  await installCertificate(server(), await authority.issue({ name: 'localhost', hash }));
  await server().restart();
  expect(await login(server().port)).toBe('in');
  expect(await login((await between()).port)).toBe('SCRAM channel binding check failed');
});
