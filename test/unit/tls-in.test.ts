import { generateKeyPairSync } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { connectLines } from '../../core/facade/connect-lines.ts';
import { ServedSettings } from '../../core/facade/settings.ts';
import { ClientTls } from '../../core/tls/client-tls.ts';
import { explainHandshake } from '../../core/tls/handshake-failure.ts';
import { selfSigned, useFolder, type Issued } from '../support/certificates.ts';
import { runProgram } from '../support/programs.ts';

const folder = useFolder();
let count = 0;

/** The settings of a certificate in files of its own. */
async function inFiles(issued: Issued, clients: 'allow' | 'require' = 'allow') {
  const name = `${count++}`;
  const certificate = await folder.write(`${name}.pem`, issued.certificate);
  const key = await folder.write(`${name}.key`, issued.key);
  return { clients, certificate: { kind: 'files' as const, certificate, key } };
}

describe('what clients are offered', () => {
  it('is nothing when it is off, whatever the certificate', async () => {
    const { tls, problems } = await ClientTls.serve(
      { clients: 'off', certificate: { kind: 'files', certificate: '/nowhere', key: '/nowhere' } },
      null,
      ClientTls.off,
    );
    expect(tls).toBe(ClientTls.off);
    expect(problems).toEqual([]);
  });

  it.each([
    ['allow', 'Clients connect without encryption.'],
    ['require', 'Nobody can connect until there is one.'],
  ] as const)('with %s and no usable certificate is told with its consequence', async (clients, consequence) => {
    const none = await ClientTls.serve({ clients, certificate: { kind: 'none' } }, null, ClientTls.off);
    expect(none.problems).toEqual([`There is no certificate for clients. ${consequence}`]);
    const missing = await ClientTls.serve(
      { clients, certificate: { kind: 'files', certificate: '/nowhere/x', key: '/nowhere/y' } },
      null,
      ClientTls.off,
    );
    expect(missing.problems).toEqual([expect.stringMatching(new RegExp(`^The certificate cannot be read: ENOENT.*${consequence}$`))]);
    const unmade = await ClientTls.serve({ clients, certificate: { kind: 'local' } }, null, ClientTls.off);
    expect(unmade.problems).toEqual([`There is no local certificate. ${consequence}`]);
    for (const { tls } of [none, missing, unmade]) expect(tls).toMatchObject({ mode: clients, isOffered: false, certificateHash: null });
  });

  it('stays what it was when what comes next cannot be used; not when it is taken away', async () => {
    const { tls: before } = await ClientTls.serve(await inFiles(await selfSigned({ name: 'localhost' })), null, ClientTls.off);
    const { tls, problems } = await ClientTls.serve(
      { clients: 'require', certificate: { kind: 'files', certificate: '/nowhere/x', key: '/nowhere/y' } },
      null,
      before,
    );
    expect(tls).toMatchObject({ mode: 'require', isOffered: true, certificateHash: before.certificateHash });
    expect(problems).toEqual([expect.stringMatching(/Clients are shown the certificate that was in use before\.$/)]);
    expect((await ClientTls.serve({ clients: 'allow', certificate: { kind: 'none' } }, null, tls)).tls.isOffered).toBe(false);
  });

  it.each([
    ['has expired', { from: -20, until: -10 }, /expired on .*: clients that verify it will not connect\.$/],
    ['is not valid yet', { from: 10, until: 20 }, /is valid from .* only: clients that verify it will not connect\.$/],
  ])('may be a certificate that %s, for those who do not verify', async (_, validity, complaint) => {
    const { tls, problems } = await ClientTls.serve(
      await inFiles(await selfSigned({ name: 'localhost', ...validity })),
      null,
      ClientTls.off,
    );
    expect(tls.isOffered).toBe(true);
    expect(problems).toEqual([expect.stringMatching(complaint)]);
  });

  it.skipIf(process.platform === 'win32')('is complained about when everybody can read the key', async () => {
    const settings = await inFiles(await selfSigned({ name: 'localhost' }));
    chmodSync(settings.certificate.key, 0o644);
    const { tls, problems } = await ClientTls.serve(settings, null, ClientTls.off);
    expect(tls.isOffered).toBe(true);
    expect(problems).toEqual([expect.stringContaining('chmod 600')]);
  });

  it('is no certificate whose key is locked with a passphrase', async () => {
    const issued = await selfSigned({ name: 'localhost' });
    const { privateKey } = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'sesame' },
    });
    const { problems } = await ClientTls.serve(await inFiles({ ...issued, key: privateKey }), null, ClientTls.off);
    expect(problems).toEqual([expect.stringMatching(/^The key in .* is protected by a passphrase/)]);
  });

  it.skipIf(process.platform === 'win32')(
    'is not waited for at a pipe that nobody writes to, nor looked for in a folder or a device',
    async () => {
      const pipe = folder.path('pipe');
      expect((await runProgram('mkfifo', [pipe])).code).toBe(0);
      for (const file of [pipe, folder.path('.'), '/dev/zero']) {
        const { problems } = await ClientTls.serve(
          { clients: 'allow', certificate: { kind: 'files', certificate: file, key: file } },
          null,
          ClientTls.off,
        );
        expect(problems).toEqual([expect.stringMatching(/not a plain file of a certificate's size/)]);
      }
    },
  );
});

describe('one click for a local certificate', () => {
  const files = { authorityFile: '/a', certificateFile: '/b', keyFile: '/c' };
  const served = (clients: 'off' | 'allow' | 'require') =>
    new ServedSettings(
      { tls: { clients } },
      {
        host: '127.0.0.1',
        file: null,
        makeLocalAuthority: async () => await Promise.resolve(files),
        isEndpoint: () => true,
        listeners: () => [],
        apply: async () => await Promise.resolve([]),
      },
    );

  it.each([
    ['off', 'allow'],
    ['allow', 'allow'],
    ['require', 'require'],
  ] as const)('turns %s into %s', async (before, after) => {
    const view = await served(before).handlers['tls.makeLocal']({});
    expect(view.settings.tls).toEqual({ clients: after, certificate: { kind: 'local' } });
    expect(view.authorityFile).toBe('/a');
  });
});

describe('what to paste', () => {
  const proxy = { host: '127.0.0.1', port: 6432 };
  const endpoint = { id: 'ep-a', user: 'me', database: 'app' };
  const lines = (...rest: [clients: 'off' | 'allow' | 'require', authorityFile: string | null, host?: string]) => {
    const [clients, authorityFile, host = proxy.host] = rest;
    return connectLines({ ...proxy, host }, [endpoint], { clients, authorityFile }).map(({ text }) => text);
  };
  const psql = (words: string, host = proxy.host) => `psql "host=${host} port=6432 user=me dbname=app ${words}options='endpoint=ep-a'"`;
  const url = (query = '') => `postgresql://me@127.0.0.1:6432/ep-a/app${query}`;

  it('says nothing of TLS without it, and verifies with the local authority', () => {
    expect(lines('off', null)).toEqual([psql(''), url()]);
    expect(lines('allow', null)).toEqual([psql(''), url()]);
    expect(lines('allow', '/home/me/a.pem')).toEqual([psql('sslmode=verify-full sslrootcert=/home/me/a.pem '), url()]);
  });

  it('says all that is needed where it is required', () => {
    expect(lines('require', null)).toEqual([psql('sslmode=require '), url('?sslmode=require')]);
    expect(lines('require', '/home/me/a.pem')).toEqual([
      psql('sslmode=verify-full sslrootcert=/home/me/a.pem '),
      url('?sslmode=verify-full&sslrootcert=%2Fhome%2Fme%2Fa.pem'),
    ]);
    expect(lines('require', 'C:\\My files\\a.pem')[0]).toBe(psql("sslmode=verify-full sslrootcert='C:\\\\\\\\My files\\\\\\\\a.pem' "));
  });

  it('does not look for this machine’s own names on another address', () => {
    expect(lines('allow', '/a.pem', '0.0.0.0')[0]).toBe(psql('sslmode=verify-ca sslrootcert=/a.pem ', '0.0.0.0'));
  });
});

describe('a handshake that failed, in words', () => {
  const openssl = (reason: string) =>
    `80DC65E8427F0000:error:0A000418:SSL routines:ssl3_read_bytes:${reason}:../deps/openssl/ssl/record/rec_layer_s3.c:1601:SSL alert number 48\n`;

  it.each([
    [openssl('tlsv1 alert unknown ca'), /does not trust the certificate/],
    [openssl('sslv3 alert certificate unknown'), /does not accept the certificate/],
    [openssl('sslv3 alert bad certificate'), /does not accept the certificate/],
    [openssl('sslv3 alert certificate expired'), /expired/],
    [openssl('unsupported protocol'), /too old/],
    [openssl('no shared cipher'), /no cipher/],
    [openssl('no application protocol'), /another protocol/],
    [openssl('wrong version number'), /no TLS/],
    [openssl('http request'), /no TLS/],
    [openssl('something new'), /^something new$/],
    ['read ECONNRESET', /closed the connection/],
    ['anything else', /^anything else$/],
  ])('%s', (message, words) => {
    expect(explainHandshake(new Error(message))).toMatch(words);
  });
});
