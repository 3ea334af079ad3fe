/** Why a login at a backend failed. */
import type { AuthFailureCode } from '../auth/failure.ts';
import type { ErrorFields } from '../wire/errors.ts';

/**
 * `tls`: the handshake failed; `certificate`: the server's is not accepted; `no_tls`: the server has none, and it is asked for; `tls_file`: a file that TLS needs cannot be used.
 * `fields` is the server's own error, when it sent one; `code` says why the proxy itself gave up an
 * authentication.
 */
export class DialFailure extends Error {
  readonly kind:
    'unreachable' | 'silent' | 'tls' | 'certificate' | 'no_tls' | 'tls_file' | 'refused' | 'authentication' | 'protocol' | 'aborted';
  readonly hint: string | null;
  readonly fields: ErrorFields | null;
  readonly code: AuthFailureCode | null;
  constructor(
    kind: DialFailure['kind'],
    message: string,
    hint: string | null = null,
    fields: ErrorFields | null = null,
    code: AuthFailureCode | null = null,
  ) {
    super(message);
    this.name = 'DialFailure';
    this.kind = kind;
    this.hint = hint;
    this.fields = fields;
    this.code = code;
  }
}
