/**
 * How connections to a backend are encrypted, with libpq's meanings (PostgreSQL manual, "SSL Support"): what a URL can ask for, and
 * what that takes from the file system.
 *
 * One difference, on purpose: a file that is named must be there, whatever the mode. libpq goes on without the root file (below
 * verify-ca) or the client certificate, and checks and proves nothing then.
 */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import tls from 'node:tls';
import { systemRoots } from './system-roots.ts';

/** libpq's `sslmode`, weakest first. */
export const tlsModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type TlsMode = (typeof tlsModes)[number];

/** What a backend's URL says about encryption. */
export interface BackendTls {
  readonly mode: TlsMode;
  /** File with the authorities that the server's certificate must come from; `system`: this machine's; null: none is asked for. */
  readonly rootCert: string | null;
  /** Files with the proxy's own certificate and its key; both or none. */
  readonly cert: string | null;
  readonly key: string | null;
  /** Whether the connection begins with TLS at once (`sslnegotiation=direct`, PostgreSQL 17 and later). */
  readonly direct: boolean;
  /** Whether a SCRAM login is tied to the TLS connection: if the server can, by default. */
  readonly channelBinding: 'disable' | 'prefer' | 'require';
}

/** libpq's default: encrypted if the server can. */
export const PREFER_TLS: BackendTls = { mode: 'prefer', rootCert: null, cert: null, key: null, direct: false, channelBinding: 'prefer' };

/** Equal for equal settings: for the keys of maps. */
export function tlsKey({ mode, rootCert, cert, key, direct, channelBinding }: BackendTls): string {
  return JSON.stringify([mode, rootCert, cert, key, direct, channelBinding]);
}

/** A file that TLS needs cannot be used; message (no period at its end) and hint are for the user. */
export class TlsFileFailure extends Error {
  readonly hint: string;
  constructor(message: string, hint: string) {
    super(message);
    this.name = 'TlsFileFailure';
    this.hint = hint;
  }
}

/** What a TLS handshake with a backend needs. */
export interface TlsMaterial {
  readonly context: tls.SecureContext;
  /** The server's certificate must come from a known authority. */
  readonly verifiesChain: boolean;
  /** It must also name the host that was dialled. */
  readonly verifiesName: boolean;
}

/**
 * Reads the files anew each time: certificates are renewed in place. Like libpq, checks the certificate in every mode once there is a
 * root file. Rejects with `TlsFileFailure`.
 */
export async function loadTls(settings: BackendTls): Promise<TlsMaterial> {
  const { mode, rootCert } = settings;
  const ca = await rootsOf(settings);
  const cert = settings.cert === null ? null : await readTlsFile(settings.cert, 'client certificate');
  const key = settings.key === null ? null : await readTlsFile(settings.key, 'private key', refuseOpenKey);
  return {
    context: contextOf(settings, ca, cert, key),
    verifiesChain: rootCert !== null,
    verifiesName: mode === 'verify-full',
  };
}

async function rootsOf({ mode, rootCert }: BackendTls): Promise<Buffer | null> {
  if (rootCert === 'system') return await systemRoots();
  if (rootCert !== null) return await readTlsFile(rootCert, 'root certificate');
  if (mode !== 'verify-ca' && mode !== 'verify-full') return null;
  throw new TlsFileFailure(
    `sslmode=${mode} needs to know which authority to trust, and the endpoint names no root certificate`,
    'Add sslrootcert=/path/to/root.pem to its URL, or sslmode=verify-full&sslrootcert=system for the authorities that this machine trusts.',
  );
}

/** Reading the authorities of a whole system takes milliseconds, so contexts are kept, by what is in them. */
const contexts = new Map<string, tls.SecureContext>();
const CONTEXTS_KEPT = 32;

function contextOf(names: BackendTls, ca: Buffer | null, cert: Buffer | null, key: Buffer | null): tls.SecureContext {
  const digest = createHash('sha256');
  for (const part of [ca, cert, key]) digest.update(part === null ? '-' : `${part.length}:`).update(part ?? '');
  const id = digest.digest('base64');
  const known = contexts.get(id);
  if (known !== undefined) return known;
  checkPart(ca, (part) => tls.createSecureContext({ ca: part }), `the root certificate file "${names.rootCert ?? ''}"`);
  checkPart(cert, (part) => tls.createSecureContext({ cert: part }), `the client certificate file "${names.cert ?? ''}"`);
  checkPart(key, (part) => tls.createSecureContext({ key: part }), `the private key file "${names.key ?? ''}"`);
  const context = createContext(names, ca, cert, key);
  contexts.set(id, context);
  const oldest = contexts.keys().next();
  if (contexts.size > CONTEXTS_KEPT && !oldest.done) contexts.delete(oldest.value);
  return context;
}

function createContext(names: BackendTls, ca: Buffer | null, cert: Buffer | null, key: Buffer | null): tls.SecureContext {
  try {
    return tls.createSecureContext({
      ...(ca === null ? {} : { ca }),
      ...(cert === null ? {} : { cert }),
      ...(key === null ? {} : { key }),
    });
  } catch {
    throw new TlsFileFailure(
      `the private key file "${names.key ?? ''}" does not belong to the client certificate file "${names.cert ?? ''}"`,
      'Name the certificate and the key that were made together.',
    );
  }
}

function checkPart(part: Buffer | null, make: (part: Buffer) => unknown, what: string): void {
  if (part === null) return;
  const text = part.toString('latin1');
  if (/^(?:-----BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED)/m.test(text)) {
    throw new TlsFileFailure(`${what} is protected by a passphrase`, 'Take it off, into a file of its own: openssl pkey -in … -out ….');
  }
  try {
    make(part);
    // OpenSSL takes a root file without any certificate for an empty list.
    if (/^-----BEGIN /m.test(text)) return;
  } catch {
    // Said below: OpenSSL's own words tell nobody anything.
  }
  throw new TlsFileFailure(`${what} holds nothing in PEM form that can be used`, 'It should contain lines of -----BEGIN …-----.');
}

const MAX_BYTES = 16 * 1024 * 1024;

async function readTlsFile(path: string, what: string, check?: (path: string, mode: number, owner: number) => void): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch((error: NodeJS.ErrnoException) => {
    const missing = error.code === 'ENOENT' || error.code === 'ENOTDIR';
    throw new TlsFileFailure(
      missing ? `${what} file "${path}" does not exist` : `${what} file "${path}" cannot be read (${error.code ?? error.message})`,
      'Correct the path in the URL of the endpoint, or the rights of the file.',
    );
  });
  try {
    const { mode, uid, size } = await file.stat();
    if ((mode & constants.S_IFMT) !== constants.S_IFREG || size > MAX_BYTES) {
      throw new TlsFileFailure(
        `${what} file "${path}" is not a plain file of a certificate's size`,
        'Correct the path in the URL of the endpoint.',
      );
    }
    check?.(path, mode, uid);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** libpq's rule (fe-secure-openssl.c): nobody else may read it, but a group may if it is root's. */
function refuseOpenKey(path: string, mode: number, owner: number): void {
  if (process.platform === 'win32' || (mode & (owner === 0 ? 0o037 : 0o077)) === 0) return;
  throw new TlsFileFailure(
    `private key file "${path}" has group or world access`,
    'Its permissions must be u=rw (0600) or less, or u=rw,g=r (0640) or less if it is owned by root: chmod 600.',
  );
}
