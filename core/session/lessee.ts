/** How a forwarder ends, and who decides when it has a server connection. */
import type { ServerConnection } from '../backend/server-connection.ts';

/** What the client of a session hears that cannot go on without its server connection. */
export interface LastWords {
  readonly message: string;
  readonly hint: string;
}

/** What becomes of a session that has lost its server connection at a safe point; null: its server's own words are its last. */
export type Bereavement = 'lives' | LastWords | null;

/** How a forwarder ended. `server` is what it had, for its owner to release. */
export interface ForwarderEnd {
  readonly kind: 'terminated' | 'client_lost' | 'server_lost' | 'violation' | 'closed';
  readonly message: string;
  readonly server: ServerConnection | null;
  /** The server connection is at a safe point and can be reused. */
  readonly fit: boolean;
  /** The server still runs something of this client's. */
  readonly busy: boolean;
  /** Nothing runs any more, but a transaction is open. */
  readonly inTransaction: boolean;
  /** What its client is to be told; null: what is usual. */
  readonly lastWords: LastWords | null;
}

/** Who decides when a session has a server connection. */
export interface Lessee {
  /** It is without a server connection although it wants one: see `Forwarder.isAway`. */
  readonly isAway: boolean;
  /** The session is at a safe point, and something may have happened since the last one. */
  boundary(): void;
  /** A detached session's client wants something; more than once while it waits. */
  wanted(): void;
  /** It wants nothing any more: what it wanted was refused. */
  unwanted(): void;
  /**
   * Nothing is on its way, and the client's next statement speaks of its statements by name: they have to be the server's names, and
   * `Link.names` be native, before it passes.
   */
  namesWanted(): void;
}
