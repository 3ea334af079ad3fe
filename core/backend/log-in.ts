/** Runs the login on an open connection, to its end. */
import { AuthFailure } from '../auth/failure.ts';
import { explainTls } from '../tls/tls-failure.ts';
import { ProtocolViolation } from '../wire/message-reader.ts';
import type { Channel } from './channel.ts';
import { DialFailure } from './dial-failure.ts';
import type { LoginDialogue } from './login-dialogue.ts';
import type { Login } from './login.ts';
import type { ServerConnection } from './server-connection.ts';

/** Rejects with `DialFailure`; the channel is the caller's to close then. */
export function logIn(login: Login, channel: Channel, dialogue: LoginDialogue, signal: AbortSignal): Promise<ServerConnection> {
  const { backend } = login;
  const { socket } = channel;
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      signal.removeEventListener('abort', onAbort);
      socket.off('data', onData).off('error', onError).off('close', onClose);
    };
    const fail = (error: DialFailure): void => {
      settle();
      reject(error);
    };
    const onAbort = (): void => fail(asFailure(signal.reason));
    // The dialogue is asynchronous (key derivation); it queues what arrives meanwhile.
    const onData = (chunk: Buffer): void => {
      dialogue.push(chunk).then(
        (connection) => {
          if (connection === null || signal.aborted) return;
          settle();
          resolve(connection());
        },
        (error: unknown) => fail(asFailure(error)),
      );
    };
    // What the server said before it closed may still wait for the dialogue, and says more.
    const failLast = (failure: DialFailure): void => {
      dialogue.push(Buffer.alloc(0)).then(
        () => fail(failure),
        (error: unknown) => fail(asFailure(error)),
      );
    };
    const onError = (error: NodeJS.ErrnoException): void => failLast(lost(login, channel, error));
    const onClose = (): void =>
      failLast(
        new DialFailure('protocol', `${backend.id} closed the connection during the login`, 'Is a PostgreSQL server listening there?'),
      );
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('data', onData).on('error', onError).on('close', onClose);
    socket.resume();
    dialogue.begin();
  });
}

/** A server that speaks TLS 1.3 says only after the handshake what it thinks of the client's certificate. */
function lost({ backend, tls }: Login, channel: Channel, error: NodeJS.ErrnoException): DialFailure {
  if (channel.tls === null || error.code?.startsWith('ERR_SSL') !== true) {
    return new DialFailure('unreachable', `the connection to ${backend.id} was lost during the login: ${error.message}`);
  }
  const { message, hint } = explainTls(error, backend.id, '', tls);
  return new DialFailure('tls', message, hint);
}

/** Whatever goes wrong in a login, as its failure. */
export function asFailure(error: unknown): DialFailure {
  if (error instanceof DialFailure) return error;
  if (error instanceof AuthFailure) return new DialFailure('authentication', error.message, error.hint, null, error.code);
  if (error instanceof ProtocolViolation || error instanceof RangeError) {
    return new DialFailure('protocol', `the server's answer is not PostgreSQL's protocol: ${error.message}`);
  }
  return new DialFailure('protocol', error instanceof Error ? error.message : String(error));
}
