/** The login itself, message by message: from the startup packet to the first ReadyForQuery. */
import type net from 'node:net';
import { explainAuthentication } from '../auth/assistant.ts';
import { BackendAuth } from '../auth/backend-auth.ts';
import { SCRAM_SHA_256_PLUS } from '../auth/scram.ts';
import type { BackendTls } from '../tls/backend-tls.ts';
import { Server } from '../wire/codes.ts';
import { readErrorFields, type ErrorFields } from '../wire/errors.ts';
import { MessageReader, ProtocolViolation } from '../wire/message-reader.ts';
import { startupMessage, withParameter } from '../wire/messages.ts';
import { ownCopy } from '../wire/own-copy.ts';
import type { Channel } from './channel.ts';
import { DialFailure } from './dial-failure.ts';
import { startupKey, type Login } from './login.ts';
import { passwordPlace, type PasswordFile } from './passfile.ts';
import { REMOTE_ADDRESS, REVIVAL_TOKEN, withoutReserved } from './reserved-parameters.ts';
import { ServerConnection } from './server-connection.ts';

/** Request codes of Authentication messages (PostgreSQL manual, "Message Formats"). */
const Request = { ok: 0, sasl: 10, saslContinue: 11, saslFinal: 12 } as const;

/** Most that a server may say during a login, in bytes. */
const LIMIT = 4 * 1024 * 1024;

/** What a login has that is no client's parameter; both are for CockroachDB only (cockroach-migration.md section 3). */
export interface LoginExtras {
  readonly passwordFile: PasswordFile | null;
  /** Lets in without a password; overwritten once it is sent. */
  readonly token?: Buffer | undefined;
  /** `address:port` of the client, for the server's logs. */
  readonly remoteAddress?: string | undefined;
}

/** One login on an open connection; push every byte of the server's into it. */
export class LoginDialogue {
  readonly #login: Login;
  readonly #channel: Channel;
  readonly #socket: net.Socket;
  readonly #reader = new MessageReader(1024 * 1024);
  readonly #extras: LoginExtras;
  #heard = 0;
  readonly #auth: BackendAuth;
  readonly #parameters = new Map<string, string>();
  #pid = 0;
  #secret: Buffer = Buffer.alloc(0);
  /** The server has let the role in; what it says against the login from then on has other reasons. */
  isAccepted = false;
  #isBound = false;
  #turn: Promise<(() => ServerConnection) | null> = Promise.resolve(null);

