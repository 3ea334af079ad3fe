/** Whether a server's certificate names the host that was dialled: what `verify-full` adds to `verify-ca`. */
import net from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';

/**
 * The error, or undefined when the names fit: for `checkServerIdentity` of `tls.connect`. Node's rules (RFC 6125, RFC 9110), and libpq's
 * addition that an address may stand as common name as long as the certificate lists no address.
 */
export function checkServerName(host: string, certificate: PeerCertificate): Error | undefined {
  const error = checkServerIdentity(host, certificate);
  if (error === undefined || net.isIP(host) === 0) return error;
  const listsAddresses = /(?:^|, )IP Address:/.test(certificate.subjectaltname ?? '');
  const { CN } = certificate.subject as { CN?: string | string[] };
  return !listsAddresses && CN === host ? undefined : error;
}
