/** How a client and the proxy come to speak TLS, byte for byte: in every order, at once, too early, half, never. */
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { connect, type SecureVersion, type TLSSocket } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { SettingsInput } from '../../core/contract/index.ts';
import { encrypting, useClientTls } from '../support/client-tls.ts';
import { useCluster } from '../support/cluster.ts';
import { describeWithProgram, runProgram } from '../support/programs.ts';
import { startYard, useYard, type Yard } from '../support/yard.ts';
import {
  cancelRequest,
  cstring,
  fields,
  gssEncRequest,
  message,
  rows,
  sslRequest,
  startup,
  terminate,
  WireClient,
} from '../support/wire-client.ts';

/** A loaded machine takes its time. */
const PATIENT = { timeout: 20_000 };

const a = useCluster({ name: 'a' });
const b = useCluster({ name: 'b' });
const files = useClientTls();
const yard = useYard(() => ({
  endpoints: { 'ep-a': a().url(), 'ep-b': b().url() },
  options: { settings: encrypting('allow', files) },
}));
const hello = startup({ user: 'postgres', database: 'postgres' });

async function guarded(settings: SettingsInput): Promise<Yard> {
  const started = await startYard({ endpoints: { 'ep-a': a().url() }, options: { settings } });
  onTestFinished(() => started.stop());
  return started;
}

const kept = (client: WireClient): WireClient => {
  onTestFinished(() => client.destroy());
  return client;
};
const open = async (at: Yard = yard()): Promise<WireClient> => kept(await WireClient.open(at.port));
const encrypted = async (options: Parameters<typeof WireClient.encrypted>[1] = {}, at: Yard = yard()): Promise<WireClient> =>
  kept(await WireClient.encrypted(at.port, options));

/** Sends what is given and reads one byte after each. */
async function ask(client: WireClient, ...requests: Buffer[]): Promise<string> {
  let answers = '';
  for (const request of requests) {
    client.write(request);
    answers += (await client.bytes(1)).toString();
  }
  return answers;
}

/** Comes in over what it has, and does one query. */
async function works(client: WireClient, parameters: Record<string, string> = {}): Promise<void> {
  client.write(startup({ user: 'postgres', database: 'postgres', ...parameters }));
  await client.until('Z');
  expect(rows(await client.query('select 41 + 1'))).toEqual([['42']]);
}

/** What the proxy says last, and that it closes then. */
async function refusal(client: WireClient): Promise<Record<string, string>> {
  const last = fields((await client.until('E')).at(-1) ?? expect.fail('no error'));
  await client.closed();
  return last;
}

const events = async (at: Yard = yard()): Promise<string[]> =>
  (await at.snapshot()).log.map(({ code, message: text }) => `${code}: ${text}`);
const told = async (pattern: RegExp, at?: Yard): Promise<void> => {
  await expect.poll(() => events(at), PATIENT).toContainEqual(expect.stringMatching(pattern));
};
/** What the event log says of a client whose handshake failed. */
const failed = async (port: number | undefined, why: string, at?: Yard): Promise<void> => {
  await told(new RegExp(`^tls_handshake: A client at 127\\.0\\.0\\.1:${port} did not get through the TLS handshake: ${why}`), at);
};

