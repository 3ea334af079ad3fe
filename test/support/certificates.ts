/** Certificates for tests: authorities, servers, clients; right ones and such that must be refused. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { afterAll, beforeAll } from 'vitest';

x509.cryptoProvider.set(webcrypto as Crypto);

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;

/** A certificate with its key, as PEM. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

/** What a certificate says. */
export interface CertificateOptions {
  /** Common name. */
  readonly name: string;
  /** DNS names and IP addresses it lists besides. */
  readonly alternatives?: readonly string[];
  /** In days from now; default yesterday and in ten days. */
  readonly from?: number;
  readonly until?: number;
  /** By which its own signature is made; default SHA-256. */
  readonly hash?: 'SHA-256' | 'SHA-384' | 'SHA-512';
}

/** An authority that issues certificates. */
export class TestAuthority {
  readonly certificate: string;
  readonly #issuer: string;
  readonly #keys: CryptoKeyPair;

  private constructor(certificate: x509.X509Certificate, keys: CryptoKeyPair) {
    this.certificate = certificate.toString('pem');
    this.#issuer = certificate.subject;
    this.#keys = keys;
  }

  static async make(name: string): Promise<TestAuthority> {
    const keys = await makeKeys();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: `CN=${name}`,
      ...validity({ name }),
      keys,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      ],
    });
    return new TestAuthority(certificate, keys);
  }

  async issue(options: CertificateOptions): Promise<Issued> {
    const keys = await makeKeys();
    const certificate = await x509.X509CertificateGenerator.create({
      subject: `CN=${options.name}`,
      issuer: this.#issuer,
      ...validity(options),
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: { ...algorithm, hash: options.hash ?? 'SHA-256' },
      extensions: names(options),
    });
    return { certificate: certificate.toString('pem'), key: await pemOf(keys.privateKey) };
  }
}

/** A server that vouches for itself. */
export async function selfSigned(options: CertificateOptions): Promise<Issued> {
  const keys = await makeKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${options.name}`,
    ...validity(options),
    keys,
    signingAlgorithm: algorithm,
    extensions: names(options),
  });
  return { certificate: certificate.toString('pem'), key: await pemOf(keys.privateKey) };
}

/** A folder for the suite it is called in; `write` puts a file there (readable by its owner only) and answers its path. */
export function useFolder(): { write(name: string, text: string, mode?: number): Promise<string>; path(name: string): string } {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'switchyard-tls-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return {
    path: (name) => join(folder, name),
    write: async (name, text, mode = 0o600) => {
      await writeFile(join(folder, name), text, { mode });
      return join(folder, name);
    },
  };
}

function makeKeys(): Promise<CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

async function pemOf(key: CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

function validity({ from = -1, until = 10 }: CertificateOptions): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Date.now() + from * DAY_MS), notAfter: new Date(Date.now() + until * DAY_MS) };
}

function names({ alternatives = [] }: CertificateOptions): x509.Extension[] {
  const listed = alternatives.map((value) => ({ type: /^[\d.]+$|:/.test(value) ? ('ip' as const) : ('dns' as const), value }));
  return listed.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(listed)];
}
