/** TLS to backends where no real server plays the part: wrong answers, silence, tampering, files that cannot be used. */
import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir } from 'node:fs/promises';
import net from 'node:net';
import tls from 'node:tls';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { dial, DialFailure, type DialOptions } from '../../core/backend/dial.ts';
import { loginFor } from '../../core/backend/login.ts';
import { parseBackendUrl } from '../../core/endpoints/map.ts';
import { loadTls, PREFER_TLS, TlsFileFailure, type BackendTls } from '../../core/tls/backend-tls.ts';
import { checkServerName } from '../../core/tls/server-name.ts';
import { TestAuthority, useFolder, type Issued } from '../support/certificates.ts';

const folder = useFolder();
let own: Issued;
let other: Issued;

beforeAll(async () => {
  const authority = await TestAuthority.make('Test authority');
  own = await authority.issue({ name: 'localhost' });
  other = await authority.issue({ name: 'localhost' });
  await folder.write('root.pem', authority.certificate);
  await folder.write('own.crt', own.certificate);
  await folder.write('own.key', own.key);
  await folder.write('other.key', other.key);
});

/** A server of a few lines; answers its port and the connections it had. */
async function serve(onClient: (socket: net.Socket, number: number) => void): Promise<{ port: number; sockets: net.Socket[] }> {
  const sockets: net.Socket[] = [];
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    sockets.push(socket);
    onClient(socket, sockets.length);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as net.AddressInfo).port, sockets };
}

async function failure(port: number, query: string, options: DialOptions = {}): Promise<DialFailure> {
  const spec = { id: 'e', ...parseBackendUrl(`postgresql://me@127.0.0.1:${port}/d?${query}`) };
  const error: unknown = await dial(loginFor(spec, 'me', 'd', new Map()), { deadlineMs: 20_000, ...options }).catch(
    (reason: unknown) => reason,
  );
  if (error instanceof DialFailure) return error;
  throw new Error('the login went well');
}

const AUTHENTICATION_OK = Buffer.from('R\0\0\0\x08\0\0\0\0', 'latin1');
const READY = Buffer.from('Z\0\0\0\x05I', 'latin1');

describe('the answer to the request for encryption', () => {
  it.each([
    ['is not a letter of the protocol', 'HTTP/1.1 400 Bad Request', 'protocol', /unencrypted data behind its answer/],
    ['is neither yes nor no', 'H', 'protocol', /neither yes nor no/],
    ['is an error, whose words are not believed', 'E\0\0\0\x10SFATAL\0Mgo to evil.test\0\0', 'protocol', /with an error$/],
    ['is yes with something behind it (CVE-2021-23222)', `S${AUTHENTICATION_OK.toString('latin1')}`, 'protocol', /unencrypted data behind/],
    ['is no with something behind it', `N${AUTHENTICATION_OK.toString('latin1')}`, 'protocol', /unencrypted data behind/],
  ])('that %s ends the attempt', async (_name, answer, kind, message) => {
    for (const mode of ['prefer', 'require']) {
      const { port, sockets } = await serve((socket) => socket.once('data', () => socket.write(answer, 'latin1')));
      const error = await failure(port, `sslmode=${mode}`);
      expect({ kind: error.kind, message: error.message }).toEqual({ kind, message: expect.stringMatching(message) as string });
      expect(`${error.message} ${error.hint}`).not.toContain('evil');
      expect(sockets).toHaveLength(1);
      await expect.poll(() => sockets[0]?.readableEnded === true || sockets[0]?.destroyed, { timeout: 10_000 }).toBe(true);
    }
  });

  it('that never comes is waited for until the one deadline', async () => {
    const { port } = await serve((socket) => socket.resume());
    const error = await failure(port, 'sslmode=require', { deadlineMs: 1_500 });
    expect(error.kind).toBe('silent');
    expect(error.message).toMatch(/did not finish the login within 1500 ms/);
  });

  it('is not waited for by somebody who has given up', async () => {
    const giveUp = new AbortController();
    const { port, sockets } = await serve((socket) => socket.once('data', () => giveUp.abort()));
    expect((await failure(port, 'sslmode=require', { signal: giveUp.signal })).kind).toBe('aborted');
    await expect.poll(() => sockets[0]?.readableEnded === true || sockets[0]?.destroyed, { timeout: 10_000 }).toBe(true);
  });
});

describe('a login', () => {
  it('that the server ends without having accepted it is none', async () => {
    const parameter = Buffer.from('S\0\0\0\x0bname\0x\0', 'latin1');
    for (const words of [READY, Buffer.concat([parameter, READY]), Buffer.concat([AUTHENTICATION_OK, AUTHENTICATION_OK, READY])]) {
      const { port } = await serve((socket) => socket.once('data', () => socket.write(words)));
      expect((await failure(port, 'sslmode=disable')).kind).toBe('protocol');
    }
  });
});

