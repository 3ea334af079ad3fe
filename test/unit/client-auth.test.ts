/** The proxy's side of a client's login, without sockets: the exchanges themselves. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it, onTestFailed } from 'vitest';
import { clientExchange, type ExchangeOptions, type KnownUser } from '../../core/auth/client-exchange.ts';
import { LoginRefusal } from '../../core/auth/login-refusal.ts';
import { md5Hash, md5Salted } from '../../core/auth/md5.ts';
import { keysOfPassword, ScramExchange, type ChannelBinding } from '../../core/auth/scram.ts';
import { ServerScram } from '../../core/auth/server-scram.ts';
import { makeVerifier, matchesPassword, mockVerifier, parseVerifier, type ScramVerifier, type Verifier } from '../../core/auth/verifier.ts';

const secret = Buffer.alloc(32, 7);

async function scramVerifier(password: string, salt?: Buffer): Promise<ScramVerifier> {
  const verifier = parseVerifier(await makeVerifier(password, salt));
  if (verifier?.kind !== 'scram') throw new Error('no SCRAM verifier was made');
  return verifier;
}

function refusalOf(run: () => unknown): LoginRefusal | null {
  try {
    run();
  } catch (error) {
    if (error instanceof LoginRefusal) return error;
    throw error;
  }
  return null;
}

describe('the server’s side of SCRAM', () => {
  const rfc = () => scramVerifier('pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'));

  it('follows the vector of RFC 7677 section 3', async () => {
    const scram = new ServerScram(await rfc(), null, '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0');
    scram.begin('SCRAM-SHA-256');
    expect(scram.first(Buffer.from('n,,n=user,r=rOprNGfwEbeRWgbNEkqO'))).toBe(
      'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    );
    const answer = 'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
    expect(scram.final(Buffer.from(`${answer},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`))?.serverFinal).toBe(
      'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
    );
    expect(scram.final(Buffer.from(`${answer},p=${Buffer.alloc(32).toString('base64')}`))).toBeNull();
  });

  it.each([
    ['the same certificate on both sides', 'one', 'one', null],
    ['another certificate in between', 'other', 'one', '28000'],
  ])('binds the login to the TLS channel: %s', async (_, theirs, ours, sqlState) => {
    const scram = new ServerScram(await rfc(), Buffer.from(ours));
    expect(scram.mechanisms).toEqual(['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256']);
    const client = new ScramExchange(keysOfPassword('pencil'), { kind: 'end-point', hash: Buffer.from(theirs) });
    scram.begin('SCRAM-SHA-256-PLUS');
    const final = Buffer.from(await client.final(Buffer.from(scram.first(Buffer.from(client.first())))));
    if (sqlState === null) expect(scram.final(final)).not.toBeNull();
    else expect(refusalOf(() => scram.final(final))).toMatchObject({ sqlState });
  });

  it.each<[string, Buffer | null, string, string, string]>([
    ['PLUS taken out of the list on its way', Buffer.from('h'), 'SCRAM-SHA-256', 'y,,n=,r=abc', '28000'],
    ['binding data without PLUS', Buffer.from('h'), 'SCRAM-SHA-256', 'p=tls-server-end-point,,n=,r=abc', '08P01'],
    ['PLUS without binding data', Buffer.from('h'), 'SCRAM-SHA-256-PLUS', 'n,,n=,r=abc', '08P01'],
    ['a binding of another type', Buffer.from('h'), 'SCRAM-SHA-256-PLUS', 'p=tls-unique,,n=,r=abc', '08P01'],
    ['PLUS without TLS', null, 'SCRAM-SHA-256-PLUS', '', '08P01'],
    ['a mechanism nobody offered', null, 'PLAIN', '', '08P01'],
    ['an authorization identity', null, 'SCRAM-SHA-256', 'n,a=root,n=,r=abc', '0A000'],
    ['an extension', null, 'SCRAM-SHA-256', 'n,,m=x,n=,r=abc', '0A000'],
    ['no nonce', null, 'SCRAM-SHA-256', 'n,,n=', '08P01'],
    ['a nonce that would overflow others', null, 'SCRAM-SHA-256', `n,,n=,r=${'a'.repeat(300)}`, '08P01'],
    ['nothing at all', null, 'SCRAM-SHA-256', '', '08P01'],
  ])('refuses %s', async (_, binding, mechanism, first, sqlState) => {
    const scram = new ServerScram(await rfc(), binding);
    const refusal = refusalOf(() => {
      scram.begin(mechanism);
      scram.first(Buffer.from(first));
    });
    expect(refusal).toMatchObject({ sqlState });
  });

  it('answers rubbish with a refusal and with nothing else', () => {
    const seed = randomBytes(4).readUInt32BE();
    onTestFailed(() => void process.stderr.write(`seed ${seed}\n`));
    const random = randomFrom(seed);
    const letters = 'ny,,=r=c=p=biws\0\xffab';
    for (let round = 0; round < 20_000; round++) {
      const scram = new ServerScram(mockVerifier('x', secret), null, 'srv');
      const rubbish = Buffer.from(Array.from({ length: round % 50 }, () => letters.charCodeAt(random(letters.length))));
      refusalOf(() => {
        scram.begin('SCRAM-SHA-256');
        scram.first(round % 2 === 0 ? Buffer.from('n,,n=,r=abc') : rubbish);
        expect(scram.final(rubbish)).toBeNull();
      });
    }
  });
});

/** Mulberry32: the same numbers for the same seed; `random(n)` is below n. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

describe('the mock verifier of a user that does not exist', () => {
  it('has the same salt at every attempt and after a restart with the same secret, and the normal cost', () => {
    expect(mockVerifier('x', secret)).toEqual(mockVerifier('x', Buffer.from(secret)));
    expect(mockVerifier('x', secret).salt.equals(mockVerifier('y', secret).salt)).toBe(false);
    expect(mockVerifier('x', secret).salt.equals(mockVerifier('x', Buffer.alloc(32, 8)).salt)).toBe(false);
    expect(mockVerifier('x', secret)).toMatchObject({ iterations: 4096 });
    expect(mockVerifier('x', secret).salt).toHaveLength(16);
  });
});

describe('an exchange', () => {
  const user = 'alice';
  const password = 'pl4in';
  const known = (verifier: Verifier | null): KnownUser => ({ verifier, reason: null });
  const password0 = (text: string): Buffer => Buffer.from(`${text}\0`);

  function exchange(more: Partial<ExchangeOptions> & Pick<ExchangeOptions, 'method' | 'known'>) {
    let refetched = 0;
    const made = clientExchange({
      user,
      usualKind: 'scram',
      certificateHash: null,
      mockSecret: secret,
      ...more,
      refetch: async () => {
        refetched++;
        return (await more.refetch?.()) ?? null;
      },
    });
    return { made, start: made.start(), refetched: () => refetched };
  }

  /** Logs in by SCRAM as a driver would. */
  async function scramLogin(made: ReturnType<typeof clientExchange>, secretWord: string, binding: ChannelBinding = { kind: 'none' }) {
    const client = new ScramExchange(keysOfPassword(secretWord), binding);
    const mechanism = binding.kind === 'end-point' ? 'SCRAM-SHA-256-PLUS' : 'SCRAM-SHA-256';
    const first = Buffer.from(client.first());
    const length = Buffer.alloc(4);
    length.writeInt32BE(first.length);
    const asked = await made.next(Buffer.concat([Buffer.from(`${mechanism}\0`), length, first]));
    const step = await made.next(Buffer.from(await client.final(asked.send?.subarray(9) ?? Buffer.alloc(0))));
    if (step.send !== null) client.verify(step.send.subarray(9));
    return { step, verified: client.verified };
  }

  it('by SCRAM captures the key that opens servers with the same verifier', async () => {
    const verifier = await scramVerifier(password);
    const { made } = exchange({ method: 'scram-sha-256', known: known(verifier) });
    const { step, verified } = await scramLogin(made, password);
    expect(verified).toBe(true);
    expect(step).toMatchObject({ kind: 'proven', credential: { kind: 'scram-keys', salt: verifier.salt, iterations: 4096 } });
  });

  it('by SCRAM asks once whether the password is newer, and refuses all the same: the proof was for the other salt', async () => {
    const { made, refetched } = exchange({
      method: 'scram-sha-256',
      known: known(await scramVerifier('old')),
      refetch: async () => known(await scramVerifier(password)),
    });
    await expect(scramLogin(made, password)).rejects.toMatchObject({ sqlState: '28P01' });
    expect(refetched()).toBe(1);
  });

  it('by SCRAM tells the operator, not the client, of a verifier it cannot use', async () => {
    const hash = md5Hash(user, password);
    const { made } = exchange({ method: 'scram-sha-256', known: known({ kind: 'md5', hash }) });
    const refusal: unknown = await scramLogin(made, password).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ sqlState: '28P01', message: `password authentication failed for user "${user}"`, detail: null });
    expect((refusal as LoginRefusal).forOperator).toContain('md5');
  });

  it('by SCRAM goes for an unknown user as for any other, to the last message', async () => {
    const { made, start } = exchange({ method: 'scram-sha-256', known: { verifier: null, reason: 'no such role' } });
    const other = exchange({ method: 'scram-sha-256', known: known(await scramVerifier(password)) });
    expect(start).toEqual(other.start);
    await expect(scramLogin(made, password)).rejects.toMatchObject({ sqlState: '28P01', forOperator: 'no such role' });
  });

  it('by md5 checks a newer hash with the same salt', async () => {
    const hash = md5Hash(user, password);
    const { made, start, refetched } = exchange({
      method: 'md5',
      known: known({ kind: 'md5', hash: md5Hash(user, 'old') }),
      refetch: () => Promise.resolve(known({ kind: 'md5', hash })),
    });
    const step = await made.next(password0(md5Salted(hash, start.subarray(9))));
    expect(step).toMatchObject({ kind: 'proven', credential: { kind: 'md5-hash', hash } });
    expect(refetched()).toBe(1);
  });

  it('by md5 becomes SCRAM for a user with a SCRAM verifier, and for an unknown one where that is usual', async () => {
    for (const who of [known(await scramVerifier(password)), known(null)]) {
      expect(exchange({ method: 'md5', known: who }).start.readInt32BE(5)).toBe(10);
    }
    expect(exchange({ method: 'md5', known: known(null), usualKind: 'md5' }).start.readInt32BE(5)).toBe(5);
  });

  it.each(['scram', 'md5'] as const)('in clear is checked against a %s verifier, an old one once more', async (kind) => {
    const verifier: Verifier = kind === 'md5' ? { kind, hash: md5Hash(user, password) } : await scramVerifier(password);
    expect(await matchesPassword(verifier, user, password)).toBe(true);
    const { made, refetched } = exchange({ method: 'password', known: known(verifier) });
    expect(await made.next(password0(password))).toMatchObject({ kind: 'proven', credential: { kind: 'password', password } });
    expect(refetched()).toBe(0);
    const stale = exchange({ method: 'password', known: known(null), refetch: () => Promise.resolve(known(verifier)) });
    expect(await stale.made.next(password0(password))).toMatchObject({ kind: 'proven' });
    const wrong = exchange({ method: 'password', known: known(verifier) });
    await expect(wrong.made.next(password0('wrong'))).rejects.toMatchObject({ sqlState: '28P01' });
  });

  it.each([
    ['without a zero byte', Buffer.from('x'), '08P01'],
    ['with a second string', Buffer.from('x\0y\0'), '08P01'],
    ['that is empty', Buffer.from('\0'), '28P01'],
  ])('refuses a password message %s', async (_, body, sqlState) => {
    for (const method of ['password', 'md5'] as const) {
      const { made } = exchange({ method, known: known({ kind: 'md5', hash: md5Hash(user, password) }) });
      await expect(made.next(body)).rejects.toMatchObject({ sqlState });
    }
  });
});
