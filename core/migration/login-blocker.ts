/** A server that does not let the session's role in with what there is: known before the session is touched, so the move is refused. */
import { DialFailure } from '../backend/dial.ts';
import type { Finding } from '../contract/index.ts';
import { block } from './dialect.ts';

/** The finding for a failed login; null when the failure says nothing about the login (a server that is down, say). */
export function loginBlocker(error: unknown): Finding | null {
  if (!(error instanceof DialFailure)) return null;
  switch (error.kind) {
    case 'authentication':
      return block(error.code ?? 'login_refused', error.message, error.hint);
    case 'certificate':
    case 'no_tls':
    case 'tls_file':
      return block('encryption', error.message, error.hint);
    default:
      return null;
  }
}
