/** A session that is for a while without its server connection, and what it is to have again. */
import type { Login } from '../../backend/login.ts';
import type { ServerConnection } from '../../backend/server-connection.ts';
import type { Forwarder } from '../forwarder.ts';
import type { Snapshot } from './snapshot.ts';

/** A session, as far as it matters here. */
export interface MortalSession {
  readonly id: number;
  readonly application: string;
  readonly backend: string;
  readonly place: { readonly endpoint: string; readonly login: Login };
  readonly forwarder: Forwarder;
  readonly transfer: object | null;
  readonly lease: {
    readonly mode: string;
    leaveServer(absence: Absence): ServerConnection | null;
    returnTo(server: ServerConnection): void;
  };
  /** What it had set when it was last looked at; null: never. */
  snapshot: Snapshot | null;
  resurrections: number;
  assignments: number;
  waitMs: number;
  end(sqlState: string, message: string, hint?: string): void;
}

/** See the head of this file. */
export class Absence {
  readonly session: MortalSession;
  /** What it had set; null: nothing yet, it has never sent anything. */
  readonly snapshot: Snapshot | null;
  readonly since = Date.now();
  /** When it is given up, milliseconds since the epoch. */
  deadlineAt: number;
  /** Its server connection, while it is only kept from it. */
  parked: ServerConnection | null = null;
  /** Since when its client waits for an answer; 0: it does not. */
  wantedSince = 0;
  /** The client was told that it waits. */
  isTold = false;
  /** Settles when the session has a server connection again, or is over; never rejects. */
  readonly over: Promise<void>;
  readonly #abort = new AbortController();
  #settle = (): void => {};

  constructor(session: MortalSession, snapshot: Snapshot | null, deadlineAt: number) {
    this.session = session;
    this.snapshot = snapshot;
    this.deadlineAt = deadlineAt;
    this.over = new Promise((resolve) => (this.#settle = resolve));
  }

  get isOver(): boolean {
    return this.#abort.signal.aborted;
  }

  /** Ends with the absence. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  end(): void {
    if (this.isOver) return;
    this.#abort.abort(new Error('the session is not waiting any more'));
    this.#settle();
  }
}
