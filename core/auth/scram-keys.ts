/**
 * The keys of SCRAM-SHA-256 (RFC 5802 section 3, RFC 7677). Deriving them costs a millisecond of CPU at 4096 iterations, so
 * the last ones are kept in memory.
 */
import { createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { saslprep } from '@mongodb-js/saslprep';

/** What a client needs to prove itself and to check the server. Password equivalents: never log or store them. */
export interface ScramKeys {
  readonly clientKey: Buffer;
  readonly serverKey: Buffer;
}

const cacheSize = 64;
const cache = new Map<string, Promise<ScramKeys>>();
/** Cache keys are keyed hashes, so that neither the cache nor a heap dump of its keys gives a password away. */
const cacheSecret = randomBytes(32);

/** Derives both keys, or returns those derived earlier for the same password, salt and iteration count. */
export function scramKeys(password: string, salt: Buffer, iterations: number): Promise<ScramKeys> {
  const key = createHmac('sha256', cacheSecret)
    .update(`${iterations}:${salt.toString('base64')}:`)
    .update(password, 'utf8')
    .digest('base64');
  let keys = cache.get(key);
  // Taken out and put back: a Map keeps insertion order, so its first key is the one unused for longest.
  if (keys !== undefined) cache.delete(key);
  else {
    keys = derive(password, salt, iterations);
    keys.catch(() => cache.delete(key));
  }
  cache.set(key, keys);
  if (cache.size > cacheSize) {
    const oldest = cache.keys().next();
    if (!oldest.done) cache.delete(oldest.value);
  }
  return keys;
}

/** SASLprep as libpq does it: a password it prohibits is used as it is. */
export function preparePassword(password: string): string {
  try {
    return saslprep(password) || password;
  } catch {
    return password;
  }
}

function derive(password: string, salt: Buffer, iterations: number): Promise<ScramKeys> {
  return new Promise((resolve, reject) => {
    pbkdf2(preparePassword(password), salt, iterations, 32, 'sha256', (error, salted) => {
      if (error) reject(error);
      else resolve({ clientKey: hmac(salted, 'Client Key'), serverKey: hmac(salted, 'Server Key') });
    });
  });
}

/** HMAC-SHA-256. */
export function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'utf8').digest();
}
