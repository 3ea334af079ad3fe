import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { AuthFailure, BackendAuth } from '../../core/auth/backend-auth.ts';
import { passwordCredential } from '../../core/auth/credential.ts';
import { md5Hash, md5Salted } from '../../core/auth/md5.ts';
import { preparePassword, scramKeys } from '../../core/auth/scram-keys.ts';
import { keysOfPassword, ScramExchange } from '../../core/auth/scram.ts';

const place = { backend: '127.0.0.1:5432' };
const sasl = (...mechanisms: string[]) => message(10, mechanisms.map((name) => `${name}\0`).join('') + '\0');

function message(code: number, rest: string | Buffer = ''): Buffer {
  const head = Buffer.alloc(4);
  head.writeInt32BE(code);
  return Buffer.concat([head, Buffer.from(rest)]);
}

async function failure(promise: Promise<unknown>): Promise<AuthFailure> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof AuthFailure) return error;
  throw new Error('expected an AuthFailure', { cause: error });
}

describe('ScramExchange', () => {
  const serverFirst = 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096';

  it('follows the vector of RFC 7677 section 3', async () => {
    const exchange = new ScramExchange(keysOfPassword('pencil'), { kind: 'none' }, 'rOprNGfwEbeRWgbNEkqO', 'user');
    expect(exchange.first()).toBe('n,,n=user,r=rOprNGfwEbeRWgbNEkqO');
    expect(await exchange.final(Buffer.from(serverFirst))).toBe(
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    );
    expect(exchange.verified).toBe(false);
    exchange.verify(Buffer.from('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='));
    expect(exchange.verified).toBe(true);
  });

  it('refuses a wrong signature', async () => {
    const exchange = new ScramExchange(keysOfPassword('pencil'), { kind: 'none' }, 'rOprNGfwEbeRWgbNEkqO', 'user');
    await exchange.final(Buffer.from(serverFirst));
    expect(() => exchange.verify(Buffer.from('v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='))).toThrow(/could not prove/);
    expect(() => exchange.verify(Buffer.from('e=invalid-proof'))).toThrow(/invalid-proof/);
    expect(() => exchange.verify(Buffer.from('v=AAAA'))).toThrow(/no signature/);
    expect(exchange.verified).toBe(false);
  });

  it.each([
    ['', /cannot be read/],
    ['r=abc', /cannot be read/],
    ['m=x,r=nonce1,s=AAAA,i=1', /extension/],
    ['r=other1,s=AAAA,i=4096', /nonce/],
    ['r=nonce,s=AAAA,i=4096', /nonce/],
    ['r=nonce1,s=A,i=4096', /salt/],
    ['r=nonce1,s=AAAA,i=0', /cannot be read/],
    ['r=nonce1,s=AAAA,i=-1', /cannot be read/],
    ['r=nonce1,s=AAAA,i=1000001', /iterations/],
    ['r=nonce1,s=AAAA,i=99999999999', /cannot be read/],
    [`r=nonce${'x'.repeat(5000)},s=AAAA,i=1`, /too long/],
    ['r=nonce\u0001,s=AAAA,i=1', /plain text/],
  ])('refuses the server message %j', async (text, reason) => {
    const error = await failure(new ScramExchange(keysOfPassword('pw'), { kind: 'none' }, 'nonce').final(Buffer.from(text)));
    expect(error.code).toBe('malformed');
    expect(error.message).toMatch(reason);
  });

  it('survives random messages', async () => {
    for (let round = 0; round < 500; round++) {
      const text = Array.from({ length: 1 + (round % 60) }, () => 'r=nonce1,s=AAAA,i=4\0\u00ff'[Math.floor(Math.random() * 21)]).join('');
      const outcome = await new ScramExchange(keysOfPassword('pw'), { kind: 'none' }, 'nonce').final(Buffer.from(text, 'latin1')).then(
        () => null,
        (error: unknown) => error,
      );
      expect(outcome === null || outcome instanceof AuthFailure).toBe(true);
    }
  });
});

describe('scramKeys', () => {
  it('prepares a password as libpq does', () => {
    expect(preparePassword('I\u00adX')).toBe('IX');
    expect(preparePassword('\u2168')).toBe('IX');
    expect(preparePassword('a\u00a0b')).toBe('a b');
    expect(preparePassword('bell\u0007')).toBe('bell\u0007');
    expect(preparePassword('\u00ad')).toBe('\u00ad');
  });

  it('keeps derived keys per password, salt and iterations, also while deriving', async () => {
    const salt = Buffer.from('0123456789abcdef');
    const first = scramKeys('pw', salt, 10);
    expect(scramKeys('pw', Buffer.from(salt), 10)).toBe(first);
    const others = [scramKeys('px', salt, 10), scramKeys('pw', salt, 11), scramKeys('pw', Buffer.from('x'), 10)];
    const keys = await first;
    for (const other of await Promise.all(others)) expect(other.clientKey.equals(keys.clientKey)).toBe(false);
    for (let n = 0; n < 80; n++) await scramKeys(`filler ${n}`, salt, 1);
    expect(scramKeys('pw', salt, 10)).not.toBe(first);
  });
});

