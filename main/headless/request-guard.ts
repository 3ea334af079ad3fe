/**
 * Who may talk to the headless host: only the page it served itself, to whoever holds this launch's token. The checks and why
 * they are enough: a foreign page cannot forge Host, Origin or Sec-Fetch-Site; another local user has no token; cookies are not
 * used because browsers share them between the ports of 127.0.0.1.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** The WebSocket subprotocol the server selects; the page offers the token beside it. */
export const subprotocol = 'switchyard';
const tokenPrefix = 'token.';

/** A new secret of 256 bits, in characters that a subprotocol and a URL fragment may hold. */
export function newToken(): string {
  return randomBytes(32).toString('base64url');
}

/** A status to refuse with, and the reason in one line. */
export interface Refusal {
  status: 400 | 401 | 403 | 404 | 405 | 421 | 503;
  reason: string;
}

/** The checks that every request must pass. `authority` is `127.0.0.1:port`. */
export function refuseRequest(headers: IncomingHttpHeaders, authority: string): Refusal | null {
  if (headers.host !== authority) return { status: 421, reason: `This is ${authority}, by that name only.` };
  const site = headers['sec-fetch-site'];
  // Absent from anything that is not a browser. `same-site` is another port of this machine.
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return { status: 403, reason: 'Not from another page.' };
  return null;
}

/** The further checks of a WebSocket upgrade. */
export function refuseUpgrade(headers: IncomingHttpHeaders, authority: string, token: string): Refusal | null {
  const refusal = refuseRequest(headers, authority);
  if (refusal !== null) return refusal;
  if (headers.origin !== `http://${authority}`) return { status: 403, reason: 'Only the page served here may connect.' };
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((word) => word.trim());
  const given = offered.find((word) => word.startsWith(tokenPrefix))?.slice(tokenPrefix.length) ?? '';
  if (!offered.includes(subprotocol) || !sameSecret(given, token)) {
    return { status: 401, reason: 'The access token is missing or that of an earlier start.' };
  }
  return null;
}

/** Hashed first, so that neither content nor length of the secret shows in the time taken. */
function sameSecret(given: string, secret: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(secret));
}
