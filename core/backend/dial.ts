/** Opens a connection to a backend and logs in. */
import net from 'node:net';
import { explainAuthentication } from '../auth/assistant.ts';
import { AuthFailure, BackendAuth, type AuthFailureCode } from '../auth/backend-auth.ts';
import type { Credential } from '../auth/credential.ts';
import { Server } from '../wire/codes.ts';
import { readErrorFields, type ErrorFields } from '../wire/errors.ts';
import { MessageReader, ProtocolViolation } from '../wire/message-reader.ts';
import { startupMessage } from '../wire/messages.ts';
import { passwordPlace, type PasswordFile } from './passfile.ts';
import { ServerConnection, type BackendAddress } from './server-connection.ts';

/** Who logs in where. */
export interface Login {
  readonly backend: BackendAddress;
  readonly database: string;
  readonly role: string;
  readonly credential: Credential;
  /** Further startup parameters (application_name, options, …), without user and database. */
  readonly startup: ReadonlyMap<string, string>;
}

/** Why a login failed. `fields` is the server's own error, when it sent one; `code` says why the proxy itself gave up an authentication. */
export class DialFailure extends Error {
  readonly kind: 'unreachable' | 'silent' | 'refused' | 'authentication' | 'protocol' | 'aborted';
  readonly hint: string | null;
  readonly fields: ErrorFields | null;
  readonly code: AuthFailureCode | null;
  constructor(
    kind: DialFailure['kind'],
    message: string,
    hint: string | null = null,
    fields: ErrorFields | null = null,
    code: AuthFailureCode | null = null,
  ) {
    super(message);
    this.name = 'DialFailure';
    this.kind = kind;
    this.hint = hint;
    this.fields = fields;
    this.code = code;
  }
}

/** How long connecting and logging in may take together, by default. */
export const DIAL_DEADLINE_MS = 5_000;

