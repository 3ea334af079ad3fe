/**
 * A hold: the session is suspended at a safe point, its client's input kept, its server connection the transfer's to talk to. It ends with
 * the swap or with the release, once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerConnection } from '../../backend/server-connection.ts';
import type { Session } from '../../session/session.ts';
import type { Asking } from '../dialect.ts';
import type { Target } from '../preflight/preflight.ts';
import { Recoverable, SessionLost } from './outcomes.ts';
import type { TransferRecord } from './record.ts';
import { swap } from './swap.ts';

/** See the head of this file. */
export class Hold {
  /** The session's own server connection. */
  readonly server: ServerConnection;
  /** `Link.requestAt` of the last message that passed before. */
  readonly requestAt: number;
  readonly #session: Session;
  readonly #record: TransferRecord;
  readonly #startedAt = performance.now();
  readonly #generation: number;
  readonly #departure: Promise<never>;
  #serverLost: string | null = null;
  #isOver = false;

  /** Begins at once; only where the session is safe, and in the same turn. */
  constructor(session: Session, server: ServerConnection, record: TransferRecord) {
    const { forwarder } = session;
    this.#session = session;
    this.#record = record;
    this.server = server;
    this.requestAt = forwarder.link.requestAt;
    let onDeparture = (): void => {};
    this.#departure = new Promise<never>((_, reject) => {
      onDeparture = () => reject(new Recoverable('the client left'));
    });
    this.#departure.catch(() => {});
    record.begin('suspend');
    forwarder.suspend({ onDeparture, onServerLost: (reason) => (this.#serverLost = reason) });
    this.#generation = forwarder.generation;
  }

  /** Waits for a step. Rejects at once when the client leaves, and when the session is not the hold's any more. */
  async during<T>(step: Promise<T>): Promise<T> {
    // Whatever the step does after the client has left concerns nobody; its rejection must not be an unhandled one.
    step.catch(() => {});
    const result = await Promise.race([step, this.#departure]);
    this.#check();
    return result;
  }

  /** The same for what is asked on the session's own connection: in any case that connection is the client's again afterwards. */
  async ask<T>({ answer, quiet }: Asking<T>): Promise<T> {
    answer.catch(() => {});
    try {
      return await this.during(answer);
    } finally {
      await quiet;
    }
  }

  /** Waits until the old server is in the middle of no message, so that none is torn by the swap. */
  async boundary(graceMs: number): Promise<void> {
    const { response } = this.#session.forwarder;
    const until = performance.now() + graceMs;
    while (!response.atBoundary && this.#serverLost === null && performance.now() < until) await this.during(sleep(1));
    // What a lost server has begun to say and the client has not heard of is nobody's loss.
    if (response.inMessage || (!response.atBoundary && this.#serverLost === null))
      throw new Recoverable('the old server is in the middle of a message');
  }

  get isServerLost(): boolean {
    return this.#serverLost !== null || !this.server.isOpen;
  }

  /** Puts the session on `connection`, in this turn. A server that died meanwhile is no loss any more: its session is rescued. */
  swap(connection: ServerConnection, target: Target, hasTail: boolean): void {
    this.#check();
    if (!connection.isOpen) throw new Recoverable('the target connection was lost');
    this.#record.begin('swap');
    swap(this.#session, connection, target, { hasTail, onSwapped: () => this.#over(true) });
  }

  /** Lets the client go on where it was; throws `SessionLost` if there is no such place any more. Nothing happens after the swap. */
  release(cause: unknown): void {
    if (this.#isOver) return;
    const { forwarder } = this.#session;
    this.#over(false);
    if (forwarder.isEnded || forwarder.generation !== this.#generation) return;
    if (!this.isServerLost) {
      forwarder.resume();
      return;
    }
    const reason = this.#serverLost ?? 'the connection was closed';
    // It may outlive its server: then it goes on without one for a while.
    if (!forwarder.serverLost(reason)) throw new SessionLost(reason, cause);
  }

  #over(swapped: boolean): void {
    this.#isOver = true;
    this.#record.held(performance.now() - this.#startedAt, this.#session.forwarder.request.heldBytes, swapped);
    if (swapped) this.#record.begin('resume');
  }

  #check(): void {
    const { forwarder } = this.#session;
    if (forwarder.isEnded) throw new Recoverable('the session was closed');
    if (forwarder.generation !== this.#generation) throw new Recoverable('the session has another server connection');
  }
}
