/**
 * The proxy's side of a client's login: what to ask, and what the answers are worth. Knows no socket: `start` and `next` give
 * the frames to send. PostgreSQL's auth.c and auth-sasl.c are the model, their words and SQLSTATEs included.
 */
import { createHash, randomBytes } from 'node:crypto';
import { Server } from '../wire/codes.ts';
import { frame, int32 } from '../wire/messages.ts';
import { explainAuthentication } from './assistant.ts';
import { type Credential } from './credential.ts';
import { LoginRefusal, wrongPassword } from './login-refusal.ts';
import { md5Salted } from './md5.ts';
import { ServerScram } from './server-scram.ts';
import { equalSecrets, matchesPassword, mockVerifier, type ScramVerifier, type Verifier } from './verifier.ts';

/** How clients are asked to prove themselves. */
export type PasswordMethod = 'scram-sha-256' | 'md5' | 'password';

/** What is known of a user when its login begins. */
export interface KnownUser {
  /** Null: there is no such user, or none with a password that is still valid; why is for the operator only. */
  readonly verifier: Verifier | null;
  readonly reason: string | null;
}

/** How an exchange is run. */
export interface ExchangeOptions {
  readonly user: string;
  readonly method: PasswordMethod;
  readonly known: KnownUser;
  /** The kind that most users here have: what a user without any is asked for under `md5`. */
  readonly usualKind: Verifier['kind'];
  /** `tls-server-end-point` hash of the certificate the client saw; null without TLS. */
  readonly certificateHash: Buffer | null;
  /** See `mockVerifier`. */
  readonly mockSecret: Buffer;
  /** Asked once when an answer does not fit: the password may have been changed a moment ago. Null: nothing newer is known. */
  refetch(): Promise<KnownUser | null>;
}

/** What comes next: frames for the client, or the end. `send` of the end goes out in front of AuthenticationOk. */
export type ExchangeStep =
  | { readonly kind: 'ask'; readonly send: Buffer }
  | { readonly kind: 'proven'; readonly credential: Credential; readonly send: Buffer | null };

const Request = { cleartext: 3, md5: 5, sasl: 10, saslContinue: 11, saslFinal: 12 } as const;
const ask = (request: number, body: Buffer | string = ''): Buffer =>
  frame(Server.Authentication, int32(request), typeof body === 'string' ? Buffer.from(body, 'latin1') : body);

/** One login. `start` first, then `next` with the body of every password message (`p`) until it is proven. Rejects with `LoginRefusal`. */
export interface ClientExchange {
  start(): Buffer;
  next(body: Buffer): Promise<ExchangeStep>;
}

/**
 * The exchange for a user. As in PostgreSQL, `md5` also serves users that have a SCRAM verifier, by SCRAM; a user whose verifier the
 * method cannot use is treated as an unknown one.
 */
export function clientExchange(options: ExchangeOptions): ClientExchange {
  switch (options.method) {
    case 'password':
      return new CleartextExchange(options);
    case 'md5':
      return (options.known.verifier?.kind ?? options.usualKind) === 'md5' ? new Md5Exchange(options) : new ScramLogin(options);
    case 'scram-sha-256':
      return new ScramLogin(options);
  }
}

class CleartextExchange implements ClientExchange {
  readonly #options: ExchangeOptions;

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  start(): Buffer {
    return ask(Request.cleartext);
  }