describe('encryption requests', () => {
  it.each([
    ['SSLRequest', [sslRequest], 'S'],
    ['GSSENCRequest, then SSLRequest', [gssEncRequest, sslRequest], 'NS'],
  ])('%s: TLS', async (_, requests, answers) => {
    const client = await open();
    expect(await ask(client, ...requests)).toBe(answers);
    await works(kept(await client.encrypt()));
  });

  it.each([
    ['SSLRequest', [sslRequest], 'N'],
    ['GSSENCRequest', [gssEncRequest], 'N'],
    ['SSLRequest, then GSSENCRequest', [sslRequest, gssEncRequest], 'NN'],
    ['GSSENCRequest, then SSLRequest', [gssEncRequest, sslRequest], 'NN'],
  ])('%s, without TLS: plain text', async (_, requests, answers) => {
    const client = await open(await guarded({}));
    expect(await ask(client, ...requests)).toBe(answers);
    await works(client);
  });

  it('GSSENCRequest, and then plain text after all', async () => {
    const client = await open();
    expect(await ask(client, gssEncRequest)).toBe('N');
    await works(client);
  });

  it.each([
    ['SSLRequest', {}, [sslRequest, gssEncRequest], sslRequest],
    ['GSSENCRequest', {}, [gssEncRequest, sslRequest], gssEncRequest],
  ])('a second %s is refused', async (_, settings, first, again) => {
    const client = await open(await guarded(settings));
    await ask(client, ...first);
    client.write(again);
    expect(await refusal(client)).toMatchObject({ S: 'FATAL', C: '08P01', M: 'a second encryption request' });
  });

  it.each([
    ['SSLRequest', sslRequest],
    ['GSSENCRequest', gssEncRequest],
  ])('%s inside TLS is refused, in TLS', async (_, request) => {
    const client = await encrypted();
    client.write(request);
    expect(await refusal(client)).toMatchObject({ S: 'FATAL', C: '08P01', M: 'a second encryption request' });
  });

  it.each([
    ['SSLRequest', sslRequest],
    ['GSSENCRequest', gssEncRequest],
  ])('bytes that come along with %s end it, and are not taken for encrypted ones', async (_, request) => {
    const client = await open();
    client.write(request, hello);
    expect(await refusal(client)).toMatchObject({ C: '08P01', M: 'received unencrypted data after encryption request' });
    await told(/^protocol_violation: .*unencrypted data/);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('%s is spoken', async (version) => {
    const client = await encrypted({ minVersion: version, maxVersion: version });
    expect((client.socket as TLSSocket).getProtocol()).toBe(version);
    await works(client);
  });

  it.each<SecureVersion>(['TLSv1', 'TLSv1.1'])('%s is too old', async (version) => {
    // The client's own OpenSSL has to be talked into it.
    const ciphers = 'DEFAULT:@SECLEVEL=0';
    const client = await open();
    const { localPort } = client.socket;
    await ask(client, sslRequest);
    await expect(client.encrypt({ minVersion: 'TLSv1', maxVersion: version, ciphers })).rejects.toThrow(/protocol version/);
    await failed(localPort, 'its version of TLS is too old');
  });

  it('the protocol’s name may be given (ALPN), and another is refused', async () => {
    await works(await encrypted({ ALPNProtocols: ['postgresql'] }));
    const client = await open();
    const { localPort } = client.socket;
    await ask(client, sslRequest);
    await expect(client.encrypt({ ALPNProtocols: ['http/1.1'] })).rejects.toThrow(/no application protocol/);
    await failed(localPort, 'it wants to speak another protocol');
  });
});

describe('TLS from the first byte', () => {
  it('is taken from a client that names the protocol', async () => {
    const client = await encrypted({ direct: true });
    await works(client, { application_name: 'direct' });
    expect((await yard().sessions()).find(({ application }) => application === 'direct')?.tls).toBe('TLSv1.3');
  });

  it('is refused to one that does not', async () => {
    const client = await open();
    const { localPort } = client.socket;
    // In TLS 1.3 the client is through before it is turned away.
    const secure = kept(await client.encrypt());
    await secure.closed();
    await expect(secure.bytes(1)).rejects.toThrow('closed');
    await failed(localPort, 'it began with TLS at once, without naming the protocol');
  });

  it('is refused when TLS is off', async () => {
    const at = await guarded({});
    const client = await open(at);
    const { localPort } = client.socket;
    await expect(client.encrypt({ ALPNProtocols: ['postgresql'] })).rejects.toThrow(/wrong version number|closed|disconnected|ECONNRESET/);
    await told(
      new RegExp(`^protocol_violation: A client at 127\\.0\\.0\\.1:${localPort} was refused: TLS from the first byte is not offered`),
      at,
    );
  });

  it('is refused behind a request that was answered no', async () => {
    const client = await open();
    await ask(client, gssEncRequest);
    client.write(Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1]));
    expect(await refusal(client)).toMatchObject({ C: '08P01' });
  });

  it.each([true, false])('the first bytes may come one by one (direct: %s)', async (direct) => {
    const client = await open();
    if (!direct) await ask(client, sslRequest);
    const { socket } = client;
    let pieces = 0;
    // Node hands the greeting to its socket in one write; this one passes it on in as many as it has bytes.
    const slow = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        for (const byte of chunk) socket.write(Buffer.from([byte]));
        pieces += chunk.length;
        done();
      },
    });
    socket.removeAllListeners('data');
    socket.on('data', (chunk: Buffer) => slow.push(chunk));
    const secure = connect({ socket: slow, servername: 'localhost', ca: files.ca, ALPNProtocols: ['postgresql'] });
    onTestFinished(() => void secure.destroy());
    await once(secure, 'secureConnect');
    secure.write(hello);
    const [answer] = (await once(secure, 'data')) as [Buffer];
    expect(String.fromCharCode(answer[0] ?? 0)).toBe('R');
    expect(pieces).toBeGreaterThan(200);
  });
});

