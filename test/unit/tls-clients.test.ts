import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, connect as connectPlain, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { checkServerIdentity, connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { ClientTls, topOf } from '../../core/tls/client-tls.ts';
import { makeLocalAuthority, type LocalAuthorityFiles } from '../../core/tls/local-authority.ts';
import { tlsServerEndPoint } from '../../core/tls/end-point.ts';

let folder: string;
beforeEach(() => (folder = path.join(mkdtempSync(path.join(tmpdir(), 'switchyard-authority-')), 'tls')));
afterEach(() => rmSync(path.dirname(folder), { recursive: true }));

const content = (files: LocalAuthorityFiles): string[] => Object.values(files).map((file) => readFileSync(file as string, 'utf8'));

describe('the local authority', () => {
  it('vouches for this machine by every name it has, and for nothing else', async () => {
    const files = await makeLocalAuthority(folder);
    const authority = new X509Certificate(readFileSync(files.authorityFile));
    const certificate = new X509Certificate(readFileSync(files.certificateFile));
    expect(authority.ca).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(certificate.verify(authority.publicKey)).toBe(true);
    expect(certificate.checkIssued(authority)).toBe(true);
    expect(certificate.checkHost('localhost')).toBeDefined();
    // libpq takes the wildcard for ep-a.localhost; OpenSSL and Node want one more label in front of it.
    expect(certificate.subjectAltName).toBe('DNS:localhost, DNS:*.localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1');
    for (const ip of ['127.0.0.1', '::1']) expect(certificate.checkIP(ip), ip).toBeDefined();
    expect(certificate.checkHost('example.com')).toBeUndefined();
    expect(certificate.checkIP('10.0.0.1')).toBeUndefined();
  });

  it('is readable by its owner only, and keeps no key to make more certificates with', async () => {
    await makeLocalAuthority(folder);
    expect(readdirSync(folder).toSorted()).toEqual(['authority.pem', 'server-key.pem', 'server.pem']);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(folder)) expect(statSync(path.join(folder, name)).mode & 0o777, name).toBe(0o600);
  });

  it('stays the same as long as it is good', async () => {
    const first = content(await makeLocalAuthority(folder));
    const [a, b] = await Promise.all([makeLocalAuthority(folder), makeLocalAuthority(folder)]);
    expect(content(a)).toEqual(first);
    expect(content(b)).toEqual(first);
  });

  it.each([
    ['a file is missing', (files: LocalAuthorityFiles) => rmSync(files.keyFile)],
    ['a file is broken', (files: LocalAuthorityFiles) => writeFileSync(files.certificateFile, 'not a certificate')],
  ])('is made anew when %s', async (_what, spoil) => {
    const files = await makeLocalAuthority(folder);
    const first = content(files);
    spoil(files);
    expect(content(await makeLocalAuthority(folder))).not.toEqual(first);
    await ClientTls.load('allow', files);
  });

  it('is made anew a month before it ends', async () => {
    const files = await makeLocalAuthority(folder);
    const first = content(files);
    const end = Date.parse(new X509Certificate(readFileSync(files.certificateFile)).validTo);
    const clock = vi.spyOn(Date, 'now').mockReturnValue(end - 29 * 86_400_000);
    onTestFinished(() => clock.mockRestore());
    const second = content(await makeLocalAuthority(folder));
    expect(second).not.toEqual(first);
  });

  it('says so when its folder cannot be made', async () => {
    writeFileSync(folder, 'a file where the folder should be');
    await expect(makeLocalAuthority(folder)).rejects.toThrow(/ENOTDIR|EEXIST/);
  });
});

