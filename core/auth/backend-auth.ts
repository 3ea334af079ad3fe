/** The proxy's side of a login at a backend: what to answer to each AuthenticationXxx message. */
import { Client } from '../wire/codes.ts';
import { cstring, frame, int32 } from '../wire/messages.ts';
import type { Credential } from './credential.ts';
import { AuthFailure } from './failure.ts';
import { md5Response } from './md5.ts';
import { SCRAM_SHA_256, ScramExchange } from './scram.ts';

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

/**
 * One login. Feed it every Authentication message in order. Trust, cleartext (also what LDAP, PAM and RADIUS look like from
 * here), md5 and SCRAM-SHA-256 are answered.
 */
export class BackendAuth {
  readonly #user: string;
  readonly #credential: Credential;
  #scram: ScramExchange | null = null;

  constructor(user: string, credential: Credential) {
    this.#user = user;
    this.#credential = credential;
  }

  /**
   * Takes the body of an Authentication message; resolves to the complete answer frame (`p`), or null when none is due.
   * Rejects with `AuthFailure`.
   */
  async next(body: Buffer): Promise<Buffer | null> {
    if (body.length < 4) throw new AuthFailure('malformed', "The server's authentication request is too short.");
    const request = body.readInt32BE(0);
    const rest = body.subarray(4);
    switch (request) {
      case Request.ok:
        return this.#finish();
      case Request.cleartext:
        return passwordMessage(this.#require('a password'));
      case Request.md5:
        if (rest.length !== 4) throw new AuthFailure('malformed', "The server's md5 salt is not four bytes long.");
        return passwordMessage(md5Response(this.#user, this.#require('a password (md5)'), rest));
      case Request.sasl:
        return this.#startScram(rest);
      case Request.saslContinue:
        return frame(Client.Password, Buffer.from(await this.#exchange().final(rest), 'latin1'));
      case Request.saslFinal:
        this.#exchange().verify(rest);
        return null;
      default:
        throw methodUnsupported(unsupported.get(request) ?? `an unknown one (code ${request})`);
    }
  }

  #startScram(rest: Buffer): Buffer {
    if (this.#scram !== null) throw new AuthFailure('malformed', 'The server began the SCRAM login twice.');
    const mechanisms = rest
      .toString('latin1')
      .split('\0')
      .filter((name) => name !== '');
    if (!mechanisms.includes(SCRAM_SHA_256))
      throw methodUnsupported(mechanisms.slice(0, 5).map(printable).join(', ') || 'SASL without a mechanism');
    this.#scram = new ScramExchange(this.#require('a password (SCRAM-SHA-256)'));
    const first = Buffer.from(this.#scram.first(), 'latin1');
    return frame(Client.Password, cstring(SCRAM_SHA_256), int32(first.length), first);
  }

  #exchange(): ScramExchange {
    if (this.#scram === null) throw new AuthFailure('malformed', 'The server went on with a SCRAM login that it never began.');
    return this.#scram;
  }

  /** A server that skips its half of SCRAM may be an impostor that accepts anyone. */
  #finish(): null {
    if (this.#scram === null || this.#scram.verified) return null;
    throw new AuthFailure(
      'server_signature',
      'The server accepted the login without proving that it knows the password.',
      'Check the host and port of the endpoint.',
    );
  }

  #require(what: string): string {
    if (this.#credential.kind === 'password') return this.#credential.password;
    throw new AuthFailure(
      'password_missing',
      `The server asks for ${what} for role "${this.#user}", and none is stored.`,
      'Edit the endpoint and enter the password (or put it into its URL).',
    );
  }
}

function passwordMessage(text: string): Buffer {
  return frame(Client.Password, cstring(text));
}

function methodUnsupported(method: string): AuthFailure {
  return new AuthFailure(
    'method_unsupported',
    `The server asks for an authentication method that Switchyard does not speak: ${method}.`,
    'Let pg_hba.conf ask this address for scram-sha-256, md5, password or trust.',
  );
}

function printable(text: string): string {
  return text.slice(0, 40).replace(/[^\x21-\x7e]/g, '?');
}
