/** What the proxy has to prove a role with at a backend. */
import { createHmac, randomBytes } from 'node:crypto';

/**
 * `md5-hash` (`md5` and 32 hexadecimal digits) opens every server that asks by md5. `scram-keys`: captured from a client's proof; they open every server whose verifier has the same salt and iteration count.
 * Password equivalents, all but `none`: never log, store or show them.
 */
export type Credential =
  | { readonly kind: 'none' }
  | { readonly kind: 'password'; readonly password: string }
  | { readonly kind: 'md5-hash'; readonly hash: string }
  | {
      readonly kind: 'scram-keys';
      readonly clientKey: Buffer;
      readonly serverKey: Buffer;
      readonly salt: Buffer;
      readonly iterations: number;
    };

/** Nothing to prove anything with. */
export const NO_CREDENTIAL: Credential = { kind: 'none' };

/** The credential of a password; null or empty: none is stored. */
export function passwordCredential(password: string | null): Credential {
  return password === null || password === '' ? NO_CREDENTIAL : { kind: 'password', password };
}

/** Of this process only, so that a key in a heap dump or a log cannot be tried against guessed passwords. */
const keySecret = randomBytes(32);

/** Equal for equal credentials, and nothing can be learnt from it: for the keys of maps. */
export function credentialKey(credential: Credential): string {
  if (credential.kind === 'none') return 'none';
  const mac = createHmac('sha256', keySecret).update(`${credential.kind}:`);
  switch (credential.kind) {
    case 'password':
      mac.update(credential.password, 'utf8');
      break;
    case 'md5-hash':
      mac.update(credential.hash, 'latin1');
      break;
    case 'scram-keys':
      mac
        .update(`${credential.iterations}:${credential.salt.toString('base64')}:`)
        .update(credential.clientKey)
        .update(credential.serverKey);
  }
  return mac.digest('base64');
}
