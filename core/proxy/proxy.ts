/** Takes clients in, stage by stage, gives them a server connection, and sees them off. */
import type net from 'node:net';
import { TLSSocket } from 'node:tls';
import type { PoolMode, PoolProfile, Settings } from '../contract/index.ts';
import { DialFailure, startupKey } from '../backend/dial.ts';
import { loginFor, type Login } from '../backend/login.ts';
import type { PasswordFile } from '../backend/passfile.ts';
import type { EndpointMap } from '../endpoints/map.ts';
import type { Redirects } from '../endpoints/redirects.ts';
import { ProxyTally } from '../metrics/proxy-tally.ts';
import { PoolExhausted } from '../pool/pool.ts';
import { Deadlines } from '../session/deadlines.ts';
import { farewell } from '../session/farewell.ts';
import type { ForwarderEnd } from '../session/lessee.ts';
import type { LeaseHost } from '../session/lease-host.ts';
import { HeldNotes } from '../session/held-notes.ts';
import { modeAt } from '../session/mode-at.ts';
import { Session, type SessionIdentity } from '../session/session.ts';
import { topOf, type ClientTls } from '../tls/client-tls.ts';
import { errorResponse, fatal } from '../wire/errors.ts';
import { authenticationOk, backendKeyData } from '../wire/messages.ts';
import { Admission, type Admitted } from './admission.ts';
import { authenticate, type Authenticated } from './authenticate.ts';
import { CancelKeys, type Cancellable } from './cancel-keys.ts';
import { EndpointListeners } from './endpoint-listeners.ts';
import { greeting } from './greeting.ts';
import { readOpening } from './handshake.ts';
import { addressOf, ClientGone, ClientRefusal, type Incoming } from './incoming.ts';
import { Listener, type ListenAt } from './listener.ts';
import { LoginClock, type LoginInProgress } from './login-clock.ts';
import { clientAddressOf, refuseToken } from './reserved.ts';
import { redirected, route } from './routing.ts';
import { Verifiers } from './verifiers.ts';
import { Welcomes } from './welcomes.ts';

/** A virtual database of the proxy's own: takes over a client's socket, login included. */
export interface ConsoleDoor {
  /** The names it answers to. */
  readonly databases: ReadonlySet<string>;
  open(socket: net.Socket, client: { parameters: ReadonlyMap<string, string>; pid: number; secret: Buffer; rest: Buffer }): Cancellable;
}

/** What the listener needs. */
export interface ProxyOptions {
  readonly map: EndpointMap;
  readonly redirects: Redirects;
  readonly leases: LeaseHost;
  /** How the sessions of an endpoint are pooled at the moment. */
  pooling(endpoint: string): { mode: PoolMode; profile: PoolProfile };
  readonly passwordFile: PasswordFile | null;
  /** What the salts of unknown users are derived from: 32 random bytes, the same at every call. */
  mockSecret(): Buffer;
  /** The settings of the moment; read for every client. */
  settings(): Settings;
  /** What clients are offered of TLS at the moment; read for every client. */
  tls(): ClientTls;
  readonly console: ConsoleDoor;
  /** Why new clients of an endpoint are refused at the moment; null: they are not. */
  closed(endpoint: string): { readonly message: string; readonly hint?: string } | null;
  report(level: 'info' | 'warn' | 'error', code: string, message: string, sessionId?: number): void;
  /** A session has come; nothing of its client's has passed yet. */
  onSession(session: Session): void;
  /** A session is about to be forgotten. */
  onEnded(session: Session, end: ForwarderEnd): void;
}

const NOTHING: ReadonlyMap<string, string> = new Map();
/** How often deadlines are looked at. */
const SWEEP_MS = 500;
/** Most clients at their login at the same time: as many as may be connected, between these two. */
const LEAST_LOGINS = 200;
const MOST_LOGINS = 10_000;

/** A client's place among those that the limits allow. */
interface Place extends Admitted {
  session: Session | null;
}

/** How long clients may take to read the proxy's last words. */
const GRACE_MS = 1_500;