describe('a handshake', () => {
  /** Answers yes and goes on with TLS. */
  function secure(socket: net.Socket, options: tls.TLSSocketOptions = {}): tls.TLSSocket {
    socket.write('S');
    const inside = new tls.TLSSocket(socket, { isServer: true, cert: own.certificate, key: own.key, ...options });
    inside.on('error', () => {});
    return inside;
  }

  /** Answers yes, and then anything but TLS. */
  function breaks(socket: net.Socket): void {
    socket.once('data', () => {
      socket.write('S');
      socket.once('data', () => socket.write('no record of TLS'));
    });
  }

  it('that stops half-way is waited for until the same deadline, the second attempt included', async () => {
    const { port } = await serve((socket) => socket.once('data', () => socket.write('S')));
    expect((await failure(port, 'sslmode=require', { deadlineMs: 1_500 })).kind).toBe('silent');
    // First a handshake that breaks, then, in clear, silence.
    const late = await serve((socket, number) => (number === 1 ? breaks(socket) : socket.resume()));
    const error = await failure(late.port, 'sslmode=prefer', { deadlineMs: 3_000 });
    expect(late.sockets).toHaveLength(2);
    expect(error.message).toMatch(/did not finish the login within 3000 ms/);
  });

  it('that fails is followed by an attempt in clear with prefer, and by none with require', async () => {
    const split = (socket: net.Socket, number: number): void => {
      if (number === 1) breaks(socket);
      else socket.once('data', () => socket.write(Buffer.concat([AUTHENTICATION_OK, READY])));
    };
    const strict = await serve(split);
    expect((await failure(strict.port, 'sslmode=require')).kind).toBe('tls');
    expect(strict.sockets).toHaveLength(1);
    const lenient = await serve(split);
    const spec = { id: 'e', ...parseBackendUrl(`postgresql://me@127.0.0.1:${lenient.port}/d`) };
    const connection = await dial(loginFor(spec, 'me', 'd', new Map()), { deadlineMs: 20_000 });
    expect(connection.tls).toBeNull();
    connection.destroy();
    expect(lenient.sockets).toHaveLength(2);
  });

  it('with nothing but old versions is refused with the reason', async () => {
    const { port } = await serve((socket) =>
      socket.once('data', () => secure(socket, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })),
    );
    const error = await failure(port, 'sslmode=require');
    expect(error.kind).toBe('tls');
    expect(error.message).toMatch(/agree on no version or cipher of TLS/);
    expect(error.hint).toMatch(/TLS 1\.2/);
  });

  it('asks for PostgreSQL by ALPN, and names the host only where it has a name', async () => {
    const seen: unknown[] = [];
    const { port } = await serve((socket) =>
      socket.once('data', () => {
        const inside = secure(socket, { ALPNProtocols: ['postgresql'], SNICallback: (name, done) => (seen.push(name), done(null)) });
        inside.once('secure', () => {
          seen.push(inside.alpnProtocol);
          inside.destroy();
        });
      }),
    );
    await failure(port, 'sslmode=require');
    await failure(port, 'sslmode=require&host=localhost');
    expect(seen).toEqual(['postgresql', 'localhost', 'postgresql']);
  });

  it('at once (sslnegotiation=direct) needs a server that answers for PostgreSQL', async () => {
    const direct = (socket: net.Socket, options: tls.TLSSocketOptions): tls.TLSSocket => {
      const inside = new tls.TLSSocket(socket, { isServer: true, cert: own.certificate, key: own.key, ...options });
      inside.on('error', () => {});
      return inside;
    };
    const right = await serve((socket) => {
      const inside = direct(socket, { ALPNProtocols: ['postgresql'] });
      inside.once('data', () => inside.write(Buffer.concat([AUTHENTICATION_OK, READY])));
    });
    const query = 'sslmode=require&sslnegotiation=direct';
    const spec = { id: 'e', ...parseBackendUrl(`postgresql://me@127.0.0.1:${right.port}/d?${query}`) };
    const connection = await dial(loginFor(spec, 'me', 'd', new Map()), { deadlineMs: 20_000 });
    expect(connection.tls).toMatchObject({ protocol: 'TLSv1.3', verified: 'nothing' });
    connection.destroy();

    const web = await serve((socket) => direct(socket, {}));
    expect((await failure(web.port, query)).message).toMatch(/speaks TLS, but not for PostgreSQL/);
    const old = await serve((socket) => socket.once('data', () => socket.end()));
    expect(await failure(old.port, query)).toMatchObject({
      message: expect.stringMatching(/did not begin with TLS at once/) as string,
      hint: expect.stringMatching(/PostgreSQL 17/) as string,
    });
  });
});

