/**
 * The cancel requests of one client: one on its way at a time, never for another request than the one it was sent for (pooling.md
 * section 4).
 */
import type { ServerConnection } from '../backend/server-connection.ts';
import type { Link } from './link.ts';

/** How often a cancel that was held is said, and how far apart, milliseconds. */
const HELD_CANCELS = 5;
const HELD_CANCEL_MS = 100;

/** What is asked of the session. */
export interface CancellationTarget {
  readonly link: Link;
  readonly server: ServerConnection | null;
  readonly isEnded: boolean;
  /** A cancel has arrived: the server connection may change hands again. */
  settled(): void;
}

/** See the head of this file. */
export class Cancellation {
  readonly #target: CancellationTarget;
  /** One came while the session was suspended: for what will go out then. */
  #isHeld = false;
  /** A cancel request is on its way: the next one for the same request goes out behind it, all others are this one. */
  #isUnderWay = false;
  /** The request (`Link.queries`) for which another one came meanwhile. */
  #again: number | null = null;

  constructor(target: CancellationTarget) {
    this.#target = target;
  }

  /** Something of the client's may run on the server; in an open cycle only a Flush brings its answers. */
  get #isRunning(): boolean {
    const { expected } = this.#target.link;
    return expected.outstanding > 0 || expected.cycleOpen;
  }

  /** Keeps a cancel for what the client has sent meanwhile, if it has. */
  hold(isHeld: boolean): boolean {
    this.#isHeld = isHeld;
    return isHeld;
  }

  /**
   * Delivers a cancel that was held. Its statement went out in this very moment, and a server that has not read it yet takes no
   * notice: the cancel is repeated while exactly that statement goes unanswered.
   */
  deliverHeld(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.insist();
  }

  /** Cancels what runs now, and again while it goes unanswered: the server may not have begun it yet, and ignore the first. */
  insist(): void {
    const { link } = this.#target;
    this.#insist(link.requestAt, link.expected.outstanding, HELD_CANCELS);
  }

  #insist(requestAt: number, outstanding: number, left: number): void {
    const { link, isEnded } = this.#target;
    if (isEnded || link.suspended || link.requestAt !== requestAt || link.expected.outstanding !== outstanding) return;
    this.send();
    if (left > 1) setTimeout(() => this.#insist(requestAt, outstanding, left - 1), HELD_CANCEL_MS).unref();
  }

  /** Cancels what runs now; false: nothing does. */
  send(): boolean {
    const { link, server } = this.#target;
    if (server === null || !this.#isRunning) return false;
    if (this.#isUnderWay) {
      this.#again = link.queries;
      return true;
    }
    this.#isUnderWay = true;
    const target = this.#target;
    void server
      .cancel(() => target.server === server && !link.suspended && this.#isRunning)
      .then(() => {
        this.#isUnderWay = false;
        const again = this.#again === link.queries && !link.suspended;
        this.#again = null;
        if (again) this.send();
        target.settled();
      });
    return true;
  }
}