/** See the head of this file. */
export class Proxy {
  readonly sessions = new Map<number, Session>();
  /** What became of clients and cancel requests, and of logins at backends. */
  readonly tally = new ProxyTally();
  readonly #options: ProxyOptions;
  /** The endpoints' own listeners. */
  readonly doors: EndpointListeners;
  readonly #keys = new CancelKeys();
  readonly #listener = new Listener(
    (socket) => this.#accept(socket, null),
    (error) => this.#options.report('error', 'listener_error', `The listener failed: ${error.message}.`),
  );
  readonly #admission: Admission;
  readonly #clock = new LoginClock();
  readonly #welcomes = new Welcomes();
  readonly #verifiers: Verifiers;
  readonly #deadlines: Deadlines;
  /** Endpoints whose servers do not allow the mode that they ask for, as far as that was said. */
  readonly #limited = new Set<string>();
  #sweeper: NodeJS.Timeout | null = null;
  #nextSession = 1;
  #stopping = false;

  constructor(options: ProxyOptions) {
    this.#options = options;
    this.#admission = new Admission(() => options.settings().limits);
    this.#deadlines = new Deadlines({
      report: (level, code, message, sessionId) => {
        if (code === 'idle_closed') this.tally.failed('idle_disconnect');
        options.report(level, code, message, sessionId);
      },
    });
    this.#verifiers = new Verifiers({
      map: options.map,
      authentication: () => options.settings().authentication,
      dialOptions: { passwordFile: options.passwordFile },
    });
    this.doors = new EndpointListeners({
      onSocket: (socket, endpoint) => this.#accept(socket, endpoint),
      onError: (endpoint, error) =>
        options.report('error', 'listener_error', `The listener of endpoint ${endpoint} failed: ${error.message}.`),
      isKnown: (endpoint) => options.map.has(endpoint),
    });
  }

  /** A login that went well before does not any more: the next client is to hear that at its own login. */
  loginFailed(login: Login): void {
    this.#welcomes.forget(login);
  }

  /** The settings of pooling changed: sessions that are there follow at their next safe point. */
  applyPooling(): void {
    // Those that are still connecting ask for themselves once they know their server.
    for (const session of this.sessions.values())
      if (session.server !== null || session.forwarder.isDetached) this.#pool(session, session.server?.parameters ?? NOTHING);
  }

  /** Starts to listen. Rejects when no port can be bound. */
  listen(at: ListenAt): Promise<{ host: string; port: number }> {
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS);
    this.#sweeper.unref();
    return this.#listener.listen(at);
  }

  /** Stops listening and ends every session with FATAL 57P01. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#sweeper ?? undefined);
    this.#listener.refuse();
    this.doors.refuse();
    this.#options.leases.resurrection.stop();
    for (const session of this.sessions.values()) session.end('57P01', 'Switchyard is shutting down', 'Connect again once it runs.');
    await Promise.all([this.#listener.close(GRACE_MS), this.doors.close(GRACE_MS)]);
    this.#verifiers.close();
  }

  /** One timer for everybody: an idle session costs none of its own. */
  #sweep(): void {
    const { times, limits } = this.#options.settings();
    const now = Date.now();
    this.#clock.sweep(times.login, limits.clients === 0 ? MOST_LOGINS : Math.max(LEAST_LOGINS, limits.clients), now);
    this.#deadlines.sweep(this.sessions.values(), times, now);
    this.#options.leases.resurrection.sweep(this.sessions.values(), now);
  }

  #accept(socket: net.Socket, listenerEndpoint: string | null): void {
    this.tally.accepted++;
    const { keepalive } = this.#options.settings().times;
    if (keepalive > 0) socket.setKeepAlive(true, keepalive * 1000);
    const login = this.#clock.start();
    this.#open(socket, listenerEndpoint, login)
      .catch((error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        this.#options.report('error', 'internal', `A client could not be served: ${message}.`);
        farewell(topOf(socket), fatal('XX000', 'internal error of the proxy'));
      })
      .finally(() => login.finish());
  }

  async #open(socket: net.Socket, listenerEndpoint: string | null, login: LoginInProgress): Promise<void> {
    const address = addressOf(socket);
    const tls = this.#options.tls();
    const opening = await readOpening(socket, listenerEndpoint, tls, login.signal);
    const top = opening.socket;
    switch (opening.kind) {
      case 'cancel':
        // Closed before the request is looked at, so that its timing tells nothing.
        top.end();
        top.resume();
        this.tally.cancelled(this.#keys.request(opening.pid, opening.secret) ? 'successful' : 'ignored');
        return;
      case 'gone':
        top.destroy();
        return;
      case 'violation':
        this.#options.report('warn', 'protocol_violation', `A client at ${address} was refused: ${opening.reason}.`);
        farewell(top, opening.answer);
        return;
      case 'unencryptable':
        this.#options.report('warn', 'tls_handshake', `A client at ${address} did not get through the TLS handshake: ${opening.reason}.`);
        top.destroy();
        return;
      case 'aborted':
        this.#turnAway(top, '', login.signal.reason);
        return;
      case 'startup':
        await this.#admit(opening.incoming, tls, login);
    }
  }

  /** The stages behind the opening; any of them may turn the client away. */
  async #admit(incoming: Incoming, tls: ClientTls, login: LoginInProgress): Promise<void> {
    const { socket, parameters } = incoming;
    try {
      if (this.#stopping) throw new ClientRefusal('57P03', 'Switchyard is shutting down');
      refuseToken(parameters);
      if ((parameters.get('user') ?? '') === '') throw new ClientRefusal('28000', 'no PostgreSQL user name specified in startup packet');
      if (tls.mode === 'require' && !incoming.encrypted) throw unencrypted(tls);
      const isConsole = this.#options.console.databases.has(parameters.get('database') ?? '');
      const place = isConsole ? null : this.#placeFor(incoming);
      const client = await authenticate(incoming, {
        method: this.#options.settings().authentication.method,
        verifiers: this.#verifiers,
        certificateHash: tls.certificateHash,
        mockSecret: () => this.#options.mockSecret(),
        signal: login.signal,
      });
      if (place === null) this.#openConsole(incoming, client.rest);
      else await this.#attach(incoming, client, place, login);
    } catch (error) {
      this.#turnAway(socket, parameters.get('user') ?? '', error);
    }
  }

  /** Throws `ClientRefusal` when all places are taken. */
  #placeFor({ socket, parameters }: Incoming): Place {
    const place: Place = {
      session: null,
      ...this.#admission.admit(() => place.session?.application ?? parameters.get('application_name') ?? ''),
    };
    socket.once('close', () => place.leave());
    if (socket.destroyed) place.leave();
    return place;
  }

  /** Tells a client why it is not let in; throws what is no refusal. */
  #turnAway(socket: net.Socket, user: string, error: unknown): void {
    if (error instanceof ClientGone) {
      socket.destroy();
      return;
    }
    if (!(error instanceof ClientRefusal)) throw error;
    this.tally.turnedAway(error.sqlState);
    const why = error.forOperator === null ? error.message : `${error.message} (${error.forOperator})`;
    this.#options.report('warn', 'client_refused', `A client at ${addressOf(socket)} (user "${user}") was refused: ${why}.`);
    farewell(socket, fatal(error.sqlState, error.message, error.hint, error.detail));
  }

  #openConsole({ socket, parameters, minor }: Incoming, rest: Buffer): void {
    const key = this.#keys.issue(minor);
    socket.once('close', () => this.#keys.revoke(key.pid));
    this.#keys.assign(key.pid, this.#options.console.open(socket, { parameters, ...key, rest }));
  }

  async #attach(incoming: Incoming, client: Authenticated, place: Place, waiting: LoginInProgress): Promise<void> {
    const { socket } = incoming;
    const { user, rest, credential } = client;
    const asked = route(incoming, this.#options.map, this.#options.settings().unknownEndpoint);
    const routed = redirected(asked, this.#options.redirects);
    const closed = this.#options.closed(routed.spec.id);
    if (closed !== null) throw new ClientRefusal('57P03', closed.message, closed.hint);
    place.assign(routed.spec.id, user);
    const key = this.#keys.issue(incoming.minor);
    const login = loginFor(routed.spec, user, routed.database, routed.startup, credential, clientAddressOf(socket));
    const identity: SessionIdentity = {
      application: routed.startup.get('application_name') ?? '',
      user,
      credential,
      startup: routed.startup,
      startupKey: startupKey(routed.startup),
      requestedEndpoint: routed.requestedEndpoint,
      routedBy: routed.routedBy,
      cameTo: routed.spec.id,
      redirectedFrom: routed === asked ? null : asked.spec.id,
      clientAddress: socket.remoteAddress ?? '',
      tls: socket instanceof TLSSocket ? socket.getProtocol() : null,
      clientPort: socket.remotePort ?? 0,
      replication: isReplication(routed.startup.get('replication')),
    };
    const destination = { endpoint: routed.spec.id, login, defaultDatabase: routed.spec.database };
    const session = new Session(this.#nextSession++, socket, key.pid, identity, destination, this.#options.leases, (ended, end) => {
      place.leave();
      waiting.abort(new ClientGone());
      this.#ended(ended, end);
    });
    place.session = session;
    // Without a server there is nothing to cancel but the wait for one.
    this.#keys.assign(key.pid, {
      cancel: () => {
        if (session.assignments > 0 || session.forwarder.isDetached) return session.forwarder.cancel();
        waiting.abort(cancelledInQueue());
        return true;
      },
    });
    this.sessions.set(session.id, session);
    this.#options.onSession(session);
    this.tally.routedBy(routed.routedBy);
    if (rest.length > 0) session.forwarder.request.push(rest);
    socket.resume();
    const askedAt = Date.now();
    // Made anew each time: the session's callbacks would keep it for as long as the session lives.
    const hello = (): Buffer[] => [authenticationOk, backendKeyData(key.pid, key.secret)];
    let isTold = false;
    // Whoever has to wait is told its key meanwhile, so that it can cancel.
    const toldMeanwhile = setImmediate(() => {
      if (session.forwarder.isEnded) return;
      session.send(Buffer.concat(hello()));
      isTold = true;
    });
    const known = this.#options.pooling(routed.spec.id).mode === 'transaction' && !identity.replication ? this.#welcomes.get(login) : null;
    try {
      if (known !== null) {
        this.#pool(session, known);
        session.send(Buffer.concat([...hello(), greeting(known)]));
        this.tally.successful++;
        session.forwarder.startDetached(known);
        return;
      }
      const server = await session.lease.first(waiting.signal);
      session.waitMs += Date.now() - askedAt;
      if (session.forwarder.isEnded) {
        session.lease.ended({ server, fit: true, inTransaction: false });
        return;
      }
      this.#pool(session, server.parameters);
      if (session.lease.mode === 'transaction') this.#welcomes.learn(login, server.parameters);
      session.send(Buffer.concat([...(isTold ? [] : hello()), greeting(server.parameters)]));
      this.tally.successful++;
      session.forwarder.start(server);
    } catch (error) {
      // What it has proven here is not what the server knows (any more).
      if (error instanceof DialFailure && error.kind === 'authentication') this.#verifiers.invalidate(user);
      if (session.forwarder.isEnded) return;
      this.#refuse(session, waiting.signal.aborted ? waiting.signal.reason : error);
    } finally {
      clearImmediate(toldMeanwhile);
    }
  }

  /** Pools a session as its endpoint says, and its server (`parameters`) allows. */
  #pool(session: Session, parameters: ReadonlyMap<string, string>): void {
    const { endpoint } = session.place;
    const { mode, profile } = this.#options.pooling(endpoint);
    const possible = modeAt(mode, parameters);
    if (parameters.has('crdb_version')) session.forwarder.journal.held ??= new HeldNotes();
    session.lease.configure(possible, profile);
    if (possible === mode || this.#limited.has(endpoint)) return;
    this.#limited.add(endpoint);
    this.#options.report(
      'warn',
      'session_mode_only',
      `Endpoint ${endpoint} asks for transaction mode, and its server is CockroachDB: its sessions keep their server connections, as in session mode.`,
    );
  }

  #refuse(session: Session, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof ClientRefusal) this.tally.turnedAway(error.sqlState);
    else if (error instanceof DialFailure && error.kind === 'authentication') this.tally.authenticationFailures++;
    else if (error instanceof DialFailure) this.tally.failed('backend_down');
    else this.tally.failed('refused_conn');
    this.#options.report(
      'warn',
      'client_refused',
      `Session ${session.id} (user "${session.identity.user}", endpoint ${session.place.endpoint}) got no server connection: ${message}.`,
      session.id,
    );
    session.forwarder.close(message);
    session.farewell(refusal(error, message));
  }

  #ended(session: Session, end: ForwarderEnd): void {
    this.sessions.delete(session.id);
    this.tally.ended(end.kind);
    this.#options.onEnded(session, end);
    this.#keys.revoke(session.cancelPid);
    session.transfer?.cancel(end.kind === 'server_lost' ? `the server connection was lost: ${end.message}` : 'the client left');
    this.#release(session, end);
    switch (end.kind) {
      case 'client_lost':
        this.#options.report(
          'info',
          'client_lost',
          `Session ${session.id} (${session.application || 'unnamed'}) lost its client: ${end.message}.`,
          session.id,
        );
        session.farewell();
        return;
      case 'terminated':
        session.farewell();
        return;
      case 'server_lost':
        this.#options.report(
          'warn',
          'server_lost',
          `Session ${session.id} lost its server connection to ${session.backend}: ${end.lastWords?.message ?? end.message}.`,
          session.id,
        );
        // A server that said goodbye itself (57P01 on a restart, say) has been heard by the client already.
        // Nor can anything follow a message of which the client has only a part.
        if (session.forwarder.response.saidFatal || session.forwarder.response.inMessage) session.farewell();
        else if (end.lastWords !== null) session.farewell(fatal('57P01', end.lastWords.message, end.lastWords.hint));
        else
          session.farewell(
            fatal(
              '57P01',
              `the server connection to ${session.backend} was lost`,
              'Connect again; the transaction under way, if any, was rolled back.',
            ),
          );
        return;
      case 'violation':
        this.#options.report(
          'warn',
          'protocol_violation',
          `Session ${session.id} broke the protocol and was closed: ${end.message}.`,
          session.id,
        );
        session.farewell(fatal('08P01', end.message));
        return;
      case 'closed':
    }
  }

  #release(session: Session, end: ForwarderEnd): void {
    const { server } = end;
    if (server === null || !end.busy || !server.isOpen) {
      session.lease.ended(end);
      return;
    }
    // Closing alone would let the statement run to its end: PostgreSQL notices only when it next uses the socket.
    void server.cancel(() => server.isOpen).then(() => session.lease.ended({ server, fit: false, inTransaction: false }));
  }
}

