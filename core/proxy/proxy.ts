/** Takes clients in, stage by stage, gives them a server connection, and sees them off. */
import type net from 'node:net';
import { DialFailure, startupKey } from '../backend/dial.ts';
import { loginFor } from '../backend/login.ts';
import type { EndpointMap } from '../endpoints/map.ts';
import { PoolExhausted } from '../pool/pool.ts';
import type { Pools } from '../pool/pools.ts';
import { farewell } from '../session/farewell.ts';
import type { ForwarderEnd } from '../session/forwarder.ts';
import { Session, type SessionIdentity } from '../session/session.ts';
import { errorResponse, fatal } from '../wire/errors.ts';
import { authenticationOk, backendKeyData, parameterStatus, readyForQuery } from '../wire/messages.ts';
import { authenticate, type Authenticated } from './authenticate.ts';
import { CancelKeys } from './cancel-keys.ts';
import { openingRefusal, readOpening } from './handshake.ts';
import { addressOf, ClientRefusal, type Incoming } from './incoming.ts';
import { Listener, type ListenAt } from './listener.ts';
import { route, type Route } from './routing.ts';

/** A virtual database of the proxy's own: takes over a client's socket, login included. */
export interface ConsoleDoor {
  /** The names it answers to. */
  readonly databases: ReadonlySet<string>;
  open(
    socket: net.Socket,
    client: { parameters: ReadonlyMap<string, string>; pid: number; secret: Buffer; rest: Buffer },
  ): { cancel(): void };
}

/** What the listener needs. */
export interface ProxyOptions {
  readonly map: EndpointMap;
  readonly pools: Pools;
  readonly unknownEndpoint: 'default' | 'refuse';
  readonly console: ConsoleDoor;
  report(level: 'info' | 'warn' | 'error', code: string, message: string, sessionId?: number): void;
  /** A session is about to be forgotten. */
  onEnded(session: Session, end: ForwarderEnd): void;
}

/** How long clients may take to read the proxy's last words. */
const GRACE_MS = 1_500;