it('everything that follows may come in one flight', async () => {
  const client = await open();
  await ask(client, sslRequest);
  const secure = kept(await client.encrypt());
  secure.write(hello, message('Q', cstring('select 1')), message('Q', cstring('select 2')), terminate);
  await secure.until('Z');
  expect(rows(await secure.until('Z'))).toEqual([['1']]);
  expect(rows(await secure.until('Z'))).toEqual([['2']]);
  await secure.closed();
});

describe('a handshake that fails ends that client only', () => {
  it.each([
    ['rubbish', Buffer.from('GET / HTTP/1.1\r\nHost: here\r\n\r\n'), 'what it sent is no TLS'],
    ['its startup packet in clear', hello, 'what it sent is no TLS'],
    ['zeros', Buffer.alloc(4_000), 'what it sent is no TLS'],
    ['a record that is no greeting', Buffer.from([0x16, 3, 1, 0, 4, 99, 0, 0, 0]), 'what it sent is no TLS'],
    [
      'a record that is too long',
      Buffer.concat([Buffer.from([0x16, 3, 1, 0xff, 0xff]), Buffer.alloc(20_000, 1)]),
      'what it sent is no TLS',
    ],
  ])('%s instead of a greeting', async (_, bytes, why) => {
    const healthy = await encrypted();
    await works(healthy);
    const client = await open();
    const { localPort } = client.socket;
    expect(await ask(client, sslRequest)).toBe('S');
    client.write(bytes);
    await client.closed();
    await failed(localPort, why);
    expect(rows(await healthy.query('select 1'))).toEqual([['1']]);
  });

  it('and so does one that the client breaks off', async () => {
    const client = await open();
    const { localPort } = client.socket;
    expect(await ask(client, sslRequest)).toBe('S');
    client.write(Buffer.from([0x16, 3, 1, 0, 200, 1]));
    client.halfClose();
    await client.closed();
    await failed(localPort, 'the client closed the connection');
  });
});

describe('the login deadline covers the handshake', () => {
  const hasty = (): Promise<Yard> => guarded({ ...encrypting('allow', files), times: { login: 1 } });
  const LATE = /^client_refused: A client at 127\.0\.0\.1:\d+ .*canceling authentication due to timeout/;

  it.each([
    ['silence behind the answer', false, Buffer.alloc(0)],
    ['half a greeting', false, Buffer.from([0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3])],
    ['half a greeting, at once', true, Buffer.from([0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3])],
  ])('%s: closed without a word, since none would be understood', async (_, direct, bytes) => {
    const at = await hasty();
    const client = await open(at);
    if (!direct) await ask(client, sslRequest);
    client.write(bytes);
    await client.closed();
    await expect(client.bytes(1)).rejects.toThrow(/closed|ECONNRESET/);
    await told(LATE, at);
  });

  it('silence inside TLS: told, in TLS', async () => {
    const client = await encrypted({}, await hasty());
    expect(await refusal(client)).toMatchObject({ S: 'FATAL', C: '57014' });
  });
});

