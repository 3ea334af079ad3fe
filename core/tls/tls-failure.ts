/** Why TLS with a backend did not come about, in words, and what to do. */
import net from 'node:net';
import type { BackendTls } from './backend-tls.ts';

/** One line on what is wrong (no period at its end), and one on what to do. */
export interface TlsFailureWords {
  readonly message: string;
  readonly hint: string;
}

const OTHER_ROOT =
  'Name the authority that signed it: sslrootcert=/path/to/root.pem. If it is meant to be trusted unseen, sslmode=require without sslrootcert.';

/**
 * Words for an error of a handshake. `backend` is `host:port`, `host` what was dialled; `reason` is for a certificate whose name does not
 * fit.
 */
export function explainTls(
  error: NodeJS.ErrnoException & { reason?: string },
  backend: string,
  host: string,
  tls: BackendTls,
): TlsFailureWords {
  const root = tls.rootCert === 'system' ? 'the authorities that this machine trusts' : `"${tls.rootCert ?? ''}"`;
  const code = error.code ?? '';
  switch (code) {
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return { message: `the certificate of ${backend} is signed by itself, and is not in ${root}`, hint: OTHER_ROOT };
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'CERT_SIGNATURE_FAILURE':
    case 'CERT_UNTRUSTED':
      return { message: `the certificate of ${backend} comes from an authority that is not in ${root}`, hint: OTHER_ROOT };
    case 'CERT_HAS_EXPIRED':
      return { message: `the certificate of ${backend}, or of its authority, has expired`, hint: 'Give that server a new certificate.' };
    case 'CERT_NOT_YET_VALID':
      return {
        message: `the certificate of ${backend}, or of its authority, is not valid yet`,
        hint: 'Compare the clocks of this machine and of the one that made it.',
      };
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return {
        message: `the certificate of ${backend} is made out to another name than ${host}${named(error.reason)}`,
        hint: `Dial the server by a name in its certificate, or use sslmode=verify-ca, which does not look at ${net.isIP(host) === 0 ? 'names' : 'addresses'}.`,
      };
    case 'INVALID_PURPOSE':
      return {
        message: `the certificate of ${backend} is not made for a server`,
        hint: 'It needs the extended key usage serverAuth, or none.',
      };
  }
  return alertWords(error, backend, tls);
}

/** What came as an alert of the server's, or as a plain end of the connection. */
function alertWords(error: NodeJS.ErrnoException, backend: string, tls: BackendTls): TlsFailureWords {
  const code = error.code ?? '';
  if (/ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_(UNKNOWN|EXPIRED|REVOKED|REQUIRED))/.test(code)) {
    return tls.cert === null
      ? {
          message: `${backend} wants a client certificate (${plain(error)})`,
          hint: 'Add sslcert=… and sslkey=… to the URL of the endpoint.',
        }
      : {
          message: `${backend} does not accept the client certificate "${tls.cert}" (${plain(error)})`,
          hint: 'It must come from an authority in ssl_ca_file of that server, and be valid still.',
        };
  }
  if (/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|HANDSHAKE_FAILURE|NO_SHARED_CIPHER|TOO_SMALL|TOO_WEAK/.test(code)) {
    return {
      message: `${backend} and Switchyard agree on no version or cipher of TLS (${plain(error)})`,
      hint: 'TLS 1.2 is the oldest that is spoken.',
    };
  }
  if (tls.direct) {
    return {
      message: `${backend} did not begin with TLS at once (${plain(error)})`,
      hint: 'sslnegotiation=direct needs PostgreSQL 17 or later; leave it out for older ones.',
    };
  }
  return { message: `the TLS handshake with ${backend} failed (${plain(error)})`, hint: 'The log of that server may say more.' };
}

function named(reason: string | undefined): string {
  const names = /(?:altnames|cert's list|cert's CN): (.+)$/i.exec(reason ?? '')?.[1] ?? '';
  return names === '' ? '' : ` (${names.replaceAll('DNS:', '').replaceAll('IP Address:', '').slice(0, 200)})`;
}

/** OpenSSL's errors come as `…:error:0A000410:SSL routines:…:sslv3 alert …:file.c:123:…`. */
function plain(error: NodeJS.ErrnoException): string {
  const parts = error.message.trim().split(':');
  const reason = parts[3] === 'SSL routines' ? parts[5] : undefined;
  return (reason ?? error.message).trim().slice(0, 200);
}
