/** Why a client did not get through the TLS handshake, in words: what the event log says of it. */

/** OpenSSL's own words for it, and ours. Alerts are what the client said, everything else is what was found wrong with it. */
const words: readonly [RegExp, string][] = [
  [/alert unknown ca/i, 'it does not trust the certificate (it needs the authority it comes from: sslrootcert)'],
  [/alert certificate expired/i, 'to it the certificate has expired'],
  [/alert (?:bad|unsupported) certificate|alert certificate (?:unknown|revoked)/i, 'it does not accept the certificate'],
  [
    /unsupported protocol|alert protocol version|unsupported ssl version|version too low/i,
    'its version of TLS is too old (1.2 is the oldest that is spoken)',
  ],
  [/no shared cipher|no suitable|no shared group/i, 'there is no cipher that both sides know'],
  [/no application protocol/i, 'it wants to speak another protocol than PostgreSQL’s'],
  [/wrong version number|http request|unexpected message|packet length too long|bad record type|not ssl/i, 'what it sent is no TLS'],
  [/ECONNRESET|EPIPE|hang up/i, 'the client closed the connection'],
];

/** Works on what a TLS socket fails with; other errors keep their own words. */
export function explainHandshake(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const known = words.find(([pattern]) => pattern.test(message))?.[1];
  return known ?? plain(message);
}

/** OpenSSL's errors come as `…:error:0A000410:SSL routines:…:sslv3 alert …:file.c:123:…`. */
function plain(message: string): string {
  const parts = message.trim().split(':');
  return (parts[3] === 'SSL routines' ? (parts[5] ?? message) : message).trim().slice(0, 200);
}
