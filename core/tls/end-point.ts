/**
 * The channel binding `tls-server-end-point` (RFC 5929 section 4): a hash of the server's certificate that ties a SCRAM login to
 * the TLS connection it happens on.
 *
 * Reads two fields of the certificate itself: Node 20 does not tell by which algorithm a certificate is signed, and loading
 * @peculiar/x509 for this alone would cost every start a fifth of a second.
 */
import { createHash, type X509Certificate } from 'node:crypto';

/** Hashes by the object identifiers (DER, hexadecimal) of the signature algorithms and of the digests themselves. MD5 and SHA-1 give way to SHA-256. */
const hashes = new Map<string, string>([
  ['2a864886f70d010104', 'sha256'], // md5WithRSAEncryption
  ['2a864886f70d010105', 'sha256'], // sha1WithRSAEncryption
  ['2a864886f70d01010b', 'sha256'],
  ['2a864886f70d01010c', 'sha384'],
  ['2a864886f70d01010d', 'sha512'],
  ['2a864886f70d01010e', 'sha224'],
  ['2a8648ce3d0401', 'sha256'], // ecdsa-with-SHA1
  ['2a8648ce3d040301', 'sha224'],
  ['2a8648ce3d040302', 'sha256'],
  ['2a8648ce3d040303', 'sha384'],
  ['2a8648ce3d040304', 'sha512'],
  ['2a864886f70d0205', 'sha256'], // md5
  ['2b0e03021a', 'sha256'], // sha1
  ['608648016503040201', 'sha256'],
  ['608648016503040202', 'sha384'],
  ['608648016503040203', 'sha512'],
  ['608648016503040204', 'sha224'],
]);
const RSA_PSS = '2a864886f70d01010a';

/**
 * The `tls-server-end-point` hash of a certificate (DER, or as Node has it). Null where the RFC defines none (Ed25519, Ed448) and for
 * what is no certificate: PostgreSQL itself fails a login that is bound to such a one.
 */
export function tlsServerEndPoint(certificate: X509Certificate | Buffer): Buffer | null {
  const der = Buffer.isBuffer(certificate) ? certificate : certificate.raw;
  try {
    const hash = signatureHash(der);
    return hash === undefined ? null : createHash(hash).update(der).digest();
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** Certificate = SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { OID, parameters }, … } (RFC 5280 section 4.1). */
function signatureHash(der: Buffer): string | undefined {
  const toBeSigned = elementAt(der, elementAt(der, 0, SEQUENCE).start, SEQUENCE);
  const algorithm = elementAt(der, toBeSigned.end, SEQUENCE);
  const identifier = elementAt(der, algorithm.start, OID);
  const name = der.toString('hex', identifier.start, identifier.end);
  if (name !== RSA_PSS) return hashes.get(name);
  // RSASSA-PSS-params = SEQUENCE { [0] hashAlgorithm SEQUENCE { OID, … } DEFAULT sha1, … } (RFC 4055 section 3.1).
  const parameters = elementAt(der, identifier.end, SEQUENCE);
  if (parameters.end === parameters.start || der[parameters.start] !== HASH_ALGORITHM) return 'sha256';
  const digest = elementAt(der, elementAt(der, elementAt(der, parameters.start, HASH_ALGORITHM).start, SEQUENCE).start, OID);
  return hashes.get(der.toString('hex', digest.start, digest.end));
}

const SEQUENCE = 0x30;
const OID = 0x06;
const HASH_ALGORITHM = 0xa0;

/** Where the content of the element at `at` begins and ends. Throws `RangeError` when there is no such element. */
function elementAt(der: Buffer, at: number, tag: number): { start: number; end: number } {
  if (der[at] !== tag) throw new RangeError('another element was expected');
  const first = der.readUInt8(at + 1);
  if (first < 0x80) return within(der, at + 2, first);
  const bytes = first & 0x7f;
  if (bytes < 1 || bytes > 4) throw new RangeError('no such length');
  return within(der, at + 2 + bytes, der.readUIntBE(at + 2, bytes));
}

function within(der: Buffer, start: number, length: number): { start: number; end: number } {
  if (start + length > der.length) throw new RangeError('the element is cut off');
  return { start, end: start + length };
}
