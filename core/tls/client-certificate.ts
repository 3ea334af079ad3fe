/** The certificate that clients are shown, and its key: from files to what TLS works with, or why not, in words. */
import { constants as openssl, createPrivateKey, X509Certificate } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { createSecureContext, type SecureContext } from 'node:tls';
import { tlsServerEndPoint } from './end-point.ts';

/** PEM files: the certificate with those between it and its authority behind it, and its key. */
export interface CertificateFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** A certificate that can be used. */
export interface LoadedCertificate {
  readonly context: SecureContext;
  /** `tls-server-end-point` hash; null: it has none. */
  readonly hash: Buffer | null;
  /** What clients that verify will hold against it, and what else is wrong, in words. */
  readonly warnings: string[];
}

/** The certificate or its key cannot be used; the message says why, in words, and nothing of what is in the files. */
export class UnusableCertificate extends Error {
  override readonly name = 'UnusableCertificate';
}

/** Chains have a few kilobytes. */
const MAX_BYTES = 1024 * 1024;

/** Reads the files anew at each call. Rejects with `UnusableCertificate`. */
export async function loadCertificate({ certificateFile, keyFile }: CertificateFiles): Promise<LoadedCertificate> {
  const { bytes: cert } = await read(certificateFile, 'certificate');
  const { bytes: key, mode } = await read(keyFile, 'key');
  const certificate = parsed(certificateFile, 'certificate', () => new X509Certificate(cert));
  const privateKey = parsed(keyFile, 'key', () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new UnusableCertificate(`The key in ${keyFile} does not belong to the certificate in ${certificateFile}.`);
  }
  const context = parsed(certificateFile, 'certificate', () =>
    createSecureContext({
      cert,
      key,
      minVersion: 'TLSv1.2',
      // As PostgreSQL has it: no renegotiation, no tickets to come back with.
      secureOptions: openssl.SSL_OP_NO_RENEGOTIATION | openssl.SSL_OP_NO_TICKET,
    }),
  );
  const warnings = complaints(certificateFile, certificate);
  if (process.platform !== 'win32' && (mode & 0o007) !== 0)
    warnings.push(`Everybody on this machine can get at the key in ${keyFile}: chmod 600.`);
  return { context, hash: tlsServerEndPoint(certificate), warnings };
}

/** It is used nonetheless: clients that verify refuse it themselves, and to all others encryption with it is better than none. */
function complaints(file: string, { validFrom, validTo }: X509Certificate): string[] {
  const now = Date.now();
  if (Date.parse(validTo) < now) return [`The certificate in ${file} expired on ${validTo}: clients that verify it will not connect.`];
  if (Date.parse(validFrom) > now)
    return [`The certificate in ${file} is valid from ${validFrom} only: clients that verify it will not connect.`];
  return [];
}

async function read(file: string, what: string): Promise<{ bytes: Buffer; mode: number }> {
  try {
    // Not blocked by a pipe that nobody writes to.
    const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const { mode, size } = await handle.stat();
      if ((mode & constants.S_IFMT) !== constants.S_IFREG || size > MAX_BYTES) {
        throw new UnusableCertificate(`${file} is not a plain file of a ${what}'s size.`);
      }
      return { bytes: await handle.readFile(), mode };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof UnusableCertificate) throw error;
    throw new UnusableCertificate(`The ${what} cannot be read: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

function parsed<T>(file: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    // OpenSSL's words never contain the file's content.
    const why = error instanceof Error ? error.message : String(error);
    if (/passphrase|bad password|interrupted or cancelled|empty password/i.test(why)) {
      throw new UnusableCertificate(`The ${what} in ${file} is protected by a passphrase: take it off into a file of its own.`);
    }
    throw new UnusableCertificate(`${file} is not a ${what} in PEM form that can be used (${why}).`);
  }
}