describe('BackendAuth', () => {
  it('needs nothing for trust', async () => {
    expect(await new BackendAuth('me', passwordCredential(null), place).next(message(0))).toBeNull();
  });

  it('answers cleartext and md5', async () => {
    const auth = new BackendAuth('me', passwordCredential('päss'), place);
    expect((await auth.next(message(3)))?.toString('hex')).toBe(Buffer.from('p\0\0\0\x0apäss\0').toString('hex'));
    const salt = Buffer.from([1, 2, 3, 4]);
    const hex = (data: Buffer | string) => createHash('md5').update(data).digest('hex');
    const expected = `md5${hex(Buffer.concat([Buffer.from(hex('pässme')), salt]))}`;
    expect(md5Salted(md5Hash('me', 'päss'), salt)).toBe(expected);
    expect((await auth.next(message(5, salt)))?.toString('latin1', 5)).toBe(`${expected}\0`);
  });

  it('logs in with SCRAM against a server that checks the proof', async () => {
    const auth = new BackendAuth('me', passwordCredential('pencil'), place);
    const first = await auth.next(sasl('SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'));
    const server = scramServer('pencil', first ?? Buffer.alloc(0));
    const final = await auth.next(message(11, server.first));
    const { ok, last } = server.check((final ?? Buffer.alloc(0)).toString('latin1', 5));
    expect(ok).toBe(true);
    expect(await auth.next(message(12, last))).toBeNull();
    expect(await auth.next(message(0))).toBeNull();
  });

  it('refuses a server that skips its own proof', async () => {
    const auth = new BackendAuth('me', passwordCredential('pencil'), place);
    const server = scramServer('pencil', (await auth.next(sasl('SCRAM-SHA-256'))) ?? Buffer.alloc(0));
    await auth.next(message(11, server.first));
    expect((await failure(auth.next(message(0)))).code).toBe('server_signature');
  });

  it.each([
    [7, 'GSSAPI'],
    [9, 'SSPI'],
    [2, 'Kerberos 5'],
    [99, 'code 99'],
  ])('names method %i', async (code, name) => {
    const error = await failure(new BackendAuth('me', passwordCredential('pw'), place).next(message(code)));
    expect(error.code).toBe('method_unsupported');
    expect(error.message).toContain(name);
    expect(error.hint).toContain('pg_hba.conf');
  });

  it('names mechanisms it does not speak', async () => {
    expect((await failure(new BackendAuth('me', passwordCredential('pw'), place).next(sasl('OAUTHBEARER')))).message).toContain(
      'OAUTHBEARER',
    );
  });

  it.each([message(3), message(5, 'abcd'), sasl('SCRAM-SHA-256')])('says when the password is missing', async (body) => {
    for (const password of [null, '']) {
      const error = await failure(new BackendAuth('me', passwordCredential(password), place).next(body));
      expect(error.code).toBe('password_missing');
      expect(error.message).toContain('"me"');
    }
  });

  it.each([Buffer.alloc(0), message(5, 'abc'), message(11, 'r=x'), message(12, 'v=x')])('refuses malformed messages', async (body) => {
    expect((await failure(new BackendAuth('me', passwordCredential('pw'), place).next(body))).code).toBe('malformed');
  });
});

/** The server's half of the exchange, by RFC 5802, written without the client's code. */
function scramServer(password: string, firstFrame: Buffer) {
  const text = firstFrame.toString('latin1', 5 + 'SCRAM-SHA-256'.length + 1 + 4);
  const bare = text.slice('n,,'.length);
  const salt = Buffer.from('salt of 16 bytes');
  const first = `r=${bare.slice(bare.indexOf('r=') + 2)}server,s=${salt.toString('base64')},i=4096`;
  const mac = (key: Buffer, data: string) => createHmac('sha256', key).update(data).digest();
  const salted = pbkdf2Sync(password, salt, 4096, 32, 'sha256');
  return {
    first,
    check(final: string) {
      const [withoutProof = '', proofText = ''] = final.split(',p=');
      const authMessage = `${bare},${first},${withoutProof}`;
      const stored = createHash('sha256').update(mac(salted, 'Client Key')).digest();
      const signature = mac(stored, authMessage);
      const clientKey = Buffer.from(proofText, 'base64').map((byte, index) => byte ^ (signature[index] ?? 0));
      const ok = createHash('sha256').update(clientKey).digest().equals(stored);
      return { ok, last: `v=${mac(mac(salted, 'Server Key'), authMessage).toString('base64')}` };
    },
  };
}
