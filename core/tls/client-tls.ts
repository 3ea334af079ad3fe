/** TLS with clients: what they are offered at the moment, and the change of a socket into an encrypted one. */
import type net from 'node:net';
import { TLSSocket, type SecureContext } from 'node:tls';
import type { Settings } from '../contract/index.ts';
import { loadCertificate, UnusableCertificate, type CertificateFiles } from './client-certificate.ts';
import type { LocalAuthorityFiles } from './local-authority.ts';

/** The name of PostgreSQL's protocol in the TLS greeting. */
export const ALPN = 'postgresql';

/** Whether clients may, or must, encrypt; see the settings. */
export type ClientTlsMode = 'off' | 'allow' | 'require';

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
  static async load(mode: ClientTlsMode, files: CertificateFiles | null): Promise<ClientTls> {
    if (mode === 'off') return ClientTls.off;
    if (files === null) return new ClientTls(mode, null, null);
    const { context, hash } = await loadCertificate(files);
    return new ClientTls(mode, context, hash);
  }

  /**
   * What the settings ask for, and what of it could not be had, in words; never rejects for the content of a file. A certificate that
   * cannot be used leaves the one of `before` in its place: an application that encrypts when it can must not begin to speak in clear
   * because of a slip in a file. Where there was none either, `require` lets nobody in and `allow` is like `off`.
   */
  static async serve(
    { clients, certificate }: Settings['tls'],
    authority: LocalAuthorityFiles | null,
    before: ClientTls,
  ): Promise<{ tls: ClientTls; problems: string[] }> {
    if (clients === 'off') return { tls: ClientTls.off, problems: [] };
    if (certificate.kind === 'none') {
      return { tls: new ClientTls(clients, null, null), problems: [`There is no certificate for clients. ${consequence(clients)}`] };
    }
    const files = certificate.kind === 'files' ? { certificateFile: certificate.certificate, keyFile: certificate.key } : authority;
    try {
      // Why the local one is not there has been told by whoever should have made it.
      if (files === null) throw new UnusableCertificate('There is no local certificate.');
      const { context, hash, warnings } = await loadCertificate(files);
      return { tls: new ClientTls(clients, context, hash), problems: warnings };
    } catch (error) {
      if (!(error instanceof UnusableCertificate)) throw error;
      const then = before.isOffered ? 'Clients are shown the certificate that was in use before.' : consequence(clients);
      return { tls: new ClientTls(clients, before.#context, before.certificateHash), problems: [`${error.message} ${then}`] };
    }
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
    if (socket.destroyed) return Promise.reject(new Error('the client closed the connection'));
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

function consequence(clients: ClientTlsMode): string {
  return clients === 'require' ? 'Nobody can connect until there is one.' : 'Clients connect without encryption.';
}
