/**
 * The server's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 5929 section 4, RFC 7677), with the checks, the
 * words and the SQLSTATEs of PostgreSQL's auth-scram.c. Own code for the reasons that `scram.ts` gives.
 */
import { createHash, randomBytes } from 'node:crypto';
import { decodeBase64 } from './base64.ts';
import { LoginRefusal } from './login-refusal.ts';
import { hmac } from './scram-keys.ts';
import { SCRAM_SHA_256, SCRAM_SHA_256_PLUS } from './scram.ts';
import { equalSecrets, type ScramVerifier } from './verifier.ts';

/** Far above what clients send (libpq: 24 characters), far below what could hurt. */
const MAX_NONCE = 256;
const MAX_MESSAGE_BYTES = 4096;

/** What a right proof is worth. */
export interface ScramProof {
  /** server-final-message. */
  readonly serverFinal: string;
  /** Opens every server with the same verifier, until the password changes. */
  readonly clientKey: Buffer;
}

/** One exchange: `begin` with the mechanism that was chosen, `first`, `final`. Each throws `LoginRefusal`. */
export class ServerScram {
  readonly #verifier: ScramVerifier;
  /** Hash of the certificate that the client should have seen (`tls-server-end-point`); null without TLS: no PLUS. */
  readonly #binding: Buffer | null;
  readonly #nonce: string;
  #plus = false;
  #gs2Header = '';
  #firstBare = '';
  #serverFirst = '';
  #fullNonce = '';

  /** `nonce` (printable ASCII without comma) is for test vectors; else random. */
  constructor(verifier: ScramVerifier, binding: Buffer | null, nonce: string = randomBytes(18).toString('base64')) {
    this.#verifier = verifier;
    this.#binding = binding;
    this.#nonce = nonce;
  }

  /** What is offered, the stronger one first. */
  get mechanisms(): string[] {
    return this.#binding === null ? [SCRAM_SHA_256] : [SCRAM_SHA_256_PLUS, SCRAM_SHA_256];
  }

  /** The client chose a mechanism. */
  begin(mechanism: string): void {
    if (!this.mechanisms.includes(mechanism)) {
      throw new LoginRefusal('08P01', 'client selected an invalid SASL authentication mechanism');
    }
    this.#plus = mechanism === SCRAM_SHA_256_PLUS;
  }

  /** Takes client-first-message, gives server-first-message. */
  first(message: Buffer): string {
    const text = readText(message);
    const match = /^(?<gs2>(?<flag>[ny]|p=(?<type>[A-Za-z0-9.-]{1,64})),(?<authzid>[^,]*),)(?<bare>.*)$/.exec(text)?.groups;
    if (match === undefined) throw malformed('The channel-binding flag is missing or not known.');
    const { gs2 = '', flag = '', type, authzid = '', bare = '' } = match;
    this.#checkBindingFlag(flag, type);
    if (authzid !== '') throw new LoginRefusal('0A000', 'client uses authorization identity, but it is not supported');
    if (bare.startsWith('m=')) throw new LoginRefusal('0A000', 'client requires an unsupported SCRAM extension');
    // The user name in `n=` is ignored, as PostgreSQL does: it is the one of the startup packet.
    const nonce = /^n=[^,]*,r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?$/.exec(bare)?.[1];
    if (nonce === undefined) throw malformed('The user name or the nonce is missing.');
    if (nonce.length > MAX_NONCE) throw malformed('The nonce is too long.');
    this.#gs2Header = gs2;
    this.#firstBare = bare;
    this.#fullNonce = nonce + this.#nonce;
    this.#serverFirst = `r=${this.#fullNonce},s=${this.#verifier.salt.toString('base64')},i=${this.#verifier.iterations}`;
    return this.#serverFirst;
  }

  /** Takes client-final-message; null when the proof is wrong. */
  final(message: Buffer): ScramProof | null {
    const text = readText(message);
    const match = /^(?<withoutProof>c=(?<binding>[A-Za-z0-9+/=]+),r=(?<nonce>[^,]+)(?:,.*)?),p=(?<proof>[A-Za-z0-9+/=]+)$/.exec(
      text,
    )?.groups;
    if (match === undefined) throw malformed('The channel binding, the nonce or the proof is missing.');
    this.#checkBinding(match['binding'] ?? '');
    if (!equalSecrets(Buffer.from(match['nonce'] ?? ''), Buffer.from(this.#fullNonce))) {
      throw new LoginRefusal('08P01', 'invalid SCRAM response', 'Nonce does not match.');
    }
    const proof = decodeBase64(match['proof'] ?? '');
    if (proof?.length !== 32) throw malformed('The proof is not 32 bytes of base64.');
    const authMessage = `${this.#firstBare},${this.#serverFirst},${match['withoutProof'] ?? ''}`;
    const signature = hmac(this.#verifier.storedKey, authMessage);
    const clientKey = Buffer.from(proof.map((byte, index) => byte ^ (signature[index] ?? 0)));
    if (!equalSecrets(createHash('sha256').update(clientKey).digest(), this.#verifier.storedKey)) return null;
    return { serverFinal: `v=${hmac(this.#verifier.serverKey, authMessage).toString('base64')}`, clientKey };
  }

  #checkBindingFlag(flag: string, type: string | undefined): void {
    if (type !== undefined) {
      if (!this.#plus) {
        throw malformed('The client selected SCRAM-SHA-256 without channel binding, but its message includes channel binding data.');
      }
      if (type !== 'tls-server-end-point') throw new LoginRefusal('08P01', `unsupported SCRAM channel-binding type "${type}"`);
      return;
    }
    if (this.#plus) throw malformed('The client selected SCRAM-SHA-256-PLUS, but its message does not include channel binding data.');
    // Somebody in between took PLUS out of the list.
    if (flag === 'y' && this.#binding !== null) {
      throw new LoginRefusal(
        '28000',
        'SCRAM channel binding negotiation error',
        'The client supports SCRAM channel binding but thinks the server does not. However, this server does support channel binding.',
      );
    }
  }

  #checkBinding(text: string): void {
    const header = Buffer.from(this.#gs2Header, 'latin1');
    const expected = this.#plus && this.#binding !== null ? Buffer.concat([header, this.#binding]) : header;
    if (equalSecrets(Buffer.from(text), Buffer.from(expected.toString('base64')))) return;
    if (this.#plus) throw new LoginRefusal('28000', 'SCRAM channel binding check failed');
    throw new LoginRefusal('08P01', 'unexpected SCRAM channel-binding attribute in client-final-message');
  }
}

function readText(message: Buffer): string {
  if (message.length === 0) throw malformed('The message is empty.');
  if (message.length > MAX_MESSAGE_BYTES) throw malformed('The message is too long.');
  const text = message.toString('utf8');
  // `.` of the patterns stops at line ends; a zero byte ends PostgreSQL's own strings.
  if (/[\0\n\r\u2028\u2029]/.test(text)) throw malformed('The message is not plain text.');
  return text;
}

function malformed(detail: string): LoginRefusal {
  return new LoginRefusal('08P01', 'malformed SCRAM message', detail);
}
