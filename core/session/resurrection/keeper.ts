/** Looks at idle sessions now and then, so that what they have set is known when their server goes: one sweep for all, no timer each. */
import { ServerLost } from '../../backend/server-connection.ts';
import type { MortalSession } from './absence.ts';
import { isCockroach, takeSnapshot } from './snapshot.ts';

/** Sessions of one backend that are looked at at the same time: their input waits meanwhile, a few milliseconds. */
const AT_ONCE = 2;

/** See the head of this file. */
export class Keeper {
  /** Backends whose sessions are being looked at. A silent server holds up nobody else's. */
  readonly #busy = new Set<string>();
  /** How many were looked at since start. */
  taken = 0;

  /** Looks at those that have been idle for long enough and have done something since they were looked at last. */
  sweep(sessions: Iterable<MortalSession>, afterIdleMs: number, now: number): void {
    const due = new Map<string, MortalSession[]>();
    for (const session of sessions) {
      if (!isDue(session, now - afterIdleMs) || this.#busy.has(session.backend)) continue;
      const others = due.get(session.backend);
      if (others === undefined) due.set(session.backend, [session]);
      else others.push(session);
    }
    for (const [backend, queue] of due) {
      this.#busy.add(backend);
      const lanes = Array.from({ length: AT_ONCE }, () => this.#work(queue, afterIdleMs));
      void Promise.all(lanes).then(() => this.#busy.delete(backend));
    }
  }

  /**
   * Looks at a session that is at a safe point and leaves it suspended; false: it has left, or its server connection was lost meanwhile and
   * the session lives on without one, or does not. Never rejects.
   */
  async look(session: MortalSession): Promise<boolean> {
    const { forwarder } = session;
    const { server } = forwarder;
    if (server === null) return false;
    let lost: string | null = null;
    forwarder.suspend({ onDeparture: () => {}, onServerLost: (reason) => (lost = reason) });
    try {
      session.snapshot = await takeSnapshot(forwarder, server);
      this.taken++;
    } catch (error) {
      const { requestAt } = forwarder.link;
      const why = error instanceof Error ? error.message : String(error);
      const losses = [{ code: 'unreadable', what: `what it had set, which could not be read (${why})` }];
      if (!(error instanceof ServerLost)) session.snapshot = { requestAt, state: null, losses };
    }
    if (forwarder.isEnded) return false;
    if (lost !== null || !server.isOpen) {
      forwarder.serverLost(lost ?? 'the connection was closed');
      return false;
    }
    return true;
  }

  async #work(queue: MortalSession[], afterIdleMs: number): Promise<void> {
    for (let session = queue.pop(); session !== undefined; session = queue.pop()) {
      if (isDue(session, Date.now() - afterIdleMs) && (await this.look(session))) session.forwarder.resume();
    }
  }
}

/** It is at a safe point since before `idleSince`, and what is known of it is older than what its client did last. */
function isDue({ forwarder, snapshot, transfer, lease }: MortalSession, idleSince: number): boolean {
  const { link, server } = forwarder;
  if (link.requestAt === 0 || snapshot?.requestAt === link.requestAt || link.busySince > idleSince) return false;
  if (server === null || lease.mode !== 'session' || transfer !== null || forwarder.isArmed || link.streaming) return false;
  return forwarder.isSafe && !forwarder.isDeparting && !forwarder.isEnded && !isCockroach(server);
}
