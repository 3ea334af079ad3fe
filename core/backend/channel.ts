/** Connects to a backend and encrypts the connection, up to the point where PostgreSQL's own protocol begins. */
import net from 'node:net';
import tls from 'node:tls';
import { loadTls, TlsFileFailure, type BackendTls, type TlsMaterial } from '../tls/backend-tls.ts';
import { tlsServerEndPoint } from '../tls/end-point.ts';
import { checkServerName } from '../tls/server-name.ts';
import { explainTls } from '../tls/tls-failure.ts';
import { sslRequest } from '../wire/messages.ts';
import { DialFailure } from './dial-failure.ts';

/** Where a backend listens. `id` is `host:port`; `connect` is what a socket needs. */
export interface BackendAddress {
  readonly id: string;
  readonly connect: { readonly host: string; readonly port: number } | { readonly path: string };
}

/** `if-offered`: plain text when the server says no. */
export type Encryption = 'none' | 'if-offered' | 'required';

/** How a connection is encrypted. */
export interface ChannelTls {
  /** For example `TLSv1.3`. */
  readonly protocol: string;
  /** For example `TLS_AES_256_GCM_SHA384`. */
  readonly cipher: string;
  /** What was checked of the server's certificate. */
  readonly verified: 'nothing' | 'chain' | 'chain and name';
  /** `tls-server-end-point` hash of the server's certificate, for SCRAM's channel binding; null where it has none. */
  readonly certificateHash: Buffer | null;
}

/** An open connection; its socket is paused and has no listeners but one for errors. */
export interface Channel {
  readonly socket: net.Socket;
  /** Null: plain text. */
  readonly tls: ChannelTls | null;
}

/** How a connection is opened. `signal` ends the attempt with its reason. */
export interface ChannelOptions {
  readonly tls: BackendTls;
  readonly encryption: Encryption;
  readonly signal: AbortSignal;
  /** Told when TCP stands. */
  onConnected?(): void;
}

const KEEPALIVE_MS = 30_000;
const PROTOCOL_NAME = 'postgresql';
const YES = 0x53;
const NO = 0x4e;
const ERROR = 0x45;

/**
 * Opens a connection. Rejects with `DialFailure` (`unreachable`, `tls`, `certificate`, `no_tls`, `tls_file`, `protocol`) or the signal's reason; nothing is left open then. A
 * Unix socket is never encrypted, as in libpq.
 */