/** See the head of this file. */
export class Proxy {
  readonly sessions = new Map<number, Session>();
  readonly #options: ProxyOptions;
  readonly #keys = new CancelKeys();
  readonly #listener = new Listener(
    (socket) => this.#accept(socket, null),
    (error) => this.#options.report('error', 'listener_error', `The listener failed: ${error.message}.`),
  );
  #nextSession = 1;
  #stopping = false;

  constructor(options: ProxyOptions) {
    this.#options = options;
  }

  /** Starts to listen. Rejects when no port can be bound. */
  listen(at: ListenAt): Promise<{ host: string; port: number }> {
    return this.#listener.listen(at);
  }

  /** Stops listening and ends every session with FATAL 57P01. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#listener.refuse();
    for (const session of this.sessions.values()) session.end('57P01', 'Switchyard is shutting down', 'Connect again once it runs.');
    await this.#listener.close(GRACE_MS);
  }

  #accept(socket: net.Socket, listenerEndpoint: string | null): void {
    this.#open(socket, listenerEndpoint).catch((error: unknown) => {
      this.#options.report('error', 'internal', `A client could not be served: ${error instanceof Error ? error.message : String(error)}.`);
      farewell(socket, fatal('XX000', 'internal error of the proxy'));
    });
  }

  async #open(socket: net.Socket, listenerEndpoint: string | null): Promise<void> {
    const opening = await readOpening(socket, listenerEndpoint);
    switch (opening.kind) {
      case 'cancel':
        // Closed before the request is looked at, so that its timing tells nothing.
        socket.end();
        socket.resume();
        this.#keys.request(opening.pid, opening.secret);
        return;
      case 'gone':
        socket.destroy();
        return;
      case 'violation':
        this.#options.report('warn', 'protocol_violation', `A client at ${addressOf(socket)} was refused: ${opening.reason}.`);
        farewell(socket, openingRefusal(opening.reason));
        return;
      case 'startup':
        await this.#admit(opening.incoming);
    }
  }

  /** The stages behind the opening; any of them may turn the client away. */
  async #admit(incoming: Incoming): Promise<void> {
    const { socket, parameters } = incoming;
    try {
      if (this.#stopping) throw new ClientRefusal('57P03', 'Switchyard is shutting down');
      if ((parameters.get('user') ?? '') === '') throw new ClientRefusal('28000', 'no PostgreSQL user name specified in startup packet');
      const client = await authenticate(incoming);
      if (this.#options.console.databases.has(parameters.get('database') ?? '')) {
        this.#openConsole(socket, parameters, client.rest);
        return;
      }
      await this.#attach(socket, client, route(parameters, this.#options.map, this.#options.unknownEndpoint));
    } catch (error) {
      if (!(error instanceof ClientRefusal)) throw error;
      this.#options.report(
        'warn',
        'client_refused',
        `A client at ${addressOf(socket)} (user "${parameters.get('user') ?? ''}") was refused: ${error.message}.`,
      );
      farewell(socket, fatal(error.sqlState, error.message, error.hint));
    }
  }

  #openConsole(socket: net.Socket, parameters: ReadonlyMap<string, string>, rest: Buffer): void {
    const key = this.#keys.issue();
    socket.once('close', () => this.#keys.revoke(key.pid));
    this.#keys.assign(key.pid, this.#options.console.open(socket, { parameters, ...key, rest }));
  }

  async #attach(socket: net.Socket, client: Authenticated, routed: Route): Promise<void> {
    const { user, rest, credential } = client;
    const key = this.#keys.issue();
    const login = loginFor(routed.spec, user, routed.database, routed.startup, credential);
    const identity: SessionIdentity = {
      application: routed.startup.get('application_name') ?? '',
      user,
      credential,
      startup: routed.startup,
      startupKey: startupKey(routed.startup),
      requestedEndpoint: routed.requestedEndpoint,
      routedBy: routed.routedBy,
      clientAddress: socket.remoteAddress ?? '',
      clientPort: socket.remotePort ?? 0,
      replication: routed.startup.has('replication'),
    };
    const place = { endpoint: routed.spec.id, login, defaultDatabase: routed.spec.database };
    const departure = new AbortController();
    const session = new Session(this.#nextSession++, socket, key.pid, identity, place, (ended, end) => {
      departure.abort(new Error('the client left'));
      this.#ended(ended, end);
    });
    this.#keys.assign(key.pid, session.forwarder);
    this.sessions.set(session.id, session);
    if (rest.length > 0) session.forwarder.request.push(rest);
    socket.resume();
    const asked = Date.now();
    try {
      const server = await this.#options.pools.acquire(login, departure.signal);
      session.waitMs += Date.now() - asked;
      session.assignments++;
      if (session.forwarder.isEnded) {
        this.#options.pools.release(server, true);
        return;
      }
      const hello = [authenticationOk, ...[...server.parameters].map(([name, value]) => parameterStatus(name, value))];
      session.send(Buffer.concat([...hello, backendKeyData(key.pid, key.secret), readyForQuery()]));
      session.forwarder.start(server);
    } catch (error) {
      if (session.forwarder.isEnded) return;
      this.#refuse(session, error);
    }
  }

  #refuse(session: Session, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
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
    this.#options.onEnded(session, end);
    this.#keys.revoke(session.cancelPid);
    session.transfer?.cancel('the client left');
    const { server } = end;
    if (server !== null) this.#release(session, server, end);
    switch (end.kind) {
      case 'client_lost':
        this.#options.report(
          'info',
          'client_lost',
          `Session ${session.id} (${session.identity.application || 'unnamed'}) lost its client: ${end.message}.`,
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
          `Session ${session.id} lost its server connection to ${session.backend}: ${end.message}.`,
          session.id,
        );
        // A server that said goodbye itself (57P01 on a restart, say) has been heard by the client already.
        // Nor can anything follow a message of which the client has only a part.
        if (session.forwarder.response.saidFatal || session.forwarder.response.inMessage) session.farewell();
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

  #release(session: Session, server: NonNullable<ForwarderEnd['server']>, end: ForwarderEnd): void {
    const { pools } = this.#options;
    const fit = end.fit && !session.identity.replication;
    if (!end.busy || !server.isOpen) {
      pools.release(server, fit);
      return;
    }
    // Closing alone would let the statement run to its end: PostgreSQL notices only when it next uses the socket.
    void server.cancel(() => server.isOpen).then(() => pools.release(server, false));
  }
}

function refusal(error: unknown, message: string): Buffer {
  if (error instanceof DialFailure) {
    // What the server itself said (no such database, too many connections, …) reaches the client as the server said it.
    if (error.fields !== null && error.kind === 'refused') return errorResponse({ ...error.fields, severity: 'FATAL' });
    return fatal(error.kind === 'authentication' ? '28P01' : '08001', message, error.hint ?? undefined);
  }
  if (error instanceof PoolExhausted) return fatal('53300', message, error.hint);
  return fatal('08006', message);
}