  constructor(login: Login, channel: Channel, extras: LoginExtras) {
    const { passwordFile } = extras;
    this.#extras = extras;
    this.#login = login;
    this.#channel = channel;
    this.#socket = channel.socket;
    this.#auth = new BackendAuth(login.role, login.credential, {
      backend: login.backend.id,
      certificateHash: this.#bindsTo,
      otherPassword: async () =>
        (await passwordFile?.find({ ...passwordPlace(login.backend), database: login.database, role: login.role })) ?? null,
    });
  }

  /** Sends the startup packet. */
  begin(): void {
    const { role, database, startup } = this.#login;
    const { remoteAddress, token } = this.#extras;
    const own = new Map([['user', role], ['database', database], ...withoutReserved(startup)]);
    if (remoteAddress !== undefined) own.set(REMOTE_ADDRESS, remoteAddress);
    const packet = startupMessage(own);
    if (token === undefined) {
      this.#socket.write(packet);
      return;
    }
    const telling = withParameter(packet, REVIVAL_TOKEN, token);
    token.fill(0);
    this.#socket.write(telling, () => telling.fill(0));
  }

  /** Takes bytes; resolves to a maker of the connection once the server is ready, else to null. */
  push(chunk: Buffer): Promise<(() => ServerConnection) | null> {
    this.#turn = this.#turn.then(() => {
      this.#heard += chunk.length;
      if (this.#heard > LIMIT) throw new ProtocolViolation(`the server says more than ${LIMIT} bytes during the login`);
      this.#reader.push(chunk);
      return this.#consume();
    });
    return this.#turn;
  }

  async #consume(): Promise<(() => ServerConnection) | null> {
    for (let message = this.#reader.next(); message !== null; message = this.#reader.next()) {
      switch (message.type) {
        case Server.Authentication: {
          if (this.isAccepted) throw new ProtocolViolation('the server asks for a login that it has accepted');
          if (this.#extras.token !== undefined) this.#refuseQuestion(message.body);
          if (this.#login.tls.channelBinding === 'require') this.#requireBinding(message.body);
          const reply = await this.#auth.next(message.body);
          if (reply !== null && !this.#socket.destroyed) this.#socket.write(reply);
          this.isAccepted ||= message.body.readInt32BE(0) === Request.ok;
          break;
        }
        case Server.ParameterStatus: {
          const [name = '', value = ''] = message.body.toString('utf8').split('\0');
          this.#parameters.set(name, value);
          break;
        }
        case Server.BackendKeyData:
          this.#pid = message.body.readInt32BE(0);
          this.#secret = ownCopy(message.body.subarray(4));
          break;
        case Server.ErrorResponse:
          throw this.#refusal(readErrorFields(message.body));
        case Server.ReadyForQuery:
          // Whoever is let in without a word has not been heard to prove who he is.
          if (!this.isAccepted) throw new ProtocolViolation('the server is ready before it has accepted the login');
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

  /** Who comes with a token is let in, or not; no password is sent in its place. */
  #refuseQuestion(request: Buffer): void {
    if (request.length >= 4 && request.readInt32BE(0) === Request.ok) return;
    throw new DialFailure('protocol', `${this.#login.backend.id} asks for a password although it was given the session's token`);
  }

  /** What SCRAM is bound to; null: to nothing. */
  get #bindsTo(): Buffer | null {
    return this.#login.tls.channelBinding === 'disable' ? null : (this.#channel.tls?.certificateHash ?? null);
  }

  /** libpq's `channel_binding=require`: no other way to log in is taken part in, and none is believed to have gone well. */
  #requireBinding(request: Buffer): void {
    const code = request.length < 4 ? -1 : request.readInt32BE(0);
    const isBinding = code === Request.sasl && request.toString('latin1', 4).split('\0').includes(SCRAM_SHA_256_PLUS);
    if (isBinding && this.#bindsTo !== null) this.#isBound = true;
    else if (!this.#isBound || !(code === Request.ok || code === Request.saslContinue || code === Request.saslFinal)) {
      throw new DialFailure(
        'authentication',
        `the endpoint requires channel binding, and ${this.#login.backend.id} ${this.#channel.tls === null ? 'is not connected over TLS' : 'asks for a login without it'}`,
        'Let pg_hba.conf of that server ask for scram-sha-256, with TLS (sslmode=require); or take channel_binding=require out of the URL.',
        null,
        'method_unsupported',
      );
    }
  }

  #refusal(fields: ErrorFields): DialFailure {
    const { backend, role, credential } = this.#login;
    if (this.#extras.token !== undefined) {
      const kind = fields.sqlState.startsWith('28') ? 'authentication' : 'refused';
      return new DialFailure(kind, `${backend.id} refused the session's token: ${fields.message}`, fields.hint ?? null, fields);
    }
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
    return new DialFailure('authentication', message, tlsHint(fields, this.#login.tls, this.#channel.tls !== null) ?? hint, fields);
  }

  #connection(): ServerConnection {
    const { backend, tls, database, role, startup } = this.#login;
    return new ServerConnection(this.#channel, {
      backend,
      tls,
      database,
      role,
      startupKey: startupKey(startup),
      pid: this.#pid,
      secret: this.#secret,
      parameters: this.#parameters,
      openedFor: this.#extras.remoteAddress,
      rest: this.#reader.takeRest(),
    });
  }
}

/** What to do about a refusal that has to do with encryption, as far as its English words tell. */
function tlsHint({ sqlState, message }: ErrorFields, { mode }: BackendTls, encrypted: boolean): string | null {
  if (sqlState !== '28000') return null;
  if (/client certificate/.test(message)) {
    return 'Add sslmode=require (or stronger), sslcert=… and sslkey=… to the URL of the endpoint: that server asks for a client certificate.';
  }
  if (!encrypted && mode === 'disable' && /no encryption|SSL off/.test(message)) {
    return 'pg_hba.conf of that server may let this role in over TLS only: use sslmode=prefer or require in the URL of the endpoint.';
  }
  if (encrypted && mode !== 'prefer' && /SSL (encryption|on)/.test(message)) {
    return 'pg_hba.conf of that server may let this role in without TLS only: use sslmode=prefer or disable in the URL of the endpoint.';
  }
  return null;
}
