/** Opens a connection to a backend and logs in. */
import { AuthFailure } from '../auth/failure.ts';
import { explainTls } from '../tls/tls-failure.ts';
import { ProtocolViolation } from '../wire/message-reader.ts';
import { openChannel, type BackendAddress, type Channel, type Encryption } from './channel.ts';
import { DialFailure } from './dial-failure.ts';
import { LoginDialogue } from './login-dialogue.ts';
import type { Login } from './login.ts';
import type { PasswordFile } from './passfile.ts';
import type { ServerConnection } from './server-connection.ts';

export { DialFailure } from './dial-failure.ts';
export { startupKey, type Login } from './login.ts';

/** How long connecting and logging in may take together, by default. */
export const DIAL_DEADLINE_MS = 5_000;

/** `signal` aborts the login; `passwordFile` is asked when the login's credential does not do. */
export interface DialOptions {
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
  readonly passwordFile?: PasswordFile | null;
}

/**
 * Connects and logs in, encrypted as the login's `tls` says; one deadline for everything, its second attempt included. Rejects with
 * `DialFailure`; nothing is left open then.
 */
export async function dial(login: Login, options: DialOptions = {}): Promise<ServerConnection> {
  const limit = new DialLimit(login.backend, options);
  try {
    let earlier: { failure: DialFailure; encrypted: boolean } | null = null;
    for (const encryption of encryptionsOf(login)) {
      const outcome = await attempt(login, encryption, limit, options.passwordFile ?? null);
      if ('connection' in outcome) return outcome.connection;
      const { failure, encrypted } = outcome;
      const telling: DialFailure = earlier === null ? failure : moreTelling(earlier.failure, failure, encrypted);
      if (!outcome.otherMayDo || limit.signal.aborted) throw telling;
      earlier = { failure: telling, encrypted };
    }
    throw earlier?.failure ?? new DialFailure('protocol', 'there was nothing to try');
  } finally {
    limit.end();
  }
}

/**
 * What libpq tries one after the other (fe-connect.c, `select_next_encryption_method`): `allow` without TLS first, `prefer` with it, each
 * the other way too if that failed.
 */
function encryptionsOf({ backend, tls }: Login): readonly Encryption[] {
  if ('path' in backend.connect) return ['none'];
  switch (tls.mode) {
    case 'disable':
      return ['none'];
    case 'allow':
      return ['none', 'required'];
    case 'prefer':
      return ['if-offered', 'none'];
    default:
      return ['required'];
  }
}

/** What an attempt came to. `otherMayDo`: the server may say something else to a connection that is encrypted the other way. */
type Outcome =
  { readonly connection: ServerConnection } | { readonly failure: DialFailure; readonly encrypted: boolean; readonly otherMayDo: boolean };

async function attempt(login: Login, encryption: Encryption, limit: DialLimit, passwordFile: PasswordFile | null): Promise<Outcome> {
  let channel: Channel;
  try {
    channel = await openChannel(login.backend, {
      tls: login.tls,
      encryption,
      signal: limit.signal,
      onConnected: () => limit.connected(),
    });
  } catch (error) {
    const failure = asFailure(error);
    return { failure, encrypted: encryption !== 'none', otherMayDo: failure.kind === 'tls' || failure.kind === 'certificate' };
  }
  const dialogue = new LoginDialogue(login, channel, passwordFile);
  try {
    return { connection: await logIn(login, channel, dialogue, limit.signal) };
  } catch (error) {
    channel.socket.destroy();
    const failure = asFailure(error);
    // As libpq: any error of the server's, up to the moment when it has accepted the login.
    const refused = failure.fields !== null && !dialogue.isAccepted;
    const encrypted = channel.tls !== null;
    return { failure, encrypted, otherMayDo: refused && (encrypted || encryption === 'none') };
  }
}

/** Of two failures the one that says more: that there is no line in pg_hba.conf, or no handshake, may be for the other's sake only. */
function moreTelling(first: DialFailure, second: DialFailure, encrypted: boolean): DialFailure {
  if (second.kind === 'aborted') return second;
  const saysLittle = ({ kind, fields }: DialFailure): boolean => kind === 'tls' || kind === 'certificate' || fields?.sqlState === '28000';
  if (!saysLittle(first) || second.kind === 'no_tls') return first;
  if (!saysLittle(second)) return second;
  const message = `${first.message}; ${encrypted ? 'with' : 'without'} TLS: ${second.fields?.message ?? second.message}`;
  return new DialFailure(first.kind, message, first.hint, first.fields, first.code);
}

function logIn(login: Login, channel: Channel, dialogue: LoginDialogue, signal: AbortSignal): Promise<ServerConnection> {
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

/** The one deadline of a login, and whoever else ends it. */
class DialLimit {
  readonly #abort = new AbortController();
  readonly #caller: AbortSignal | undefined;
  readonly #timer: NodeJS.Timeout;
  #stage: 'connect' | 'login' = 'connect';

  constructor(backend: BackendAddress, { deadlineMs = DIAL_DEADLINE_MS, signal }: DialOptions) {
    this.#caller = signal;
    this.#timer = setTimeout(() => this.#abort.abort(silent(backend, this.#stage, deadlineMs)), deadlineMs);
    signal?.addEventListener('abort', this.#onAbort);
    if (signal?.aborted === true) this.#onAbort();
  }

  /** Its reason is a `DialFailure`. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  connected(): void {
    this.#stage = 'login';
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = (): void => this.#abort.abort(new DialFailure('aborted', 'given up'));
}

function silent(backend: BackendAddress, stage: 'connect' | 'login', deadlineMs: number): DialFailure {
  return stage === 'connect'
    ? new DialFailure('unreachable', `${backend.id} did not accept the connection within ${deadlineMs} ms`)
    : new DialFailure(
        'silent',
        `${backend.id} accepted the connection but did not finish the login within ${deadlineMs} ms`,
        'The server may be overloaded, paused or not a PostgreSQL server.',
      );
}

function asFailure(error: unknown): DialFailure {
  if (error instanceof DialFailure) return error;
  if (error instanceof AuthFailure) return new DialFailure('authentication', error.message, error.hint, null, error.code);
  if (error instanceof ProtocolViolation || error instanceof RangeError) {
    return new DialFailure('protocol', `the server's answer is not PostgreSQL's protocol: ${error.message}`);
  }
  return new DialFailure('protocol', error instanceof Error ? error.message : String(error));
}