describe('a file that TLS needs', () => {
  const settings = (more: Partial<BackendTls>): BackendTls => ({ ...PREFER_TLS, mode: 'require', ...more });
  const own_ = (key = 'own.key', cert = 'own.crt'): BackendTls => settings({ cert: folder.path(cert), key: folder.path(key) });

  async function problem(tlsSettings: BackendTls): Promise<TlsFileFailure> {
    const error: unknown = await loadTls(tlsSettings).catch((reason: unknown) => reason);
    if (error instanceof TlsFileFailure) return error;
    throw new Error('nothing is wrong with it');
  }

  it('is found, and read anew each time', async () => {
    const first = await loadTls(own_());
    expect(await loadTls(own_())).toEqual(first);
    expect((await loadTls(own_())).context).toBe(first.context);
    await folder.write('renewed.crt', own.certificate);
    await folder.write('renewed.key', own.key);
    const before = await loadTls(own_('renewed.key', 'renewed.crt'));
    await folder.write('renewed.crt', other.certificate);
    await folder.write('renewed.key', other.key);
    expect((await loadTls(own_('renewed.key', 'renewed.crt'))).context).not.toBe(before.context);
  });

  it('decides what is verified', async () => {
    const rootCert = folder.path('root.pem');
    const verified = async (more: Partial<BackendTls>): Promise<boolean[]> => {
      const { verifiesChain, verifiesName } = await loadTls(settings(more));
      return [verifiesChain, verifiesName];
    };
    expect(await verified({})).toEqual([false, false]);
    expect(await verified({ rootCert })).toEqual([true, false]);
    expect(await verified({ mode: 'prefer', rootCert })).toEqual([true, false]);
    expect(await verified({ mode: 'verify-ca', rootCert })).toEqual([true, false]);
    expect(await verified({ mode: 'verify-full', rootCert })).toEqual([true, true]);
    expect(await verified({ mode: 'verify-full', rootCert: 'system' })).toEqual([true, true]);
  });

  it('must be there', async () => {
    expect((await problem(settings({ rootCert: folder.path('none.pem') }))).message).toMatch(
      /^root certificate file ".*none\.pem" does not exist$/,
    );
    expect((await problem(own_('own.key', 'none.crt'))).message).toMatch(/^client certificate file ".*none\.crt" does not exist$/);
    expect((await problem(own_('own.crt/none'))).message).toMatch(/^private key file ".*" does not exist$/);
    expect((await problem(settings({ mode: 'verify-full' }))).hint).toMatch(/sslrootcert=system/);
  });

  it('must be a file, and hold what it should', async () => {
    await mkdir(folder.path('folder'));
    await folder.write('empty.pem', '');
    await folder.write('nonsense.pem', 'nonsense');
    expect((await problem(settings({ rootCert: folder.path('folder') }))).message).toMatch(/is not a plain file/);
    for (const name of ['empty.pem', 'nonsense.pem']) {
      expect((await problem(settings({ rootCert: folder.path(name) }))).message).toMatch(
        /root certificate file ".*" holds nothing in PEM form/,
      );
      expect((await problem(own_('own.key', name))).message).toMatch(/client certificate file ".*" holds nothing in PEM form/);
      expect((await problem(own_(name))).message).toMatch(/private key file ".*" holds nothing in PEM form/);
    }
  });

  it('must belong to the other', async () => {
    expect((await problem(own_('other.key'))).message).toMatch(/other\.key" does not belong to the client certificate file ".*own\.crt"/);
  });

  it.skipIf(process.platform === 'win32')('must be kept from others when it is a key, as libpq wants it', async () => {
    for (const mode of [0o604, 0o660, 0o644]) {
      // The mask of the process may take rights off a new file.
      await chmod(await folder.write(`open-${mode.toString(8)}.key`, own.key), mode);
      expect((await problem(own_(`open-${mode.toString(8)}.key`))).message).toMatch(/has group or world access/);
    }
  });

  it('may not be protected by a passphrase', async () => {
    const locked = createPrivateKey(own.key).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'hunter2' });
    await folder.write('locked.key', locked.toString());
    expect((await problem(own_('locked.key'))).message).toMatch(/locked\.key" is protected by a passphrase/);
  });
});

describe('the name in a certificate', () => {
  /** As Node describes a peer's certificate. */
  const certificate = (CN: string, subjectaltname?: string): tls.PeerCertificate =>
    ({ subject: { CN }, ...(subjectaltname === undefined ? {} : { subjectaltname }) }) as tls.PeerCertificate;

  it.each([
    ['db.test', certificate('db.test'), true],
    ['DB.test', certificate('db.TEST'), true],
    ['db.test', certificate('other.test', 'DNS:db.test'), true],
    // What is listed counts, and the common name no more.
    ['db.test', certificate('db.test', 'DNS:other.test'), false],
    ['a.db.test', certificate('*.db.test'), true],
    ['a.b.db.test', certificate('*.db.test'), false],
    // Nobody has the names of a whole top level.
    ['db.test', certificate('x', 'DNS:*.test'), false],
    ['10.1.2.3', certificate('x', 'IP Address:10.1.2.3'), true],
    ['10.1.2.3', certificate('x', 'DNS:x, IP Address:10.1.2.4'), false],
    ['10.1.2.3', certificate('10.1.2.3', 'IP Address:10.1.2.4'), false],
    ['10.1.2.3', certificate('10.1.2.3'), true],
    ['10.1.2.3', certificate('*.1.2.3'), false],
    ['::1', certificate('x', 'IP Address:0:0:0:0:0:0:0:1'), true],
  ] as const)('%s: %j fits: %s', (host, peer, fits) => {
    expect(checkServerName(host, peer) === undefined).toBe(fits);
  });
});
