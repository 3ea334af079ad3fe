/**
 * What a move of a PostgreSQL session takes along beyond what a replay gives back, as the operator allows it: advisory locks, held cursors,
 * temporary tables, the last values of sequences; and, inside one cluster, LISTEN without a gap (postgres-session-state.md sections 8, 9).
 */
import type { ServerConnection } from '../../../backend/server-connection.ts';
import type { CarryOptions, Finding } from '../../../contract/index.ts';
import type { SessionStateCapture } from '../../../state/state.ts';
import { block, Refusal, type Carrying } from '../../dialect.ts';
import { readLocks, takeLocks, type AdvisoryLock } from './advisory-locks.ts';
import { Barrier } from './barrier.ts';
import { identify } from './cluster.ts';
import { makeCursors, readCursors, type HeldCursor } from './held-cursors.ts';
import { LockHandover } from './lock-handover.ts';
import { OwnSql, type RunOptions } from './own-sql.ts';
import { readSequences, setSequences, type SequenceValue } from './sequences.ts';
import { Tap } from './tap.ts';
import { makeTemporaryTables, readTemporaryTables, type TemporaryTables } from './temporary-tables.ts';

/** Which finding of `judge` an option does away with. */
const TAKEN_OVER: Readonly<Record<string, keyof CarryOptions>> = {
  advisory_lock: 'advisoryLocks',
  held_cursor: 'heldCursors',
  temp_object: 'temporaryTables',
  sequence: 'sequences',
};

/** Whether a finding is no blocker because what it speaks of is to be carried; whether that can be done is found out when it is. */
export function isTakenOver({ code }: Pick<Finding, 'code'>, options: CarryOptions): boolean {
  const option = TAKEN_OVER[code];
  return option !== undefined && options[option];
}

/**
 * What of a session has to be carried, in words: `2 advisory locks, 1 cursor`; null: nothing, a replay does it. `sameCluster`: the target is
 * another backend of the cluster and database that the session is in.
 */
export function whatToCarry(state: SessionStateCapture, options: CarryOptions, sameCluster: boolean): string | null {
  const count = (items: readonly unknown[], one: string): string[] =>
    items.length === 0 ? [] : [`${items.length} ${items.length === 1 ? one : `${one}s`}`];
  const parts = [
    ...(options.advisoryLocks ? count(state.advisoryLocks, 'advisory lock') : []),
    ...(options.heldCursors ? count(state.heldCursors, 'cursor') : []),
    ...(options.temporaryTables ? count(state.temporaryObjects, 'temporary object') : []),
    ...(options.sequences ? ['sequences'] : []),
    ...(sameCluster ? count(state.channels, 'channel') : []),
  ];
  return parts.length === 0 ? null : parts.join(', ');
}

/** See the head of this file. One per move, all of it in one hold, its steps in this order; what the steps reject with ends the move. */
export class PostgresCarrying implements Carrying {
  readonly what: string;
  /** What could not be carried and does not forbid the move; complete after `afterStatements`. */
  readonly findings: Finding[] = [];
  readonly #server: ServerConnection;
  readonly #state: SessionStateCapture;
  readonly #options: CarryOptions;
  readonly #deadlineMs: number;
  #old: { readonly own: OwnSql; readonly tap: Tap } | null = null;
  #sameCluster = false;
  #pids = { old: 0, next: 0 };
  #locks: readonly AdvisoryLock[] = [];
  #cursors: readonly HeldCursor[] = [];
  #temporary: TemporaryTables | null = null;
  #sequences: readonly SequenceValue[] = [];
  #barrier: Barrier | null = null;
  #handover: LockHandover | null = null;
  #running: Promise<void> = Promise.resolve();

  /** `server`: the session's own. `deadlineMs`: of each step. */
  constructor(what: string, server: ServerConnection, state: SessionStateCapture, options: CarryOptions, deadlineMs: number) {
    this.what = what;
    this.#server = server;
    this.#state = state;
    this.#options = options;
    this.#deadlineMs = deadlineMs;
  }

