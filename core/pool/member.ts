/** A server connection as its pool sees it. */
import type { ServerConnection, ServerOwner } from '../backend/server-connection.ts';

/**
 * `active`: a session or a transfer has it; `cancelling`: given back while a cancel request is on its way; `resetting`, `checking`:
 * the pool itself talks to the server.
 */
export type MemberState = 'active' | 'idle' | 'resetting' | 'checking' | 'cancelling' | 'closed';

/** The shortest life of a connection, as a part of the longest: those that were opened together do not end together. */
const SHORTEST_LIFE = 0.8;

/** See the head of this file. It owns the connection while nobody else does. */
export class Member implements ServerOwner {
  readonly connection: ServerConnection;
  /** Whom it may be given to: the identity of the login it was opened with. */
  readonly key: string;
  state: MemberState = 'idle';
  /** Since when `state` holds. */
  since = Date.now();
  /** It was given back with its state and has not been reset since. */
  kept = false;
  /** The endpoint that has it, or had it last. */
  endpoint: string;
  /** It is to be closed as soon as it is given back. */
  condemned = false;
  /** It was given out before. */
  isUsed = false;
  readonly #lifePart = SHORTEST_LIFE + Math.random() * (1 - SHORTEST_LIFE);
  readonly #onUnusable: (member: Member, reason: string | null) => void;

  /** `onUnusable` hears that the connection is lost, and why, or (null) that the server speaks although nobody asks. */
  constructor(connection: ServerConnection, key: string, endpoint: string, onUnusable: (member: Member, reason: string | null) => void) {
    this.connection = connection;
    this.key = key;
    this.endpoint = endpoint;
    this.#onUnusable = onUnusable;
  }

  /** It comes back by itself: the pool is busy with it. */
  get isComing(): boolean {
    return this.state === 'resetting' || this.state === 'checking' || this.state === 'cancelling';
  }

  /** It is not used again once it is given back: it is to be replaced, too old, or its server was told of a client who is leaving it. */
  isOver(lifetime: number, now: number): boolean {
    return this.condemned || this.connection.openedFor !== null || this.isOld(lifetime, now);
  }

  /** It has lived for as long as it may, in seconds; 0: for ever. */
  isOld(lifetime: number, now: number): boolean {
    return lifetime > 0 && now - this.connection.openedAt >= lifetime * 1000 * this.#lifePart;
  }

  /**
   * A server that nobody uses speaks only to say goodbye (57P01) or after a configuration reload (ParameterStatus). Either way it is
   * cheaper and safer to open a new connection than to keep this one's books while nobody uses it.
   */
  onServerData(): void {
    this.#onUnusable(this, null);
  }

  onServerDrain(): void {
    // Nothing of the pool's own is long enough to fill a socket.
  }

  onServerClosed(reason: string): void {
    this.#onUnusable(this, reason);
  }
}