function unencrypted(tls: ClientTls): ClientRefusal {
  const hint = tls.isOffered
    ? 'Connect with sslmode=require.'
    : 'There is no certificate to encrypt with either: see the settings of Switchyard.';
  return new ClientRefusal('28000', 'connections without encryption are not accepted here', hint);
}

/** As PostgreSQL reads it: `database`, or any boolean; what is neither is left for the server to refuse. */
function isReplication(value: string | undefined): boolean {
  return value !== undefined && !/^(?:of|off|f|fa|fal|fals|false|n|no|0)$/i.test(value.trim());
}

/** PostgreSQL's words; FATAL, because there is no session yet to go on with. */
function cancelledInQueue(): ClientRefusal {
  return new ClientRefusal('57014', 'canceling statement due to user request', undefined, {
    detail: 'The client was still waiting for a server connection.',
  });
}

function refusal(error: unknown, message: string): Buffer {
  if (error instanceof ClientRefusal) return fatal(error.sqlState, message, error.hint, error.detail);
  if (error instanceof DialFailure) {
    // What the server itself said (no such database, too many connections, …) reaches the client as the server said it.
    if (error.fields !== null && error.kind === 'refused') {
      return errorResponse({ ...error.fields, message: error.fields.message || message, severity: 'FATAL' });
    }
    return fatal(error.kind === 'authentication' ? (error.fields?.sqlState ?? '28P01') : '08001', message, error.hint ?? undefined);
  }
  if (error instanceof PoolExhausted) return fatal('53300', message, error.hint);
  return fatal('08006', message);
}