describe('where encryption is required', () => {
  it('a client in clear is told how to come in', async () => {
    const at = await guarded(encrypting('require', files));
    for (const database of ['postgres', 'switchyard']) {
      const client = await open(at);
      client.write(startup({ user: 'postgres', database }));
      const { S, C, H } = await refusal(client);
      expect({ S, C }).toEqual({ S: 'FATAL', C: '28000' });
      expect(H).toMatch(/sslmode=require/);
    }
    await works(await encrypted({}, at));
    await works(await encrypted({ direct: true }, at));
  });

  it('and there is no certificate, nobody comes in, and all hear why', async () => {
    const at = await guarded({ tls: { clients: 'require', certificate: { kind: 'none' } } });
    const client = await open(at);
    expect(await ask(client, sslRequest)).toBe('N');
    client.write(hello);
    expect((await refusal(client))['H']).toMatch(/no certificate/);
    expect(at.switchyard.settings().problems).toEqual(['There is no certificate for clients. Nobody can connect until there is one.']);
    await told(/^settings_problem: There is no certificate/, at);
  });

  it('a cancel request is looked at in clear all the same', async () => {
    const at = await guarded(encrypting('require', files));
    const client = await encrypted({}, at);
    client.write(hello);
    const key = (await client.until('Z')).find(({ type }) => type === 'K')?.body ?? expect.fail('no key');
    client.write(message('Q', cstring('select pg_sleep(60)')));
    await expect.poll(async () => (await at.sessions()).map(({ state }) => state), PATIENT).toEqual(['active']);
    const sender = await open(at);
    sender.write(cancelRequest(key));
    await sender.closed();
    expect(fields((await client.until('E')).at(-1) ?? expect.fail())['C']).toBe('57014');
    await client.until('Z');
  });
});

describe('the name in the greeting', () => {
  it('that disagrees with the options is refused, both named', async () => {
    const client = await encrypted({ servername: 'ep-b.localhost' });
    client.write(startup({ user: 'postgres', database: 'postgres', options: 'endpoint=ep-a' }));
    const { M = '' } = await refusal(client);
    expect(M).toContain('ep-a');
    expect(M).toContain('ep-b');
  });

  it('leads to its endpoint, and one that is none to the default', async () => {
    for (const [servername, port] of [
      ['ep-b.localhost', b().port],
      ['ep-a.localhost', a().port],
      ['localhost', a().port],
      ['elsewhere.example', a().port],
    ] as const) {
      const client = await encrypted({ servername });
      client.write(hello);
      await client.until('Z');
      expect(rows(await client.query('show port')), servername).toEqual([[String(port)]]);
    }
  });
});

describeWithProgram('openssl', 'openssl s_client', (openssl) => {
  const run = (...words: string[]) =>
    runProgram(openssl, [
      's_client',
      '-connect',
      `127.0.0.1:${yard().port}`,
      '-CAfile',
      files.authorityFile,
      '-verify_return_error',
      ...words,
    ]);

  it('verifies the certificate behind an SSLRequest', async () => {
    const { stdout } = await run('-starttls', 'postgres', '-verify_hostname', 'localhost');
    expect(stdout).toContain('Verify return code: 0 (ok)');
  });

  it('offers PostgreSQL’s protocol at once, or is turned away', async () => {
    expect((await run('-alpn', 'postgresql')).stdout).toContain('ALPN protocol: postgresql');
    // Through, and then out: the end comes before anything is said.
    const { stdout } = await run();
    expect(stdout).toContain('No ALPN negotiated');
    expect(stdout).not.toContain('08P01');
    expect((await run('-alpn', 'h2')).code).not.toBe(0);
  });
});
