/** TLS to backends against real servers, side by side with psql: who gets in where, and what those who do not are told. */
import { mkdir } from 'node:fs/promises';
import pg from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { dial, DialFailure } from '../../core/backend/dial.ts';
import { loginFor } from '../../core/backend/login.ts';
import { parseBackendUrl } from '../../core/endpoints/map.ts';
import { tlsModes } from '../../core/tls/backend-tls.ts';
import type { Cluster } from '../../main/demo/cluster.ts';
import { selfSigned, TestAuthority, useFolder, type Issued } from '../support/certificates.ts';
import { describeWithProgram, runProgram } from '../support/programs.ts';
import { useTlsCluster } from '../support/tls-cluster.ts';

const ROLES = ['anyway', 'only_ssl', 'only_plain', 'with_cert', 'cert_and_password', 'password'];
const PASSWORD = 'tls:pass word';
const HBA = [
  'hostssl all only_ssl 127.0.0.1/32 trust',
  'hostnossl all only_plain 127.0.0.1/32 trust',
  'hostssl all with_cert 127.0.0.1/32 cert',
  'hostssl all cert_and_password 127.0.0.1/32 scram-sha-256 clientcert=verify-full',
  'host all password 127.0.0.1/32 scram-sha-256',
  'host all anyway 127.0.0.1/32 trust',
  'local all all trust',
];

const folder = useFolder();
const made: Record<string, Issued> = {};
let authority: TestAuthority;
let strangers: TestAuthority;

beforeAll(async () => {
  authority = await TestAuthority.make('Test authority');
  strangers = await TestAuthority.make('Other authority');
  const here = { name: 'localhost', alternatives: ['localhost', '127.0.0.1', '::1'] };
  made['good'] = await authority.issue(here);
  made['elsewhere'] = await authority.issue({ name: 'elsewhere.test', alternatives: ['elsewhere.test', '192.0.2.1'] });
  made['expired'] = await authority.issue({ ...here, from: -20, until: -3 });
  made['selfSigned'] = await selfSigned(here);
  await folder.write('root.pem', authority.certificate);
  await folder.write('strangers.pem', strangers.certificate);
  await folder.write('selfSigned.pem', made['selfSigned'].certificate);
  for (const [name, by] of [
    ['with_cert', authority],
    ['cert_and_password', authority],
    ['stranger', strangers],
  ] as const) {
    const issued = await by.issue({ name: name === 'stranger' ? 'with_cert' : name });
    await folder.write(`${name}.crt`, issued.certificate);
    await folder.write(`${name}.key`, issued.key);
  }
  await mkdir(folder.path('home'));
});

const servers = Object.fromEntries(
  ['good', 'elsewhere', 'expired', 'selfSigned', 'off'].map((kind) => [
    kind,
    useTlsCluster(() => ({
      server: made[kind] ?? null,
      clientAuthority: authority.certificate,
      hba: HBA,
      // In its data folder.
      settings: kind === 'good' ? { unix_socket_directories: '.' } : {},
    })),
  ]),
) as Record<'good' | 'elsewhere' | 'expired' | 'selfSigned' | 'off', () => Cluster>;

