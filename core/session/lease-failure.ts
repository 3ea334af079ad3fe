/** What a client hears when the server connection for its request cannot be had. The session lives on. */
import { DialFailure } from '../backend/dial.ts';
import { PoolExhausted } from '../pool/pool.ts';
import type { ErrorFields } from '../wire/errors.ts';

/** The fields of its ErrorResponse; whatever the server itself said comes as the server said it. */
export function leaseFailure(error: unknown): Omit<ErrorFields, 'severity'> {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof DialFailure) {
    if (error.fields !== null)
      return { ...error.fields, message: error.fields.message || message, hint: error.fields.hint ?? SESSION_LIVES };
    return { sqlState: error.kind === 'authentication' ? '28P01' : '08001', message, hint: error.hint ?? SESSION_LIVES };
  }
  if (error instanceof PoolExhausted) return { sqlState: '53300', message, hint: error.hint };
  return { sqlState: '08006', message, hint: SESSION_LIVES };
}

const SESSION_LIVES = 'The statement was not run. The session is still there: try again once the server answers.';
