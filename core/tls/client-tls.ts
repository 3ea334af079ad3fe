/** TLS with clients: what they are offered at the moment, and the change of a socket into an encrypted one. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type net from 'node:net';
import { createSecureContext, TLSSocket, type SecureContext } from 'node:tls';
import { tlsServerEndPoint } from './end-point.ts';

/** The name of PostgreSQL's protocol in the TLS greeting. */
export const ALPN = 'postgresql';

/** Whether clients may, or must, encrypt; see the settings. */
export type ClientTlsMode = 'off' | 'allow' | 'require';

/** The certificate or its key cannot be used; the message says why, in words. */
export class UnusableCertificate extends Error {
  override readonly name = 'UnusableCertificate';
}

/** As for the listener: what a slow client may have waiting for it. */
const BUFFER_BYTES = 256 * 1024;

/** The encrypted socket over a plain one. */
const upgraded = new WeakMap<net.Socket, TLSSocket>();

/** What a client has to be written to and ended through: the TLS layer over its socket, if there is one. */
export function topOf(socket: net.Socket): net.Socket {
  return upgraded.get(socket) ?? socket;
}

/** See the head of this file. Never changes: other settings make another one, for clients that come from then on. */
export class ClientTls {
  /** Nobody is offered anything. */
  static readonly off = new ClientTls('off', null, null);

  readonly mode: ClientTlsMode;
  /** `tls-server-end-point` hash of the certificate that clients are shown; null: there is none, or it has no such hash. */
  readonly certificateHash: Buffer | null;
  readonly #context: SecureContext | null;

  private constructor(mode: ClientTlsMode, context: SecureContext | null, certificateHash: Buffer | null) {
    this.mode = mode;
    this.#context = context;
    this.certificateHash = certificateHash;
  }

  /**
   * Loads a certificate (with its chain) and its key. `files` null: there is none, so nothing can be offered, and `require` refuses
   * everybody. Rejects with `UnusableCertificate`.
   */
  static async load(mode: ClientTlsMode, files: { certificateFile: string; keyFile: string } | null): Promise<ClientTls> {
    if (mode === 'off') return ClientTls.off;
    if (files === null) return new ClientTls(mode, null, null);
    const cert = await read(files.certificateFile, 'certificate');
    const key = await read(files.keyFile, 'key');
    const certificate = parsed(files.certificateFile, 'certificate', () => new X509Certificate(cert));
    const privateKey = parsed(files.keyFile, 'key', () => createPrivateKey(key));
    if (!certificate.checkPrivateKey(privateKey)) {
      throw new UnusableCertificate(`The key in ${files.keyFile} does not belong to the certificate in ${files.certificateFile}.`);
    }
    if (Date.parse(certificate.validTo) < Date.now()) {
      throw new UnusableCertificate(`The certificate in ${files.certificateFile} expired on ${certificate.validTo}.`);
    }
    const context = parsed(files.certificateFile, 'certificate', () => createSecureContext({ cert, key, minVersion: 'TLSv1.2' }));
    return new ClientTls(mode, context, tlsServerEndPoint(certificate));
  }

  /** Whether an encryption request is answered with yes. */
  get isOffered(): boolean {
    return this.#context !== null;
  }

  /**
   * Runs the server's side of the TLS handshake on a paused socket without listeners; what was read of it already must have been put
   * back (`unshift`). Rejects with the handshake's error, or the signal's reason; then the socket is gone.
   */
  accept(socket: net.Socket, signal: AbortSignal): Promise<TLSSocket> {
    const secureContext = this.#context;
    if (secureContext === null) return Promise.reject(new Error('there is no certificate'));
    return new Promise((resolve, reject) => {
      const secure = new TLSSocket(socket, {
        isServer: true,
        secureContext,
        ALPNProtocols: [ALPN],
        // A net.Socket has one, which its types do not tell.
        ...{ highWaterMark: BUFFER_BYTES },
      });
      upgraded.set(socket, secure);
      // Emitted for what goes wrong behind the handshake, too; by itself it would leave the socket open.
      secure.on('_tlsError', (error: Error) => secure.destroy(error));
      // Every stage has its own handler; this one only keeps a late error from being an uncaught one.
      secure.on('error', () => {});
      const settle = (): void => {
        signal.removeEventListener('abort', onAbort);
        secure.off('secure', onSecure).off('error', onError).off('end', onClose).off('close', onClose);
      };
      const onSecure = (): void => {
        settle();
        resolve(secure);
      };
      const fail = (error: Error): void => {
        settle();
        secure.destroy();
        reject(error);
      };
      const onError = (error: Error): void => fail(error);
      const onClose = (): void => fail(new Error('the client closed the connection'));
      const onAbort = (): void => fail(signal.reason as Error);
      signal.addEventListener('abort', onAbort);
      secure.on('secure', onSecure).on('error', onError).on('end', onClose).on('close', onClose);
      if (signal.aborted) onAbort();
    });
  }
}

async function read(file: string, what: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new UnusableCertificate(`The ${what} cannot be read: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

function parsed<T>(file: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    // OpenSSL's words never contain the file's content.
    const why = error instanceof Error ? error.message : String(error);
    throw new UnusableCertificate(`${file} is not a ${what} in PEM form that can be used (${why}).`);
  }
}
