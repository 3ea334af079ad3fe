/** Tells who waits for a session that something of it has changed: an answer is through and nothing outstanding, or it has ended. */
import type { Session } from '../../session/session.ts';

/** See the head of this file. */
export class SessionWatch {
  readonly #waiting = new Map<Session, Set<() => void>>();

  /** Calls `listener` after each change, never within it, until the returned function is called. */
  watch(session: Session, listener: () => void): () => void {
    let listeners = this.#waiting.get(session);
    if (listeners === undefined) {
      listeners = new Set();
      this.#waiting.set(session, listeners);
      session.forwarder.link.onIdle = () => this.changed(session);
    }
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0 || this.#waiting.get(session) !== listeners) return;
      this.#waiting.delete(session);
      session.forwarder.link.onIdle = null;
    };
  }

  /** Something has changed that may concern every session that is waited for. */
  changedAll(): void {
    for (const session of this.#waiting.keys()) this.changed(session);
  }

  /** Something of a session has changed that its answers do not tell: it has ended, or a transfer of it has. */
  changed(session: Session): void {
    const listeners = this.#waiting.get(session);
    // The forwarder is in the middle of a message: whoever waits comes after it.
    if (listeners !== undefined) for (const listener of listeners) setImmediate(listener);
  }
}
