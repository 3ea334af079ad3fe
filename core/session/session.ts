/** One client connection and all that belongs to it: who it is, where it was routed, its forwarder, its history. */
import type net from 'node:net';
import type { SessionRow, SessionState, TransferPhase } from '../contract/index.ts';
import type { Credential } from '../backend/credential.ts';
import type { Login } from '../backend/dial.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import { fatal } from '../wire/errors.ts';
import { Status } from '../wire/codes.ts';
import { farewell } from './farewell.ts';
import { Forwarder } from './forwarder.ts';
import type { ForwarderEnd } from './lessee.ts';
import { SessionJournal } from './journal.ts';
import type { LeaseHost } from './lease-host.ts';
import { Lease } from './lease.ts';
import type { Snapshot } from './resurrection/snapshot.ts';

/** What a client asked for and how that was understood. Holds a secret: rows are made field by field, never from this. */
export interface SessionIdentity {
  /** As given at startup; `Session.application` is the name it goes by now. */
  readonly application: string;
  /** The user name the client gave. */
  readonly user: string;
  /** What it has proven itself with, for logins at backends in its name. */
  readonly credential: Credential;
  /** Startup parameters that the backend gets, without user and database. */
  readonly startup: ReadonlyMap<string, string>;
  readonly startupKey: string;
  /** The endpoint id the client named; null when it named none. */
  readonly requestedEndpoint: string | null;
  readonly routedBy: SessionRow['routedBy'];
  /** The endpoint it was given at first; and the one in whose place, while that one's backend was being drained; null: it was its own. */
  readonly cameTo: string;
  readonly redirectedFrom: string | null;
  readonly clientAddress: string;
  /** For example `TLSv1.3`; null: plain text. */
  readonly tls: string | null;
  readonly clientPort: number;
  /** A walsender connection: one to one, neither pooled nor moved. */
  readonly replication: boolean;
}

/** Where a session is attached, or is about to be. Holds a password: rows are made field by field, never from this. */
export interface SessionPlace {
  readonly endpoint: string;
  readonly login: Login;
  /** The endpoint's default database, as it was when the session came. */
  readonly defaultDatabase: string;
}

/** The transfer that owns a session at the moment. */
export interface SessionTransfer {
  readonly id: number;
  readonly to: string;
  readonly phase: TransferPhase;
  /** Gives up, where it still can. */
  cancel(reason: string): void;
  /** The session has lost its server connection at a safe point, outside a hold: `lives` if it takes it along; null: it cannot. */
  bereaved(): 'lives' | null;
}

/** See the head of this file. */
export class Session {
  readonly id: number;
  readonly connectedAt = Date.now();
  readonly identity: SessionIdentity;
  readonly forwarder: Forwarder;
  readonly lease: Lease;
  /** The key the client cancels with; its own for life, whatever server it is on. */
  readonly cancelPid: number;
  place: SessionPlace;
  migrations = 0;
  /** How often its server went away and it lived on. */
  resurrections = 0;
  /** What it had set when it was last looked at, in session mode. */
  snapshot: Snapshot | null = null;
  transfer: SessionTransfer | null = null;
  /** How often it was given a server connection, and how long it waited for one, in milliseconds. */
  assignments = 0;
  waitMs = 0;
  readonly #socket: net.Socket;
  #since = Date.now();
  #state: SessionState = 'connecting';

  constructor(
    id: number,
    socket: net.Socket,
    cancelPid: number,
    identity: SessionIdentity,
    place: SessionPlace,
    leases: LeaseHost,
    onEnd: (session: Session, end: ForwarderEnd) => void,
  ) {
    this.id = id;
    this.identity = identity;
    this.place = place;
    this.cancelPid = cancelPid;
    this.#socket = socket;
    this.forwarder = new Forwarder(socket, cancelPid, new SessionJournal(customNamesIn(identity.startup)), {
      ended: (end) => onEnd(this, end),
      bereaved: () => this.transfer?.bereaved() ?? this.lease.bereaved(),
    });
    this.lease = new Lease(this, leases);
  }

  get backend(): string {
    return this.place.login.backend.id;
  }

  /** The pool its server connections come from: `PoolRow.key`. */
  get pool(): string {
    return `${this.backend}/${this.database}/${this.role}`;
  }

  get database(): string {
    return this.place.login.database;
  }

  get role(): string {
    return this.place.login.role;
  }