export async function openChannel(backend: BackendAddress, options: ChannelOptions): Promise<Channel> {
  const { signal } = options;
  signal.throwIfAborted();
  const encryption = 'path' in backend.connect ? 'none' : options.encryption;
  // Before anything is opened: a file that is not there needs no server to be seen.
  const material = encryption === 'none' ? null : await materialFor(options.tls);
  signal.throwIfAborted();
  const socket = net.connect(backend.connect);
  // Errors between two steps are seen by the next one, as a closed socket.
  socket.on('error', () => {});
  socket.setNoDelay(true);
  try {
    await once(socket, 'connect', signal, (error) => unreachable(backend, error));
    options.onConnected?.();
    const encrypts = material !== null && (options.tls.direct || (await asksForTls(socket, backend, options)));
    const channel = encrypts ? await encrypt(socket, backend, options, material) : { socket, tls: null };
    // On the socket that is used from now on: each keeps a book of its own on what is set.
    channel.socket.setKeepAlive(true, KEEPALIVE_MS);
    return channel;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function materialFor(settings: BackendTls): Promise<TlsMaterial> {
  try {
    return await loadTls(settings);
  } catch (error) {
    if (error instanceof TlsFileFailure) throw new DialFailure('tls_file', error.message, error.hint);
    throw error;
  }
}

/** Sends SSLRequest; false when the server has no TLS and none is required. */
async function asksForTls(socket: net.Socket, backend: BackendAddress, { encryption, signal }: ChannelOptions): Promise<boolean> {
  socket.write(sslRequest);
  const answer = await once<Buffer>(socket, 'data', signal, (error) => closedEarly(backend, error));
  socket.pause();
  // Whatever comes behind the answer is not encrypted, and would be taken for what came encrypted (CVE-2021-23222).
  if (answer.length > 1 && answer[0] !== ERROR) {
    throw new DialFailure('protocol', `${backend.id} sent unencrypted data behind its answer to the request for encryption`, CHECK_PATH);
  }
  switch (answer[0]) {
    case YES:
      return true;
    case NO:
      if (encryption === 'if-offered') return false;
      throw new DialFailure(
        'no_tls',
        `${backend.id} has no TLS, and the endpoint asks for it`,
        'Set ssl = on in postgresql.conf of that server, or use sslmode=prefer (or disable) in the URL of the endpoint.',
      );
    case ERROR:
      // Not repeated: nobody has proven yet who says it (CVE-2024-10977).
      throw new DialFailure('protocol', `${backend.id} answered the request for encryption with an error`, 'Its log may say why.');
    default:
      throw new DialFailure(
        'protocol',
        `${backend.id} answered the request for encryption with neither yes nor no`,
        'Is a PostgreSQL server listening there?',
      );
  }
}

const CHECK_PATH = 'Something between this machine and that server may be tampering with the connection.';

async function encrypt(socket: net.Socket, backend: BackendAddress, options: ChannelOptions, material: TlsMaterial): Promise<Channel> {
  const host = 'host' in backend.connect ? backend.connect.host : '';
  const secure = tls.connect({
    socket,
    secureContext: material.context,
    rejectUnauthorized: material.verifiesChain,
    checkServerIdentity: (_name, certificate) => (material.verifiesName ? checkServerName(host, certificate) : undefined),
    ALPNProtocols: [PROTOCOL_NAME],
    // A server name is a DNS name (RFC 6066); without one Node would send "localhost".
    servername: net.isIP(host) === 0 ? host : '',
  });
  secure.on('error', () => {});
  try {
    await once(secure, 'secureConnect', options.signal, (error) => {
      const { message, hint } = explainTls(error, backend.id, host, options.tls);
      return new DialFailure(isRejected(secure, error) ? 'certificate' : 'tls', message, hint);
    });
    if (options.tls.direct && secure.alpnProtocol !== PROTOCOL_NAME) {
      throw new DialFailure('tls', `${backend.id} speaks TLS, but not for PostgreSQL`, 'Is a PostgreSQL server listening there?');
    }
  } catch (error) {
    secure.destroy();
    throw error;
  }
  secure.pause();
  const certificate = secure.getPeerX509Certificate();
  return {
    socket: secure,
    tls: {
      protocol: secure.getProtocol() ?? 'TLS',
      cipher: secure.getCipher().standardName,
      verified: !material.verifiesChain ? 'nothing' : material.verifiesName ? 'chain and name' : 'chain',
      certificateHash: certificate === undefined ? null : tlsServerEndPoint(certificate),
    },
  };
}

/** Whether the handshake went well but for what the server's certificate says. */
function isRejected(secure: tls.TLSSocket, error: NodeJS.ErrnoException): boolean {
  // Null until Node has looked at it, whatever the types say.
  const verdict: unknown = secure.authorizationError;
  return (verdict !== null && verdict !== undefined) || error.code === 'ERR_TLS_CERT_ALTNAME_INVALID';
}

/** What `event` brings. Rejects with `failed(error)` when the socket fails or closes first, and with the signal's reason. */
function once<T>(socket: net.Socket, event: string, signal: AbortSignal, failed: (error: NodeJS.ErrnoException) => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      signal.removeEventListener('abort', onAbort);
      socket.off(event, onEvent).off('error', onError).off('close', onClose);
    };
    const onEvent = (value: T): void => {
      settle();
      resolve(value);
    };
    const onError = (error: NodeJS.ErrnoException): void => {
      settle();
      reject(failed(error));
    };
    const onClose = (): void => onError(new Error('it closed the connection'));
    const onAbort = (): void => {
      settle();
      reject(signal.reason as Error);
    };
    if (signal.aborted) {
      onAbort();
      return;
    }
    if (socket.destroyed) {
      onClose();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on(event, onEvent).on('error', onError).on('close', onClose);
  });
}

function unreachable(backend: BackendAddress, error: NodeJS.ErrnoException): DialFailure {
  if (error.code === 'ECONNREFUSED') {
    return new DialFailure(
      'unreachable',
      `nothing listens on ${backend.id} (connection refused)`,
      'Start that server, or change the endpoint.',
    );
  }
  if (error.code === 'ENOTFOUND') return new DialFailure('unreachable', `the host name of ${backend.id} is not known`);
  return new DialFailure('unreachable', `cannot reach ${backend.id}: ${error.message}`);
}

function closedEarly(backend: BackendAddress, error: NodeJS.ErrnoException): DialFailure {
  const why = error.code === undefined ? '' : ` (${error.code})`;
  return new DialFailure(
    'protocol',
    `${backend.id} closed the connection during the login, when asked for encryption${why}`,
    'If a program is listening there that knows no TLS at all, use sslmode=disable in the URL of the endpoint.',
  );
}