  /** Inside one cluster its notifications go on reaching it. */
  settles({ level, code }: Finding): boolean {
    return level !== 'block' && code === 'channel' && this.#sameCluster;
  }

  /**
   * Reads, on the old server, all that is to be carried; what was moved for that (a cursor) stands where it stood. Called when the old
   * server is in the middle of no message. Rejects with `Refusal` for what cannot be carried.
   */
  collect(target: ServerConnection): Promise<void> {
    const encoding = this.#state.textEncoding;
    const tap = new Tap(this.#server, 'pass', false);
    const own = new OwnSql(this.#server, 'old', encoding, tap.hear);
    this.#old = { own, tap };
    return this.#step(async (options) => {
      const { advisoryLocks, heldCursors, temporaryTables, sequences } = this.#options;
      const [here, there] = await Promise.all([identify(own, options()), identify(this.#on(target), options())]);
      this.#sameCluster = here.key === there.key;
      this.#pids = { old: here.pid, next: there.pid };
      if (there.inRecovery && this.#state.channels.length > 0)
        throw new Refusal([block('channel', 'it listens to notifications, and the target is a standby, where nobody can')]);
      // Cursors last: they are the only ones that are moved for it.
      if (sequences) this.#sequences = await readSequences(own, options());
      if (temporaryTables) this.#temporary = await readTemporaryTables(own, options());
      if (advisoryLocks) this.#locks = await readLocks(own, options());
      if (heldCursors) this.#cursors = await readCursors(own, encoding, options());
    });
  }

  /** Temporary tables, which statements may be about. */
  beforeStatements(target: ServerConnection): Promise<void> {
    return this.#step(async (options) => {
      if (this.#temporary !== null) await makeTemporaryTables(this.#on(target), this.#temporary, this.#state.currentUser, options());
    });
  }

  /** What stands on the target by itself. */
  afterStatements(target: ServerConnection): Promise<void> {
    return this.#step(async (options) => {
      const own = this.#on(target);
      this.findings.push(...(await setSequences(own, this.#sequences, options())));
      await makeCursors(own, this.#cursors, this.#state.textEncoding, options());
      if (!this.#sameCluster) await takeLocks(own, this.#locks, options());
    });
  }

  /** What only one of the two can have: it changes hands. Nothing but the swap may follow. */
  beforeSwap(target: ServerConnection): Promise<void> {
    return this.#step(async (options) => {
      const old = this.#old;
      if (!this.#sameCluster || old === null) return;
      const tap = new Tap(target, 'drop', true);
      const next = { own: new OwnSql(target, 'new', this.#state.textEncoding, tap.hear), tap };
      if (this.#state.channels.length > 0) {
        this.#barrier = new Barrier(old, next);
        await this.#barrier.cross(options());
      }
      if (this.#locks.length > 0) {
        this.#handover = new LockHandover(old.own, next.own, this.#pids);
        await this.#handover.handOver(this.#locks, options());
      }
    });
  }

  /** The old server has again what it had, and the client hears what was kept from it. A session that lost a lock loses its connection, with the reason. */
  async undo(): Promise<void> {
    await this.#running.catch(() => {});
    const old = this.#old;
    if (old === null) return;
    this.#old = null;
    const { server } = old.own;
    try {
      if (server.isOpen) await this.#handover?.undo();
    } catch (error) {
      server.destroy(error instanceof Error ? error.message : String(error));
    }
    await this.#barrier?.undo({ deadlineMs: this.#deadlineMs });
    old.tap.giveBack();
  }

  #on(target: ServerConnection): OwnSql {
    return new OwnSql(target, 'new', this.#state.textEncoding, () => {});
  }

  async #step(run: (options: () => RunOptions) => Promise<void>): Promise<void> {
    const until = performance.now() + this.#deadlineMs;
    this.#running = run(() => ({ deadlineMs: Math.max(1, until - performance.now()) }));
    await this.#running;
  }
}
