/**
 * The target of a CockroachDB session before it is there: an open channel, and room in the target's pool. A channel that the server closes
 * while the session is waited for is opened again; the pause would cost it otherwise.
 */
import { DialFailure } from '../../backend/dial-failure.ts';
import type { ServerConnection } from '../../backend/server-connection.ts';
import { WaitingChannel } from '../../backend/waiting-channel.ts';
import type { Reservation } from '../../pool/reservation.ts';
import { Refusal, type Opening, type TargetSide } from '../dialect.ts';
import { loginBlocker } from '../login-blocker.ts';
import type { TransferDeadlines } from '../transfer/deadlines.ts';
import { tokenRefusal } from './refusals.ts';
import { forget, type TransferState } from './transfer-state.ts';
import type { Shape } from './unnamed.ts';

/** A server that closes a channel sooner than that would close the next one, too. */
const LEAST_LIFE_MS = 1_000;

/** See the head of this file. */
export class CockroachSide implements TargetSide {
  /** What the session's prepared statements look like on the old server. */
  shapes: ReadonlyMap<string, Shape> = new Map();
  readonly #opening: Opening;
  readonly #room: Reservation;
  readonly #dialMs: number;
  #channel: WaitingChannel;
  /** Another channel is being opened. */
  #reopening: Promise<void> | null = null;
  #onLost: ((reason: string) => void) | null = null;
  #lost: string | null = null;
  #connection: ServerConnection | null = null;
  #isDiscarded = false;

  private constructor(opening: Opening, room: Reservation, channel: WaitingChannel, dialMs: number) {
    this.#opening = opening;
    this.#room = room;
    this.#channel = channel;
    this.#dialMs = dialMs;
    channel.watch((reason) => this.#channelLost(reason));
  }

  /** Rejects with `Refusal` when the server is not let near, else with `DialFailure` or that the pool is full. */
  static async open(opening: Opening, { dialMs }: TransferDeadlines): Promise<CockroachSide> {
    const room = opening.reserve();
    if (room === null) throw new Error(`the pool of ${opening.login.backend.id} is full`);
    try {
      const channel = await WaitingChannel.open(opening.login, { deadlineMs: dialMs, signal: opening.signal });
      return new CockroachSide(opening, room, channel, dialMs);
    } catch (error) {
      room.cancel();
      throw refused(error);
    }
  }

  get connection(): ServerConnection | null {
    return this.#connection;
  }

  get isOpen(): boolean {
    return this.#connection?.isOpen ?? this.#lost === null;
  }

  watch(onLost: ((reason: string) => void) | null): void {
    this.#onLost = onLost;
  }

  /** Logs in with the token, which is gone afterwards. Rejects with `Refusal` for what the server refuses, else with the reason. */
  async logIn(state: TransferState, loginMs: number): Promise<void> {
    const { login } = this.#opening;
    const until = performance.now() + loginMs;
    try {
      await this.#reopening;
      if (!this.#channel.isOpen) await this.#reopen(loginMs);
      const left = Math.max(1, until - performance.now());
      const connection = await this.#channel.logIn(login, state.token, { deadlineMs: left, remoteAddress: this.#opening.tells() });
      if (this.#isDiscarded) {
        connection.end();
        throw new Error('the transfer was given up');
      }
      this.#room.adopt(connection);
      this.#connection = connection;
    } catch (error) {
      throw refused(error, login.backend.id);
    } finally {
      forget(state);
    }
  }

  discard(): void {
    this.#isDiscarded = true;
    this.#onLost = null;
    this.#room.cancel();
    this.#channel.watch(null);
    if (this.#connection === null) this.#channel.discard();
    else this.#opening.release(this.#connection);
  }

  #channelLost(reason: string): void {
    if (this.#isDiscarded || this.#connection !== null) return;
    if (Date.now() - this.#channel.openedAt < LEAST_LIFE_MS) {
      this.#lose(reason);
      return;
    }
    this.#reopening = this.#reopen(this.#dialMs).catch((error: unknown) =>
      this.#lose(error instanceof Error ? error.message : String(error)),
    );
  }

  async #reopen(deadlineMs: number): Promise<void> {
    const { login, signal } = this.#opening;
    const channel = await WaitingChannel.open(login, { deadlineMs, signal });
    if (this.#isDiscarded) {
      channel.discard();
      throw new Error('the transfer was given up');
    }
    this.#channel = channel;
    this.#lost = null;
    channel.watch((reason) => this.#channelLost(reason));
  }

  #lose(reason: string): void {
    if (this.#isDiscarded) return;
    this.#lost = reason;
    this.#onLost?.(reason);
  }
}

function refused(error: unknown, backend: string | null = null): unknown {
  if (!(error instanceof DialFailure)) return error;
  const finding = (backend === null ? null : tokenRefusal(error, backend)) ?? loginBlocker(error);
  return finding === null ? error : new Refusal([finding]);
}