beforeAll(async () => {
  for (const server of Object.values(servers)) {
    const admin = new pg.Client({ connectionString: server().url() });
    await admin.connect();
    for (const role of ROLES) await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD '${PASSWORD}'`);
    await admin.end();
  }
});

/** Parameters of a connection, by the names that libpq and URLs share. */
type Words = Record<string, string>;

function urlOf(words: Words): string {
  return `postgresql:///postgres?${new URLSearchParams(words).toString().replaceAll('+', '%20')}`;
}

/** `tls`, `plain`, or why not. */
async function ours(words: Words): Promise<string> {
  const spec = { id: 'e', ...parseBackendUrl(urlOf(words)) };
  try {
    const connection = await dial(loginFor(spec, 'postgres', spec.database, new Map()), { deadlineMs: 20_000 });
    connection.end();
    return connection.tls === null ? 'plain' : 'tls';
  } catch (error) {
    if (error instanceof DialFailure) return `refused: ${error.message}`;
    throw error;
  }
}

async function psqls(psql: string, words: Words): Promise<string> {
  const conninfo = Object.entries({ dbname: 'postgres', gssencmode: 'disable', ...words })
    .map(([name, value]) => `${name}='${value.replace(/[\\']/g, '\\$&')}'`)
    .join(' ');
  const { code, stdout, stderr } = await runProgram(
    psql,
    ['-XAtw', '-c', "SELECT CASE WHEN ssl THEN 'tls' ELSE 'plain' END FROM pg_stat_ssl WHERE pid = pg_backend_pid()", '-d', conninfo],
    // Without the user's own root.crt and postgresql.crt.
    { env: { HOME: folder.path('home') } },
  );
  return code === 0 ? stdout.trim() : `refused: ${stderr}`;
}

/** Both answers for every combination, a few at a time; those that differ. */
async function differences(psql: string, all: readonly Words[]): Promise<{ connected: number; differing: string[] }> {
  const queue = [...all];
  const differing: string[] = [];
  let connected = 0;
  const lane = async (): Promise<void> => {
    for (let words = queue.shift(); words !== undefined; words = queue.shift()) {
      const [mine, theirs] = await Promise.all([ours(words), psqls(psql, words)]);
      if (!theirs.startsWith('refused')) connected++;
      if (mine.split(':')[0] !== theirs.split(':')[0]) differing.push(`${JSON.stringify(words)}\n  ours: ${mine}\n  psql: ${theirs}`);
    }
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
  return { connected, differing };
}

function at(kind: keyof typeof servers, words: Words): Words {
  return { host: '127.0.0.1', port: String(servers[kind]().port), ...words };
}

describeWithProgram('psql', 'the same way in as psql', (psql) => {
  it('with every sslmode and root file, on every kind of server, for every kind of line in pg_hba.conf', async () => {
    const all = Object.keys(servers).flatMap((kind) =>
      tlsModes.flatMap((sslmode) =>
        ['', 'root.pem', 'strangers.pem', 'selfSigned.pem'].flatMap((root) =>
          ['anyway', 'only_ssl', 'only_plain'].map((user) =>
            at(kind as keyof typeof servers, { user, sslmode, ...(root === '' ? {} : { sslrootcert: folder.path(root) }) }),
          ),
        ),
      ),
    );
    const { connected, differing } = await differences(psql, all);
    expect(differing).toEqual([]);
    expect(all.length).toBe(360);
    // Otherwise both would only agree on nothing.
    expect(connected).toBeGreaterThan(100);
    expect(connected).toBeLessThan(300);
  }, 240_000);

  it('with a client certificate: the right one, none, one of another authority, another role’s', async () => {
    const certificates = ['', 'with_cert', 'stranger', 'cert_and_password'].map((name): Words =>
      name === '' ? {} : { sslcert: folder.path(`${name}.crt`), sslkey: folder.path(`${name}.key`) },
    );
    const all = tlsModes.flatMap((sslmode) =>
      certificates.flatMap((certificate) =>
        [
          { user: 'with_cert' },
          { user: 'anyway' },
          { user: 'cert_and_password', password: PASSWORD },
          { user: 'cert_and_password', password: 'wrong' },
        ].map((who) => at('good', { ...who, sslmode, ...certificate })),
      ),
    );
    const { connected, differing } = await differences(psql, all);
    expect(differing).toEqual([]);
    expect(connected).toBeGreaterThan(10);
  }, 240_000);

  it('with a password that is right or wrong, and names of servers that fit or not', async () => {
    const roots = { sslrootcert: folder.path('root.pem') };
    const all = tlsModes.flatMap((sslmode) => [
      at('good', { user: 'password', password: PASSWORD, sslmode }),
      at('good', { user: 'password', password: 'wrong', sslmode }),
      at('good', { user: 'nobody', sslmode }),
      at('good', { user: 'anyway', sslmode, ...roots, host: 'localhost' }),
      at('elsewhere', { user: 'anyway', sslmode, ...roots, host: 'localhost' }),
      at('off', { user: 'password', password: PASSWORD, sslmode }),
      // Never over a Unix socket.
      at('good', { user: 'anyway', sslmode, ...roots, host: servers.good().dataDir }),
    ]);
    const { connected, differing } = await differences(psql, all);
    expect(differing).toEqual([]);
    expect(connected).toBeGreaterThan(20);
  }, 240_000);
});

describe('a backend that cannot be used', () => {
  async function failure(words: Words): Promise<DialFailure> {
    const spec = { id: 'e', ...parseBackendUrl(urlOf(words)) };
    const error: unknown = await dial(loginFor(spec, 'postgres', spec.database, new Map()), { deadlineMs: 20_000 }).then(
      (connection) => connection.end(),
      (reason: unknown) => reason,
    );
    if (error instanceof DialFailure) return error;
    throw new Error('it could be used');
  }
  const root = (): Words => ({ user: 'anyway', sslmode: 'verify-full', sslrootcert: folder.path('root.pem') });

  it.each<[string, () => Words, string, RegExp, RegExp]>([
    [
      'has no TLS',
      () => at('off', { user: 'anyway', sslmode: 'require' }),
      'no_tls',
      /has no TLS, and the endpoint asks for it/,
      /ssl = on/,
    ],
    [
      'vouches for itself',
      () => at('selfSigned', root()),
      'certificate',
      /is signed by itself, and is not in ".*root\.pem"/,
      /sslrootcert=/,
    ],
    [
      'comes from another authority',
      () => at('good', { ...root(), sslrootcert: folder.path('strangers.pem') }),
      'certificate',
      /comes from an authority that is not in ".*strangers\.pem"/,
      /sslrootcert=/,
    ],
    [
      'is not trusted by this machine',
      () => at('good', { user: 'anyway', sslrootcert: 'system' }),
      'certificate',
      /comes from an authority that is not in the authorities that this machine trusts/,
      /sslrootcert=/,
    ],
    [
      'has another name',
      () => at('elsewhere', { ...root(), host: 'localhost' }),
      'certificate',
      /is made out to another name than localhost \(elsewhere\.test, 192\.0\.2\.1\)/,
      /sslmode=verify-ca, which does not look at names/,
    ],
    [
      'has another address',
      () => at('elsewhere', root()),
      'certificate',
      /is made out to another name than 127\.0\.0\.1 \(192\.0\.2\.1\)/,
      /verify-ca/,
    ],
    ['has expired', () => at('expired', root()), 'certificate', /has expired/, /new certificate/],
    [
      'is without a root file',
      () => at('good', { user: 'anyway', sslmode: 'verify-ca' }),
      'tls_file',
      /names no root certificate/,
      /sslrootcert=/,
    ],
    [
      'asks for a client certificate',
      () => at('good', { user: 'with_cert', sslmode: 'require' }),
      'authentication',
      /connection requires a valid client certificate/,
      /sslcert=/,
    ],
    [
      'does not know the client certificate',
      () =>
        at('good', { user: 'with_cert', sslmode: 'require', sslcert: folder.path('stranger.crt'), sslkey: folder.path('stranger.key') }),
      'tls',
      /does not accept the client certificate ".*stranger\.crt" \(.*unknown ca\)/,
      /ssl_ca_file/,
    ],
    [
      'lets this role in over TLS only',
      () => at('good', { user: 'only_ssl', sslmode: 'disable' }),
      'authentication',
      /no pg_hba\.conf entry .*no encryption/,
      /sslmode=prefer or require/,
    ],
    [
      'lets this role in without TLS only',
      () => at('good', { user: 'only_plain', sslmode: 'require' }),
      'authentication',
      /no pg_hba\.conf entry .*SSL encryption/,
      /sslmode=prefer or disable/,
    ],
    [
      'lets this role in neither way',
      () => at('good', { user: 'nobody', sslmode: 'prefer' }),
      'authentication',
      /SSL encryption; without TLS: .*no encryption/,
      /pg_hba\.conf/,
    ],
  ])('because it %s: in words, with a hint', async (_name, words, kind, message, hint) => {
    const error = await failure(words());
    expect({ kind: error.kind, message: error.message, hint: error.hint }).toEqual({
      kind,
      message: expect.stringMatching(message) as string,
      hint: expect.stringMatching(hint) as string,
    });
  });

  it('says what is wrong with the password, not that the other way is closed', async () => {
    for (const sslmode of ['allow', 'prefer']) {
      expect((await failure(at('off', { user: 'password', password: 'wrong', sslmode }))).fields?.sqlState).toBe('28P01');
      expect((await failure(at('good', { user: 'password', password: 'wrong', sslmode }))).fields?.sqlState).toBe('28P01');
    }
  });
});
