/** A client's side of a login by password, written without core/auth: right until somebody spoils it. */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { cstring, int32, message } from '../../support/wire-client.ts';
import { mutateBody, mutateBytes, split } from './mutate.ts';
import type { Random } from './random.ts';

/** What is done wrong, and when; the rest follows from what the proxy asks. */
export interface LoginCase {
  /** Nothing is sent ahead: what a client says depends on what it is asked. */
  readonly pieces: readonly Buffer[];
  readonly user: string;
  readonly password: string;
  /** The answer that is spoiled: 0 is the first; one that never comes spoils nothing. */
  readonly spoiled: number;
  readonly way: 'bytes' | 'body' | 'doubled' | 'followed' | 'cut';
  readonly leave: 'wait' | 'fin' | 'reset';
  readonly seed: number;
}

/** The user that exists, and its password. */
export const known = { user: 'alice', password: 'pencil' } as const;

/** Makes a case. */
export function makeLogin(random: Random): LoginCase {
  return {
    pieces: [],
    user: random.oneIn(5) ? 'nobody' : known.user,
    password: random.oneIn(2) ? known.password : random.pick(['', 'wrong', 'x'.repeat(2_000), 'pencil ']),
    spoiled: random.below(3),
    way: random.pick(['bytes', 'bytes', 'body', 'body', 'doubled', 'followed', 'cut'] as const),
    leave: random.pick(['wait', 'wait', 'fin', 'reset'] as const),
    seed: random.uint32(),
  };
}

/** Spoils an answer and cuts it up. */
export function spoil(random: Random, way: LoginCase['way'], answer: Buffer): Buffer[] {
  switch (way) {
    case 'bytes':
      return split(random, mutateBytes(random, answer));
    case 'body':
      return split(random, mutateBody(random, answer));
    case 'doubled':
      return split(random, Buffer.concat([answer, answer]));
    case 'followed':
      return split(random, Buffer.concat([answer, message(random.pick(['Q', 'X', 'S', 'p']), cstring('select 1'))]));
    default:
      return [answer.subarray(0, random.below(answer.length))];
  }
}

/** One exchange. `answer` is what a right client says to the body of an Authentication message; null: it has nothing to say. */
export class LoginExchange {
  readonly #user: string;
  readonly #password: string;
  readonly #nonce: string;
  #serverFirst: string | null = null;

  constructor(user: string, password: string, nonce: string) {
    this.#user = user;
    this.#password = password;
    this.#nonce = nonce;
  }

  answer(body: Buffer): Buffer | null {
    switch (body.length < 4 ? -1 : body.readInt32BE(0)) {
      case 3:
        return message('p', cstring(this.#password));
      case 5: {
        const inner = md5(Buffer.from(this.#password + this.#user));
        return message('p', cstring(`md5${md5(Buffer.concat([Buffer.from(inner), body.subarray(4, 8)]))}`));
      }
      case 10: {
        const first = Buffer.from(`n,,${this.#bare}`);
        return message('p', cstring('SCRAM-SHA-256'), int32(first.length), first);
      }
      case 11:
        this.#serverFirst = body.toString('utf8', 4);
        return message('p', Buffer.from(this.#final(this.#serverFirst)));
      default:
        return null;
    }
  }

  get #bare(): string {
    return `n=*,r=${this.#nonce}`;
  }

  #final(serverFirst: string): string {
    const [, nonce = '', salt = '', iterations = '1'] = /^r=([^,]*),s=([^,]*),i=(\d+)/.exec(serverFirst) ?? [];
    const salted = saltedPassword(this.#password, salt, Number(iterations));
    const clientKey = hmac(salted, 'Client Key');
    const withoutProof = `c=biws,r=${nonce}`;
    const signature = hmac(createHash('sha256').update(clientKey).digest(), `${this.#bare},${serverFirst},${withoutProof}`);
    return `${withoutProof},p=${Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] ?? 0))).toString('base64')}`;
  }
}

const salted = new Map<string, Buffer>();

/** A millisecond each: the same few again and again. */
function saltedPassword(password: string, salt: string, iterations: number): Buffer {
  const key = JSON.stringify([password, salt, iterations]);
  let found = salted.get(key);
  if (found === undefined) {
    found = pbkdf2Sync(password, Buffer.from(salt, 'base64'), iterations, 32, 'sha256');
    salted.set(key, found);
  }
  return found;
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function md5(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex');
}
