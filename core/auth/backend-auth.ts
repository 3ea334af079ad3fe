/** The proxy's side of a login at a backend: what to answer to each AuthenticationXxx message. */
import { Client } from '../wire/codes.ts';
import { cstring, frame, int32 } from '../wire/messages.ts';
import { explainAuthentication, type AuthenticationFacts } from './assistant.ts';
import type { Credential } from './credential.ts';
import { AuthFailure, type AuthFailureCode } from './failure.ts';
import { md5Hash, md5Salted } from './md5.ts';
import type { ScramKeys } from './scram-keys.ts';
import { keysOfPassword, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramExchange, type ChannelBinding } from './scram.ts';

export { AuthFailure, type AuthFailureCode } from './failure.ts';

/** Request codes of Authentication messages (PostgreSQL manual, "Message Formats"). */
const Request = { ok: 0, cleartext: 3, md5: 5, sasl: 10, saslContinue: 11, saslFinal: 12 } as const;

/** What the other codes stand for. 4 was crypt(), dropped in PostgreSQL 8.4. */
const unsupported = new Map<number, string>([
  [1, 'Kerberos 4'],
  [2, 'Kerberos 5'],
  [4, 'crypt'],
  [6, 'SCM credentials'],
  [7, 'GSSAPI (Kerberos)'],
  [8, 'GSSAPI (Kerberos)'],
  [9, 'SSPI (Windows)'],
]);

const A_PASSWORD = 'a password';
const AN_MD5_PASSWORD = 'a password (md5)';
const A_SCRAM_PASSWORD = 'a password (SCRAM-SHA-256)';

/** Where and how a login happens. */
export interface BackendAuthOptions {
  /** `host:port`, for messages. */
  readonly backend: string;
  /** `tls-server-end-point` hash of the server's certificate; null without TLS (or where the certificate has none). */
  readonly certificateHash?: Buffer | null;
  /** A password from elsewhere, asked for when the credential does not do; null: there is none. */
  readonly otherPassword?: () => Promise<string | null>;
}

/**
 * One login. Feed it every Authentication message in order. Trust, cleartext (also what LDAP, PAM and RADIUS look like from
 * here), md5, SCRAM-SHA-256 and SCRAM-SHA-256-PLUS are answered.
 */
export class BackendAuth {
  readonly #user: string;
  readonly #credential: Credential;
  readonly #options: BackendAuthOptions;
  #scram: ScramExchange | null = null;

  constructor(user: string, credential: Credential, options: BackendAuthOptions) {
    this.#user = user;
    this.#credential = credential;
    this.#options = options;
  }

  /**
   * Takes the body of an Authentication message; resolves to the complete answer frame (`p`), or null when none is due.
   * Rejects with `AuthFailure`.
   */
  async next(body: Buffer): Promise<Buffer | null> {
    if (body.length < 4) throw new AuthFailure('malformed', "the server's authentication request is too short");
    const request = body.readInt32BE(0);
    const rest = body.subarray(4);
    switch (request) {
      case Request.ok:
        return this.#finish();
      case Request.cleartext:
        return passwordMessage(await this.#password(A_PASSWORD));
      case Request.md5:
        if (rest.length !== 4) throw new AuthFailure('malformed', "the server's md5 salt is not four bytes long");
        return passwordMessage(md5Salted(await this.#md5Hash(), rest));
      case Request.sasl:
        return await this.#startScram(rest);
      case Request.saslContinue:
        return frame(Client.Password, Buffer.from(await this.#exchange().final(rest), 'latin1'));
      case Request.saslFinal:
        this.#exchange().verify(rest);
        return null;
      default:
        throw methodUnsupported(unsupported.get(request) ?? `an unknown one (code ${request})`);
    }
  }

  async #startScram(rest: Buffer): Promise<Buffer> {
    if (this.#scram !== null) throw new AuthFailure('malformed', 'the server began the SCRAM login twice');
    const offered = rest
      .toString('latin1')
      .split('\0')
      .filter((name) => name !== '');
    const binding = this.#binding(offered);
    const mechanism = binding.kind === 'end-point' ? SCRAM_SHA_256_PLUS : SCRAM_SHA_256;
    if (!offered.includes(mechanism)) throw methodUnsupported(offered.slice(0, 5).map(printable).join(', ') || 'SASL without a mechanism');
    this.#scram = new ScramExchange(await this.#keySource(), binding);
    const first = Buffer.from(this.#scram.first(), 'latin1');
    return frame(Client.Password, cstring(mechanism), int32(first.length), first);
  }

  /** As libpq's `channel_binding=prefer`. `unsupported` lets the server notice that somebody took PLUS out of its list. */
  #binding(offered: readonly string[]): ChannelBinding {
    const hash = this.#options.certificateHash ?? null;
    if (hash === null) return { kind: 'none' };
    return offered.includes(SCRAM_SHA_256_PLUS) ? { kind: 'end-point', hash } : { kind: 'unsupported' };
  }

  #exchange(): ScramExchange {
    if (this.#scram === null) throw new AuthFailure('malformed', 'the server went on with a SCRAM login that it never began');
    return this.#scram;
  }

  /** A server that skips its half of SCRAM may be an impostor that accepts anyone. */
  #finish(): null {
    if (this.#scram === null || this.#scram.verified) return null;
    throw new AuthFailure(
      'server_signature',
      'the server accepted the login without proving that it knows the password',
      'Check the host and port of the endpoint.',
    );
  }

  async #password(asks: string): Promise<string> {
    const credential = this.#credential;
    if (credential.kind === 'password') return credential.password;
    const other = (await this.#options.otherPassword?.()) ?? '';
    if (other !== '') return other;
    const place = { backend: this.#options.backend, role: this.#user, asks };
    if (credential.kind === 'none') throw explained('password_missing', { problem: 'no_credential', ...place });
    throw explained('credential_unusable', { problem: 'credential_unusable', ...place, has: credential.kind });
  }

  async #md5Hash(): Promise<string> {
    const credential = this.#credential;
    return credential.kind === 'md5-hash' ? credential.hash : md5Hash(this.#user, await this.#password(AN_MD5_PASSWORD));
  }

  async #keySource(): Promise<(salt: Buffer, iterations: number) => Promise<ScramKeys>> {
    const credential = this.#credential;
    if (credential.kind !== 'scram-keys') return keysOfPassword(await this.#password(A_SCRAM_PASSWORD));
    return async (salt, iterations) => {
      if (salt.equals(credential.salt) && iterations === credential.iterations) return credential;
      const other = (await this.#options.otherPassword?.()) ?? '';
      if (other !== '') return keysOfPassword(other)(salt, iterations);
      throw explained('other_verifier', { problem: 'other_verifier', backend: this.#options.backend, role: this.#user });
    };
  }
}

function passwordMessage(text: string): Buffer {
  return frame(Client.Password, cstring(text));
}

function explained(code: AuthFailureCode, facts: AuthenticationFacts): AuthFailure {
  const { message, hint } = explainAuthentication(facts);
  return new AuthFailure(code, message, hint);
}

function methodUnsupported(method: string): AuthFailure {
  return new AuthFailure(
    'method_unsupported',
    `the server asks for an authentication method that Switchyard does not speak: ${method}`,
    'Let pg_hba.conf ask this address for scram-sha-256, md5, password or trust.',
  );
}

function printable(text: string): string {
  return text.slice(0, 40).replace(/[^\x21-\x7e]/g, '?');
}
