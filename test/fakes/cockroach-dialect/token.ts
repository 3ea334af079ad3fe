/** Session revival tokens: signed by the group, short-lived, worth a password (section 3 of the reference). */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { SqlError } from './sql-error.ts';

/** Lifetime of a token, in milliseconds. */
export const TOKEN_LIFETIME_MS = 600_000;
const LONGEST_LIFETIME_MS = 660_000;
const PREFIX = 'invalid session revival token: ';
const ALGORITHM = 'Ed25519';

interface Payload {
  readonly user: string;
  readonly algorithm: string;
  /** Milliseconds since the epoch. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** Base64 of a token for `user`; `change` makes wrong ones. HMAC stands for the signing certificate. */
export function makeToken(secret: Buffer, user: string, now: number, change: Partial<Payload> = {}): string {
  const payload: Payload = { user, algorithm: ALGORITHM, issuedAt: now, expiresAt: now + TOKEN_LIFETIME_MS, ...change };
  const bytes = Buffer.from(JSON.stringify(payload), 'utf8');
  const token = { payload: bytes.toString('base64'), signature: sign(secret, bytes).toString('base64') };
  return Buffer.from(JSON.stringify(token), 'utf8').toString('base64');
}

/** Throws `SqlError` 28000 with CockroachDB's words. */
export function checkToken(secret: Buffer, text: string, user: string, now: number): void {
  const token = readJson<{ payload: string; signature: string }>(base64(text));
  const bytes = base64(token.payload);
  const signature = base64(token.signature);
  const right = sign(secret, bytes);
  const payload = readJson<Payload>(bytes);
  if (payload.algorithm !== ALGORITHM) throw invalid(`unsupported algorithm ${payload.algorithm}`);
  if (signature.length !== right.length || !timingSafeEqual(signature, right)) throw invalid('invalid signature');
  if (payload.issuedAt > now) throw invalid(`token issue time is in the future (${time(payload.issuedAt)})`);
  if (payload.expiresAt < now) throw invalid(`token expiration time is in the past (${time(payload.expiresAt)})`);
  if (payload.expiresAt > payload.issuedAt + LONGEST_LIFETIME_MS) {
    throw invalid(`token expiration time is too far in the future (${time(payload.expiresAt)})`);
  }
  if (payload.user !== user) throw invalid(`token is for the wrong user "${payload.user}", wanted "${user}"`);
}

function sign(secret: Buffer, bytes: Buffer): Buffer {
  return createHmac('sha256', secret).update(bytes).digest();
}

function base64(text: unknown): Buffer {
  if (typeof text !== 'string' || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) throw invalid('illegal base64 data');
  return Buffer.from(text, 'base64');
}

function readJson<T>(bytes: Buffer): T {
  try {
    return JSON.parse(bytes.toString('utf8')) as T;
  } catch {
    throw invalid('the token cannot be read');
  }
}

function invalid(problem: string): SqlError {
  return new SqlError('28000', `${PREFIX}${problem}`);
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}