  get server(): ServerConnection | null {
    return this.forwarder.server;
  }

  /** The proxy's end of the client's connection; null: it is closed. */
  get own(): { readonly address: string; readonly port: number } | null {
    const { localAddress, localPort } = this.#socket;
    return localAddress === undefined || localPort === undefined ? null : { address: localAddress, port: localPort };
  }

  /** Sends bytes of the proxy's own to the client; only before `forwarder.start`. */
  send(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  /** Ends the session with a FATAL error, its server connection released by its owner. */
  end(sqlState: string, message: string, hint?: string): void {
    const { inMessage } = this.forwarder.response;
    this.forwarder.close(message);
    // Nothing can follow a message of which the client has only a part.
    this.farewell(inMessage ? undefined : fatal(sqlState, message, hint));
  }

  /** Closes the client's socket, after `lastWords` if there are any. */
  farewell(lastWords?: Buffer): void {
    farewell(this.#socket, lastWords);
  }

  /** The name the client goes by now: JDBC, for one, gives it by a SET after the login. */
  get application(): string {
    return this.forwarder.clientParameters.get('application_name') ?? this.identity.application;
  }

  get state(): SessionState {
    const { forwarder } = this;
    if (forwarder.isEnded) return 'closing';
    if (forwarder.link.suspended && this.transfer !== null) return 'migrating';
    if (forwarder.isDeparting) return 'closing';
    if (forwarder.server === null && (forwarder.hasInput || !forwarder.isDetached)) return 'waiting';
    if (forwarder.link.expected.outstanding > 0 || forwarder.link.expected.cycleOpen) return 'active';
    if (forwarder.link.status === Status.InTransaction) return 'idle in transaction';
    if (forwarder.link.status === Status.Failed) return 'idle in transaction (aborted)';
    return 'idle';
  }

  /** The row as it stands; cheap enough to be made for every session four times a second. */
  row(): SessionRow {
    const { identity, forwarder, place } = this;
    const { link } = forwarder;
    const state = this.state;
    if (state !== this.#state) {
      this.#state = state;
      this.#since = Date.now();
    }
    const since = state === 'active' || state === 'idle' ? Math.max(link.busySince, this.connectedAt) : this.#since;
    return {
      id: this.id,
      application: this.application,
      user: identity.user,
      database: this.database,
      endpoint: place.endpoint,
      requestedEndpoint: identity.requestedEndpoint,
      routedBy: identity.routedBy,
      backend: this.backend,
      pool: this.pool,
      poolMode: this.lease.mode,
      assignments: this.assignments,
      waitMs: this.waitMs,
      pins: [...this.lease.pins],
      serverPid: forwarder.server?.pid ?? null,
      clientAddress: identity.clientAddress,
      tls: identity.tls,
      clientPort: identity.clientPort,
      state,
      transaction:
        forwarder.server === null && !forwarder.isDetached
          ? null
          : link.status === Status.Idle
            ? 'I'
            : link.status === Status.InTransaction
              ? 'T'
              : 'E',
      statementKind: forwarder.journal.kind === '' ? null : forwarder.journal.kind,
      stateSince: since,
      connectedAt: this.connectedAt,
      queries: link.queries,
      transactions: link.transactions,
      bytesIn: link.bytesIn,
      bytesOut: link.bytesOut,
      migrations: this.migrations,
      resurrections: this.resurrections,
      transfer: this.transfer === null ? null : { id: this.transfer.id, phase: this.transfer.phase, to: this.transfer.to },
      outstanding: link.expected.outstanding,
      lastRequest: link.requestAt === 0 ? null : { type: String.fromCharCode(link.requestType), at: link.requestAt },
      lastResponse: link.responseAt === 0 ? null : { type: String.fromCharCode(link.responseType), at: link.responseAt },
    };
  }
}

/** Names of custom settings in startup parameters and their `options` (`-c a.b=…`, `--a.b=…`). */
function customNamesIn(startup: ReadonlyMap<string, string>): string[] {
  const names = [...startup.keys()].filter((name) => name.includes('.'));
  for (const match of (startup.get('options') ?? '').matchAll(/(?:-c\s*|--)([A-Za-z_][\w$]*(?:\.[A-Za-z_][\w$]*)+)\s*=/g)) {
    if (match[1] !== undefined) names.push(match[1]);
  }
  return names;
}
