/** Why a login at a backend cannot go on. */

/** Stable codes of `AuthFailure`. */
export type AuthFailureCode =
  /** The server asks for a password and none is known. */
  | 'password_missing'
  /** The server asks for something that the client's own proof cannot answer. */
  | 'credential_unusable'
  /** The client's SCRAM proof belongs to another verifier. */
  | 'other_verifier'
  /** The server asks for a method this proxy does not speak. */
  | 'method_unsupported'
  /** The server did not prove that it knows the password: an impostor, or a broken relay in between. */
  | 'server_signature'
  /** The server's message does not follow the method's grammar. */
  | 'malformed';

/** Thrown by the login; message and hint are for the user and never contain a secret. */
export class AuthFailure extends Error {
  readonly code: AuthFailureCode;
  readonly hint: string | null;
  constructor(code: AuthFailureCode, message: string, hint: string | null = null) {
    super(message);
    this.name = 'AuthFailure';
    this.code = code;
    this.hint = hint;
  }
}
