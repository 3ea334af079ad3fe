/**
 * The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677) as PostgreSQL speaks it (manual, "SASL Authentication").
 *
 * Own code, because no kept library fits: the one inside node-postgres is an internal file (`lib/crypto/sasl`) of that
 * driver, without limits or a key cache; `sasl-scram-sha-1` and `@xmpp/sasl-scram-sha-1` speak SHA-1 only; `saslmechanisms`
 * only dispatches. Primitives are Node's, SASLprep is a library.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { decodeBase64 } from './base64.ts';
import { AuthFailure } from './failure.ts';
import { hmac, scramKeys, type ScramKeys } from './scram-keys.ts';

/** The mechanisms' names in AuthenticationSASL; PLUS binds the login to the TLS channel. */
export const SCRAM_SHA_256 = 'SCRAM-SHA-256';
export const SCRAM_SHA_256_PLUS = 'SCRAM-SHA-256-PLUS';

/**
 * How the login is tied to TLS (RFC 5802 section 6). `none`: no TLS; `unsupported`: TLS, but the server offers no PLUS; else the
 * `tls-server-end-point` hash of the server's certificate.
 */
export type ChannelBinding = { readonly kind: 'none' | 'unsupported' } | { readonly kind: 'end-point'; readonly hash: Buffer };

const gs2Headers = { none: 'n,,', unsupported: 'y,,', 'end-point': 'p=tls-server-end-point,,' } as const;

/** Where the keys come from once the server has said its salt and iteration count. Rejects with `AuthFailure`. */
export type KeySource = (salt: Buffer, iterations: number) => Promise<ScramKeys>;

/** Keys derived from a password. */
export function keysOfPassword(password: string): KeySource {
  return (salt, iterations) => scramKeys(password, salt, iterations);
}
/** PostgreSQL's default is 4096; a higher count than this would only burn this machine's CPU. */
const maxIterations = 1_000_000;
/** PostgreSQL's own messages stay below 200 bytes. */
const maxMessageBytes = 4096;

/** One exchange: `first`, then `final` with the server's first message, then `verify` with its last. */
export class ScramExchange {
  readonly #keys: KeySource;
  readonly #binding: ChannelBinding;
  readonly #nonce: string;
  /** client-first-message-bare; the user name is empty because PostgreSQL takes it from the startup message. */
  readonly #firstBare: string;
  #expected: Buffer | null = null;
  #verified = false;

  /** `nonce` (printable ASCII without comma) and `user` are for test vectors; else random and empty. */
  constructor(keys: KeySource, binding: ChannelBinding, nonce: string = randomBytes(18).toString('base64'), user = '') {
    this.#keys = keys;
    this.#binding = binding;
    this.#nonce = nonce;
    this.#firstBare = `n=${user},r=${nonce}`;
  }

  /** True once the server has proved that it knows the password. */
  get verified(): boolean {
    return this.#verified;
  }

  /** client-first-message. */
  first(): string {
    return gs2Headers[this.#binding.kind] + this.#firstBare;
  }

  /** client-final-message for the server's first message. Throws `AuthFailure` (`malformed`, or what the source of the keys says). */
  async final(serverFirst: Buffer): Promise<string> {
    const text = readText(serverFirst, 'first');
    const { nonce, salt, iterations } = parseServerFirst(text, this.#nonce);
    const keys = await this.#keys(salt, iterations);
    const header = Buffer.from(gs2Headers[this.#binding.kind]);
    const bound = this.#binding.kind === 'end-point' ? Buffer.concat([header, this.#binding.hash]) : header;
    const withoutProof = `c=${bound.toString('base64')},r=${nonce}`;
    const authMessage = `${this.#firstBare},${text},${withoutProof}`;
    const signature = hmac(createHash('sha256').update(keys.clientKey).digest(), authMessage);
    const proof = Buffer.from(keys.clientKey.map((byte, index) => byte ^ (signature[index] ?? 0)));
    this.#expected = hmac(keys.serverKey, authMessage);
    return `${withoutProof},p=${proof.toString('base64')}`;
  }

  /** Checks the server's last message. Throws `AuthFailure` (`malformed`, `server_signature`). */
  verify(serverFinal: Buffer): void {
    const text = readText(serverFinal, 'last');
    const error = /^e=([\x21-\x2b\x2d-\x7e]{1,100})/.exec(text);
    if (error) throw new AuthFailure('malformed', `The server ended the SCRAM login: ${error[1]}.`);
    const signature = decodeBase64(/^v=([A-Za-z0-9+/=]+)(,|$)/.exec(text)?.[1] ?? '');
    if (signature === null || signature.length !== 32 || this.#expected === null) {
      throw new AuthFailure('malformed', "The server's last SCRAM message has no signature.");
    }
    if (!timingSafeEqual(signature, this.#expected)) {
      throw new AuthFailure(
        'server_signature',
        'The server could not prove that it knows the password: it is not the server this password belongs to.',
        'Check the host and port of the endpoint; do not enter the password elsewhere.',
      );
    }
    this.#verified = true;
  }
}

function readText(message: Buffer, which: string): string {
  if (message.length > maxMessageBytes) throw new AuthFailure('malformed', `The server's ${which} SCRAM message is too long.`);
  const text = message.toString('latin1');
  if (!/^[\x20-\x7e]*$/.test(text)) throw new AuthFailure('malformed', `The server's ${which} SCRAM message is not plain text.`);
  return text;
}

function parseServerFirst(text: string, clientNonce: string): { nonce: string; salt: Buffer; iterations: number } {
  const match = /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/=]+),i=([1-9]\d{0,9})(?:,.*)?$/.exec(text);
  if (!match) {
    const reason = text.startsWith('m=') ? 'asks for an extension that is not known' : 'cannot be read';
    throw new AuthFailure('malformed', `The server's first SCRAM message ${reason}.`);
  }
  const [, nonce = '', saltText = '', count = ''] = match;
  if (!nonce.startsWith(clientNonce) || nonce.length === clientNonce.length) {
    throw new AuthFailure(
      'malformed',
      "The server's SCRAM nonce does not continue ours.",
      'Something between this proxy and the server may be replaying messages.',
    );
  }
  const salt = decodeBase64(saltText);
  if (salt === null || salt.length === 0) throw new AuthFailure('malformed', "The server's SCRAM salt is not base64.");
  const iterations = Number(count);
  if (iterations > maxIterations) {
    throw new AuthFailure(
      'malformed',
      `The server asks for ${iterations} SCRAM iterations; at most ${maxIterations} are accepted.`,
      'Lower scram_iterations on the server and set the password again.',
    );
  }
  return { nonce, salt, iterations };
}
