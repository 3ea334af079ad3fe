/** A session of which all is known may lose its old server while it is restored elsewhere: it waits for that then. */
import type { ServerConnection } from '../../backend/server-connection.ts';
import type { Refuge } from '../../session/resurrection/refuge.ts';
import type { Session } from '../../session/session.ts';
import { Recoverable, SessionLost } from './outcomes.ts';

/** What a session was like when it was captured. */
export interface Moment {
  readonly source: { readonly server: ServerConnection };
  /** `Link.requestAt` then. */
  readonly requestAt: number;
}

/** Nothing of the client's has passed since. */
export function isUntouched({ forwarder }: Session, { source, requestAt }: Moment): boolean {
  return forwarder.server === source.server && forwarder.link.requestAt === requestAt;
}

/** See the head of this file. */
export class Flight {
  /** When the session was captured, while what was captured is on its way; null: it belongs to its old server. */
  moment: Moment | null = null;
  readonly #session: Session;
  #refuge: Refuge | null = null;

  constructor(session: Session) {
    this.#session = session;
  }

  /** See `SessionTransfer.bereaved`. */
  begin(): 'lives' | null {
    if (this.moment === null || !isUntouched(this.#session, this.moment)) return null;
    this.#refuge = this.#session.lease.flee();
    return this.#refuge && 'lives';
  }

  /** Where the session waits, if it does. Throws `Recoverable` when its client has left meanwhile. */
  get refuge(): Refuge | null {
    if (this.#refuge?.isOver === true) throw new Recoverable('the client left');
    return this.#refuge;
  }

  /** The session cannot go where it was to go. Returns the error that says what became of it. */
  failed(error: unknown): unknown {
    if (this.#refuge?.giveUp() !== false) return error;
    const lost = new SessionLost('it closed the connection', error);
    this.#session.end('57P01', lost.message, 'Connect again.');
    return lost;
  }
}