  async next(body: Buffer): Promise<ExchangeStep> {
    const { user, known } = this.#options;
    const password = readPassword(body, user);
    if (await this.#fits(known, password)) return proven(password);
    const newer = await this.#options.refetch();
    if (newer !== null && (await this.#fits(newer, password))) return proven(password);
    throw wrongPassword(user, (newer ?? known).reason);
  }

  /** The work of deriving keys is done for unknown users too. */
  async #fits(known: KnownUser, password: string): Promise<boolean> {
    const { user, mockSecret } = this.#options;
    const fits = await matchesPassword(known.verifier ?? mockVerifier(user, mockSecret), user, password);
    return fits && known.verifier !== null;
  }
}

function proven(password: string): ExchangeStep {
  return { kind: 'proven', credential: { kind: 'password', password }, send: null };
}

class Md5Exchange implements ClientExchange {
  readonly #options: ExchangeOptions;
  readonly #salt = randomBytes(4);

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  start(): Buffer {
    return ask(Request.md5, this.#salt);
  }

  async next(body: Buffer): Promise<ExchangeStep> {
    const { user, known } = this.#options;
    const answer = readPassword(body, user);
    const step = this.#check(known, answer);
    if (step !== null) return step;
    const newer = await this.#options.refetch();
    const second = newer === null ? null : this.#check(newer, answer);
    if (second !== null) return second;
    throw wrongPassword(user, (newer ?? known).reason);
  }

  #check({ verifier }: KnownUser, answer: string): ExchangeStep | null {
    const hash = verifier?.kind === 'md5' ? verifier.hash : `md5${createHash('md5').update(randomBytes(16)).digest('hex')}`;
    if (!equalSecrets(Buffer.from(md5Salted(hash, this.#salt)), Buffer.from(answer))) return null;
    return { kind: 'proven', credential: { kind: 'md5-hash', hash }, send: null };
  }
}

class ScramLogin implements ClientExchange {
  readonly #options: ExchangeOptions;
  readonly #verifier: ScramVerifier;
  /** The user has no verifier that SCRAM can use: whatever it proves is not enough. */
  readonly #mock: boolean;
  readonly #scram: ServerScram;
  #stage: 'initial' | 'first' | 'final' = 'initial';

  constructor(options: ExchangeOptions) {
    this.#options = options;
    const { verifier } = options.known;
    this.#mock = verifier?.kind !== 'scram';
    this.#verifier = verifier?.kind === 'scram' ? verifier : mockVerifier(options.user, options.mockSecret);
    this.#scram = new ServerScram(this.#verifier, options.certificateHash);
  }

  start(): Buffer {
    return ask(Request.sasl, `${this.#scram.mechanisms.map((name) => `${name}\0`).join('')}\0`);
  }

  async next(body: Buffer): Promise<ExchangeStep> {
    switch (this.#stage) {
      case 'initial': {
        const response = readInitialResponse(body);
        this.#scram.begin(response.mechanism);
        this.#stage = 'first';
        // A client may choose first and speak when it is asked (RFC 4422, section 3.3).
        return response.data === null ? { kind: 'ask', send: ask(Request.saslContinue) } : this.#first(response.data);
      }
      case 'first':
        return this.#first(body);
      case 'final':
        return this.#final(body);
    }
  }

  #first(message: Buffer): ExchangeStep {
    const serverFirst = this.#scram.first(message);
    this.#stage = 'final';
    return { kind: 'ask', send: ask(Request.saslContinue, serverFirst) };
  }

  async #final(message: Buffer): Promise<ExchangeStep> {
    const { user, known } = this.#options;
    const proof = this.#scram.final(message);
    if (proof !== null && !this.#mock) {
      const { salt, iterations, serverKey } = this.#verifier;
      return {
        kind: 'proven',
        credential: { kind: 'scram-keys', clientKey: proof.clientKey, serverKey, salt, iterations },
        send: ask(Request.saslFinal, proof.serverFinal),
      };
    }
    // A proof is bound to the salt it was asked for, so a newer verifier helps at the next attempt only.
    const newer = await this.#options.refetch();
    const { verifier, reason } = newer ?? known;
    throw wrongPassword(user, reason ?? (verifier?.kind === 'md5' ? md5Verifier(user) : null));
  }
}

function md5Verifier(role: string): string {
  const { message, hint } = explainAuthentication({ problem: 'md5_verifier', role });
  return `${message}. ${hint}`.replace(/\.$/, '');
}

function readPassword(body: Buffer, user: string): string {
  if (body.indexOf(0) !== body.length - 1) throw new LoginRefusal('08P01', 'invalid password packet size');
  if (body.length === 1) throw new LoginRefusal('28P01', 'empty password returned by client', null, `it was for user "${user}"`);
  return body.toString('utf8', 0, body.length - 1);
}

/** SASLInitialResponse: a mechanism's name, and the first message unless its length is -1. */
function readInitialResponse(body: Buffer): { mechanism: string; data: Buffer | null } {
  const zero = body.indexOf(0);
  if (zero < 0 || body.length < zero + 5)
    throw new LoginRefusal('08P01', 'malformed SASL response', 'The mechanism or the length is missing.');
  const length = body.readInt32BE(zero + 1);
  const data = body.subarray(zero + 5);
  if (length === -1 ? data.length !== 0 : data.length !== length) {
    throw new LoginRefusal('08P01', 'malformed SASL response', 'Its length does not fit.');
  }
  return { mechanism: body.toString('latin1', 0, zero), data: length === -1 ? null : data };
}
