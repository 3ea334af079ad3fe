/** The authorities that this machine trusts: what `sslrootcert=system` stands for. */
import { readFile } from 'node:fs/promises';
import { rootCertificates } from 'node:tls';

/** Where systems keep them in one file: Debian and Arch, Red Hat, Alpine and macOS, OpenSUSE. */
const bundles = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/cert.pem', '/etc/ssl/ca-bundle.pem'];

/** As PEM: the file that `SSL_CERT_FILE` names (as OpenSSL has it), else the system's, else those that Node came with. */
export async function systemRoots(): Promise<Buffer> {
  const named = process.env['SSL_CERT_FILE'] ?? '';
  for (const path of named === '' ? bundles : [named]) {
    const bundle = await readFile(path).catch(() => null);
    if (bundle !== null && bundle.length > 0) return bundle;
  }
  return Buffer.from(rootCertificates.join('\n'));
}