/** The identity of a set of startup parameters, independent of their order. */
export function startupKey(startup: ReadonlyMap<string, string>): string {
  return JSON.stringify([...startup].toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

/** `signal` aborts the login; `passwordFile` is asked when the login's credential does not do. */
export interface DialOptions {
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
  readonly passwordFile?: PasswordFile | null;
}

/** Connects and logs in. Rejects with `DialFailure`; nothing is left open then. */
export function dial(login: Login, options: DialOptions = {}): Promise<ServerConnection> {
  const deadlineMs = options.deadlineMs ?? DIAL_DEADLINE_MS;
  const { backend } = login;
  return new Promise((resolve, reject) => {
    if (options.signal?.aborted) {
      reject(new DialFailure('aborted', 'given up'));
      return;
    }
    const socket = net.connect(backend.connect);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 30_000);
    let stage = 'connect';
    let done = false;

    const settle = (): boolean => {
      if (done) return false;
      done = true;
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
      socket.off('data', onData).off('error', onError).off('close', onClose);
      return true;
    };
    const fail = (failure: DialFailure): void => {
      if (!settle()) return;
      socket.on('error', () => {});
      socket.destroy();
      reject(failure);
    };
    const onAbort = (): void => fail(new DialFailure('aborted', 'given up'));
    options.signal?.addEventListener('abort', onAbort);
    const timer = setTimeout(() => fail(silent(backend, stage, deadlineMs)), deadlineMs);

    const dialogue = new LoginDialogue(login, socket, options.passwordFile ?? null);
    socket.once('connect', () => {
      stage = 'login';
      socket.write(startupMessage(new Map([['user', login.role], ['database', login.database], ...login.startup])));
    });
    // The dialogue is asynchronous (key derivation); it queues what arrives meanwhile.
    const onData = (chunk: Buffer): void => {
      dialogue.push(chunk).then(
        (connection) => {
          if (connection !== null && settle()) resolve(connection());
        },
        (error: unknown) => fail(asFailure(error)),
      );
    };
    const onError = (error: NodeJS.ErrnoException): void => fail(unreachable(backend, error));
    const onClose = (): void => {
      fail(new DialFailure('protocol', `${backend.id} closed the connection during the login`, 'Is a PostgreSQL server listening there?'));
    };
    socket.on('data', onData).on('error', onError).on('close', onClose);
  });
}

function silent(backend: BackendAddress, stage: string, deadlineMs: number): DialFailure {
  return stage === 'connect'
    ? new DialFailure('unreachable', `${backend.id} did not accept the connection within ${deadlineMs} ms`)
    : new DialFailure(
        'silent',
        `${backend.id} accepted the connection but did not finish the login within ${deadlineMs} ms`,
        'The server may be overloaded, paused or not a PostgreSQL server.',
      );
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

function asFailure(error: unknown): DialFailure {
  if (error instanceof DialFailure) return error;
  if (error instanceof AuthFailure) return new DialFailure('authentication', error.message, error.hint, null, error.code);
  if (error instanceof ProtocolViolation || error instanceof RangeError) {
    return new DialFailure('protocol', `the server's answer is not PostgreSQL's protocol: ${error.message}`);
  }
  return new DialFailure('protocol', error instanceof Error ? error.message : String(error));
}

/** The server's side of a login, message by message. */
class LoginDialogue {
  readonly #login: Login;
  readonly #socket: net.Socket;
  readonly #reader = new MessageReader(1024 * 1024);
  readonly #auth: BackendAuth;
  readonly #parameters = new Map<string, string>();
  #pid = 0;
  #secret: Buffer = Buffer.alloc(0);
  #turn: Promise<(() => ServerConnection) | null> = Promise.resolve(null);

  constructor(login: Login, socket: net.Socket, passwordFile: PasswordFile | null) {
    this.#login = login;
    this.#socket = socket;
    this.#auth = new BackendAuth(login.role, login.credential, {
      backend: login.backend.id,
      otherPassword: async () =>
        (await passwordFile?.find({ ...passwordPlace(login.backend), database: login.database, role: login.role })) ?? null,
    });
  }

  /** Takes bytes; resolves to a maker of the connection once the server is ready, else to null. */
  push(chunk: Buffer): Promise<(() => ServerConnection) | null> {
    this.#turn = this.#turn.then(() => {
      this.#reader.push(chunk);
      return this.#consume();
    });
    return this.#turn;
  }

  async #consume(): Promise<(() => ServerConnection) | null> {
    for (let message = this.#reader.next(); message !== null; message = this.#reader.next()) {
      switch (message.type) {
        case Server.Authentication: {
          const reply = await this.#auth.next(message.body);
          if (reply !== null && !this.#socket.destroyed) this.#socket.write(reply);
          break;
        }
        case Server.ParameterStatus: {
          const [name = '', value = ''] = message.body.toString('utf8').split('\0');
          this.#parameters.set(name, value);
          break;
        }
        case Server.BackendKeyData:
          this.#pid = message.body.readInt32BE(0);
          this.#secret = Buffer.from(message.body.subarray(4));
          break;
        case Server.ErrorResponse:
          throw this.#refusal(readErrorFields(message.body));
        case Server.ReadyForQuery:
          return () => this.#connection();
        case Server.NoticeResponse:
        case Server.NegotiateProtocolVersion:
          break;
        default:
          throw new ProtocolViolation(`unexpected message ${JSON.stringify(String.fromCharCode(message.type))} during the login`);
      }
    }
    return null;
  }

  #refusal(fields: ErrorFields): DialFailure {
    const { backend, role, credential } = this.#login;
    if (!fields.sqlState.startsWith('28')) {
      return new DialFailure('refused', `${backend.id} refused the login: ${fields.message}`, fields.hint ?? null, fields);
    }
    const { message, hint } = explainAuthentication({
      problem: 'refused',
      backend: backend.id,
      role,
      has: credential.kind,
      sqlState: fields.sqlState,
      words: fields.message,
    });
    return new DialFailure('authentication', message, hint, fields);
  }

  #connection(): ServerConnection {
    const { backend, database, role, startup } = this.#login;
    return new ServerConnection(this.#socket, {
      backend,
      database,
      role,
      startupKey: startupKey(startup),
      pid: this.#pid,
      secret: this.#secret,
      parameters: this.#parameters,
    });
  }
}