describe('TLS with clients', () => {
  let files: LocalAuthorityFiles;
  let tls: ClientTls;
  beforeEach(async () => {
    files = await makeLocalAuthority(folder);
    tls = await ClientTls.load('allow', files);
  });

  /** The two ends of a connection, the server's without a listener. */
  async function pair(): Promise<{ server: Socket; client: Socket }> {
    const listener = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const client = connectPlain({ port: (listener.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
    const [server] = (await once(listener, 'connection')) as [Socket];
    for (const socket of [server, client]) socket.on('error', () => undefined);
    onTestFinished(() => {
      server.destroy();
      client.destroy();
      listener.close();
    });
    return { server, client };
  }

  function greet(client: Socket, options: ConnectionOptions = {}): TLSSocket {
    const secure = connect({ socket: client, ca: readFileSync(files.authorityFile), servername: 'localhost', ...options });
    secure.on('error', () => undefined);
    return secure;
  }

  it('is verified by a client that trusts the authority, and binds logins to the certificate', async () => {
    const { server, client } = await pair();
    const greeted = greet(client, { ALPNProtocols: ['postgresql'], checkServerIdentity });
    const [accepted] = await Promise.all([tls.accept(server, new AbortController().signal), once(greeted, 'secureConnect')]);
    expect(greeted.authorized).toBe(true);
    expect(accepted.alpnProtocol).toBe('postgresql');
    expect(topOf(server)).toBe(accepted);
    expect(tls.certificateHash).toEqual(tlsServerEndPoint(greeted.getPeerX509Certificate() ?? expect.fail()));
    accepted.end('goodbye');
    const [bytes] = (await once(greeted, 'data')) as [Buffer];
    expect(bytes.toString()).toBe('goodbye');
  });

  it('takes a greeting that was read already', async () => {
    const { server, client } = await pair();
    const greeted = greet(client);
    const [hello] = (await once(server, 'data')) as [Buffer];
    server.pause();
    server.removeAllListeners('data');
    server.unshift(hello);
    const [accepted] = await Promise.all([tls.accept(server, new AbortController().signal), once(greeted, 'secureConnect')]);
    expect([accepted.encrypted, greeted.authorized]).toEqual([true, true]);
  });

  it('lets a client that says no more hear the answer', async () => {
    const { server, client } = await pair();
    const greeted = greet(client);
    const [accepted] = await Promise.all([tls.accept(server, new AbortController().signal), once(greeted, 'secureConnect')]);
    accepted.resume();
    greeted.end();
    await once(accepted, 'end');
    accepted.end('the answer');
    const [bytes] = (await once(greeted, 'data')) as [Buffer];
    expect(bytes.toString()).toBe('the answer');
  });

  it.each([
    ['rubbish', (client: Socket) => void client.write('GET / HTTP/1.0\r\n\r\n'), /wrong version number|http request/i],
    ['a client that leaves', (client: Socket) => void client.destroy(), /closed|disconnect|ECONNRESET|hang up/],
    [
      'TLS 1.1',
      (client: Socket) => void greet(client, { maxVersion: 'TLSv1.1', minVersion: 'TLSv1' }),
      /unsupported protocol|closed|hang up|no protocols/i,
    ],
    ['another protocol', (client: Socket) => void greet(client, { ALPNProtocols: ['http/1.1'] }), /no application protocol|closed/i],
  ])('fails for %s, and leaves no socket', async (_what, act, message) => {
    const { server, client } = await pair();
    const accepted = tls.accept(server, new AbortController().signal);
    const failed = expect(accepted).rejects.toThrow(message);
    act(client);
    await failed;
    if (!server.destroyed) await once(server, 'close');
  });

  it('ends when it takes too long', async () => {
    const { server } = await pair();
    const deadline = new AbortController();
    const accepted = tls.accept(server, deadline.signal);
    deadline.abort(new Error('too late'));
    await expect(accepted).rejects.toThrow('too late');
    if (!server.destroyed) await once(server, 'close');
  });

  it('what breaks the encryption later ends the connection', async () => {
    const { server, client } = await pair();
    const greeted = greet(client);
    const [accepted] = await Promise.all([tls.accept(server, new AbortController().signal), once(greeted, 'secureConnect')]);
    accepted.resume();
    const closed = new Promise((resolve) => accepted.once('close', resolve));
    // Past the encryption layer, on the same wire.
    client.write('not a record');
    await closed;
    expect(server.destroyed).toBe(true);
  });

  it.each<[string, () => void, RegExp]>([
    ['is missing', () => rmSync(files.certificateFile), /The certificate cannot be read: ENOENT/],
    ['is something else', () => writeFileSync(files.certificateFile, 'sesame'), /server\.pem is not a certificate in PEM form/],
    ['has a key that is something else', () => writeFileSync(files.keyFile, 'sesame'), /server-key\.pem is not a key in PEM form/],
  ])('a certificate that %s is refused in words, without its content', async (_what, spoil, message) => {
    spoil();
    const loading = ClientTls.load('allow', files);
    await expect(loading).rejects.toThrow(message);
    await expect(loading).rejects.not.toThrow(/sesame/);
  });

  it("another certificate's key is refused", async () => {
    const other = await makeLocalAuthority(`${folder}-other`);
    await expect(ClientTls.load('allow', { ...files, keyFile: other.keyFile })).rejects.toThrow(/does not belong to the certificate/);
  });

  it('nothing is offered when it is off, or without a certificate', async () => {
    expect(ClientTls.off.isOffered).toBe(false);
    expect((await ClientTls.load('off', files)).isOffered).toBe(false);
    expect(await ClientTls.load('require', null)).toMatchObject({ mode: 'require', isOffered: false, certificateHash: null });
  });
});
