/** Opens the target for a transfer, and opens another one when what was restored there is out of date. One is open at a time. */
import type { ServerConnection } from '../../backend/server-connection.ts';
import type { Pools } from '../../pool/pools.ts';
import { cleanWant } from '../../pool/want.ts';
import { Refusal, type TargetSide } from '../dialect.ts';
import { loginBlocker } from '../login-blocker.ts';
import type { Move } from './move.ts';
import { Recoverable } from './outcomes.ts';

/** What it needs besides the move. */
export interface TargetSidesContext {
  readonly pools: Pools;
  /** See `TransferContext.prepareSlot`. */
  prepareSlot(signal: AbortSignal): Promise<() => void>;
}

/** See the head of this file. */
export class TargetSides {
  readonly #move: Move;
  readonly #context: TargetSidesContext;
  #current: TargetSide | null = null;

  constructor(move: Move, context: TargetSidesContext) {
    this.#move = move;
    this.#context = context;
  }

  get current(): TargetSide {
    if (this.#current === null) throw new Recoverable('the target is not open');
    return this.#current;
  }

  /** A connection of the target's pool. Rejects with `Refusal` when the session's role is not let in, else with the reason. */
  async acquire(): Promise<ServerConnection> {
    const { session, target, deadlines } = this.#move;
    const { signal } = this.#move.patience;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(deadlines.dialMs)]);
    try {
      return await this.#context.pools.acquire(session.lease.wantAt({ endpoint: target.spec.id, login: target.login }), limit);
    } catch (error) {
      const blocker = loginBlocker(error);
      if (blocker !== null) throw new Refusal([blocker]);
      if (signal.aborted || !limit.aborted) throw error;
      throw new Recoverable(`no server connection to ${target.backend} within ${deadlines.dialMs} ms`);
    }
  }

  /** Opens it; `acquired`: a connection that is there already, and is closed if that fails. */
  async open(acquired: ServerConnection | null = null): Promise<void> {
    const { session, target, dialect, deadlines, patience } = this.#move;
    this.#current = await dialect.open(
      {
        login: target.login,
        journal: session.forwarder.journal,
        signal: patience.signal,
        acquire: async () => acquired ?? (await this.acquire()),
        release: (connection) => this.#context.pools.release(connection, 'close'),
        reserve: () => this.#context.pools.reserve(cleanWant(target.login, target.spec.id)),
        tells: () => this.#context.pools.tells(target.login),
      },
      deadlines,
    );
  }

  /** Closes what is open and opens it anew, while the client runs on. */
  async renew(): Promise<void> {
    this.discard();
    const place = await this.#context.prepareSlot(this.#move.patience.signal);
    try {
      await this.open();
    } finally {
      place();
    }
  }

  /** Closes what is open and was not used. */
  discard(): void {
    this.#current?.discard();
    this.#current = null;
  }
}
