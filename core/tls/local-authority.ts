/**
 * A certificate authority for this machine alone, made on request, and the certificate it vouches for: clients can then verify whom
 * they talk to (`sslmode=verify-full`) without anybody having to know openssl.
 */
import { createPrivateKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';

/** Paths of a local certificate authority and of the certificate and key it made for this machine. */
export interface LocalAuthorityFiles {
  readonly authorityFile: string;
  readonly certificateFile: string;
  readonly keyFile: string;
}

const DAY_MS = 86_400_000;
const VALID_DAYS = 3_650;
/** Made anew when it has less than that left. */
const RENEW_DAYS = 30;
const CURVE = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** Makings wait for each other: two windows may press the same button. */
let turn: Promise<unknown> = Promise.resolve();

/**
 * Makes them in `folder`, or gives those that are there and good for another month. The key of the authority is never written: once it
 * has signed the one certificate nobody can make others with it, so trusting it costs nothing. Rejects with the system's own error
 * when the folder cannot be written.
 */
export function makeLocalAuthority(folder: string): Promise<LocalAuthorityFiles> {
  const made = turn.then(() => make(folder));
  turn = made.catch(() => undefined);
  return made;
}

async function make(folder: string): Promise<LocalAuthorityFiles> {
  const files = {
    authorityFile: path.join(folder, 'authority.pem'),
    certificateFile: path.join(folder, 'server.pem'),
    keyFile: path.join(folder, 'server-key.pem'),
  };
  if (await isGood(files)) return files;
  const { authority, certificate, key } = await generate();
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await replace(files.keyFile, key);
  await replace(files.certificateFile, certificate);
  await replace(files.authorityFile, authority);
  return files;
}

async function isGood(files: LocalAuthorityFiles): Promise<boolean> {
  try {
    const authority = new X509Certificate(await readFile(files.authorityFile));
    const certificate = new X509Certificate(await readFile(files.certificateFile));
    const key = createPrivateKey(await readFile(files.keyFile));
    const left = Math.min(Date.parse(authority.validTo), Date.parse(certificate.validTo)) - Date.now();
    return left > RENEW_DAYS * DAY_MS && certificate.verify(authority.publicKey) && certificate.checkPrivateKey(key);
  } catch {
    // Missing, broken or not belonging together: made anew.
    return false;
  }
}

async function generate(): Promise<{ authority: string; certificate: string; key: string }> {
  // Loaded when it is needed: it would cost every start a fifth of a second. The metadata must be there before it.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(webcrypto);
  const { subtle } = webcrypto;
  const notBefore = new Date(Date.now() - DAY_MS);
  const notAfter = new Date(Date.now() + VALID_DAYS * DAY_MS);
  const authorityKeys = await subtle.generateKey(CURVE, true, ['sign', 'verify']);
  const keys = await subtle.generateKey(CURVE, true, ['sign', 'verify']);
  // Another name each time: two authorities of the same name would be taken for each other.
  const name = `CN=Switchyard local authority ${randomBytes(4).toString('hex')}`;
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name,
    notBefore,
    notAfter,
    signingAlgorithm: CURVE,
    keys: authorityKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: 'CN=localhost',
    issuer: name,
    notBefore,
    notAfter,
    signingAlgorithm: CURVE,
    publicKey: keys.publicKey,
    signingKey: authorityKeys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      // `ep-a.localhost` names an endpoint by its server name.
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'dns', value: '*.localhost' },
        { type: 'ip', value: '127.0.0.1' },
        { type: 'ip', value: '::1' },
      ]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });
  const pkcs8 = Buffer.from(await subtle.exportKey('pkcs8', keys.privateKey));
  const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }).export({ type: 'pkcs8', format: 'pem' });
  return { authority: `${authority.toString('pem')}\n`, certificate: `${certificate.toString('pem')}\n`, key: key.toString() };
}

/** 127 random bits, positive and never beginning with a zero. */
function serial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

async function replace(file: string, text: string): Promise<void> {
  const fresh = `${file}.${randomBytes(6).toString('hex')}.new`;
  try {
    const handle = await open(fresh, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(fresh, file);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}
