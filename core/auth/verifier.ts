/**
 * Verifiers: what a server keeps in place of a password (`pg_authid.rolpassword`). They are password equivalents for whoever
 * may edit them and, the md5 ones, for everybody: never log, show or store them outside the settings.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { decodeBase64 } from './base64.ts';
import { md5Hash } from './md5.ts';
import { scramKeys } from './scram-keys.ts';

/** `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`. */
export interface ScramVerifier {
  readonly kind: 'scram';
  readonly iterations: number;
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** `md5` + hex(md5(password + user)); `hash` is the whole text. */
export interface Md5Verifier {
  readonly kind: 'md5';
  readonly hash: string;
}

/** Either of the two forms that PostgreSQL writes. */
export type Verifier = ScramVerifier | Md5Verifier;

/** PostgreSQL's default of `scram_iterations`. */
export const NORMAL_ITERATIONS = 4096;
const SALT_BYTES = 16;

/** Reads a verifier's text; null when it has neither form (PostgreSQL takes such a text for a password). */
export function parseVerifier(text: string): Verifier | null {
  if (/^md5[0-9a-f]{32}$/.test(text)) return { kind: 'md5', hash: text };
  const match = /^SCRAM-SHA-256\$([1-9]\d{0,9}):([A-Za-z0-9+/=]{1,512})\$([A-Za-z0-9+/=]{44}):([A-Za-z0-9+/=]{44})$/.exec(text);
  if (match === null) return null;
  const [salt, storedKey, serverKey] = [match[2], match[3], match[4]].map((part) => decodeBase64(part ?? ''));
  if (salt == null || storedKey?.length !== 32 || serverKey?.length !== 32) return null;
  return { kind: 'scram', iterations: Number(match[1]), salt, storedKey, serverKey };
}

/** The text of a SCRAM verifier for a password, with PostgreSQL's defaults: 4096 iterations, a new random salt of 16 bytes. */
export async function makeVerifier(
  password: string,
  salt: Buffer = randomBytes(SALT_BYTES),
  iterations: number = NORMAL_ITERATIONS,
): Promise<string> {
  const { clientKey, serverKey } = await scramKeys(password, salt, iterations);
  const storedKey = createHash('sha256').update(clientKey).digest();
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey.toString('base64')}:${serverKey.toString('base64')}`;
}

/**
 * A verifier for a user that has none, so that its login goes as any other: the same salt at every attempt (as long as `secret`, 32
 * random bytes, is the same), the normal iteration count, and keys that no password opens.
 */
export function mockVerifier(user: string, secret: Buffer): ScramVerifier {
  const derive = (what: string): Buffer => createHmac('sha256', secret).update(`${what}:${user}`, 'utf8').digest();
  return {
    kind: 'scram',
    iterations: NORMAL_ITERATIONS,
    salt: derive('salt').subarray(0, SALT_BYTES),
    storedKey: derive('stored key'),
    serverKey: derive('server key'),
  };
}

/** Whether a password in clear is the one behind a verifier. */
export async function matchesPassword(verifier: Verifier, user: string, password: string): Promise<boolean> {
  if (verifier.kind === 'md5') return equalSecrets(Buffer.from(md5Hash(user, password)), Buffer.from(verifier.hash));
  const { clientKey } = await scramKeys(password, verifier.salt, verifier.iterations);
  return equalSecrets(createHash('sha256').update(clientKey).digest(), verifier.storedKey);
}

/** Compares in a time that does not depend on where they differ; only their lengths may be learnt from it. */
export function equalSecrets(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
