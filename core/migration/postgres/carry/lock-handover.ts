/**
 * Hands advisory locks from one backend of a cluster to another without giving them to anybody else: the new one waits in the lock's queue,
 * nobody but the old one before it, then the old one unlocks (section 9.1).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { block, Refusal } from '../../dialect.ts';
import { lockName, takeStep, waitStep, type AdvisoryLock } from './advisory-locks.ts';
import type { OwnSql, RunOptions } from './own-sql.ts';

const POLL_MS = 1;
/** How long the new backend waits for a lock, as a share of what is left of the step. */
const WAITING_SHARE = 0.8;
/** How long the old backend waits to have a lock back that the new one held when it died, in milliseconds. */
const TAKE_BACK_MS = 2_000;

/** A lock that could not be taken back: the session has lost it, and must be told so. */
export class LockLost extends Error {
  constructor(lock: AdvisoryLock, cause: unknown) {
    super(`its advisory lock was lost in a move that failed: ${lockName(lock)} has gone to somebody else`, { cause });
    this.name = 'LockLost';
  }
}

/** See the head of this file. One per move. */
export class LockHandover {
  readonly #old: OwnSql;
  readonly #next: OwnSql;
  readonly #pids: { readonly old: number; readonly next: number };
  readonly #released: AdvisoryLock[] = [];

  constructor(old: OwnSql, next: OwnSql, pids: { readonly old: number; readonly next: number }) {
    this.#old = old;
    this.#next = next;
    this.#pids = pids;
  }

  /** Hands all of them over. Rejects with `Refusal` when others wait for one; `undo` is due then. */
  async handOver(locks: readonly AdvisoryLock[], options: RunOptions): Promise<void> {
    const until = performance.now() + options.deadlineMs;
    for (const group of byKey(locks)) {
      const left = (): RunOptions => ({ ...options, deadlineMs: Math.max(1, until - performance.now()) });
      await this.#handOverKey(group, left);
    }
  }

  /** The locks of one key: the exclusive one first, which nobody else can have. */
  async #handOverKey(group: readonly AdvisoryLock[], left: () => RunOptions): Promise<void> {
    if (group.every((lock) => lock.shared)) {
      const { results } = await this.#next.run(
        group.map((lock) => takeStep(lock, 'pg_try_advisory_lock')),
        left(),
      );
      // A shared lock is refused only while somebody waits for an exclusive one.
      if (results.some(({ rows }) => rows[0]?.[0] !== 't')) throw othersWait(group);
      return;
    }
    const options = left();
    // It gives up by itself before it is given up.
    const taking = this.#next.run(group.map(waitStep), { ...options, lockMs: options.deadlineMs * WAITING_SHARE });
    let isSettled = false;
    const settled = taking.then(
      () => (isSettled = true),
      () => (isSettled = true),
    );
    let isNext = false;
    try {
      while (!isSettled && !isNext) {
        isNext = await this.#isNext(group, left());
        if (!isNext) await Promise.race([settled, sleep(POLL_MS)]);
      }
      if (!isSettled) await this.#releaseOrLose(group, left());
      await taking;
    } catch (error) {
      // A backend that waits for a lock does not notice that its client is gone: cancelled, or it would stay in the queue.
      const { server } = this.#next;
      await server.cancel(() => true);
      server.destroy();
      await settled;
      throw error;
    }
  }

  /** Whether the new backend waits, for the old one alone. */
  async #isNext(group: readonly AdvisoryLock[], options: RunOptions): Promise<boolean> {
    const sql = `SELECT pg_catalog.array_to_string(pg_catalog.pg_blocking_pids(${this.#pids.next}),' ')`;
    const { rows } = await this.#old.one({ label: 'who waits for its advisory lock', sql }, options);
    const blockers = (rows[0]?.[0] ?? '').split(' ').filter((pid) => pid !== '');
    if (blockers.length === 0) return false;
    if (blockers.some((pid) => Number(pid) !== this.#pids.old)) throw othersWait(group);
    return true;
  }

  /** An old backend that dies releases its locks as well, and the new one is next: the session is rescued. */
  async #releaseOrLose(group: readonly AdvisoryLock[], options: RunOptions): Promise<void> {
    try {
      await this.#release(group, options);
    } catch (error) {
      if (this.#old.server.isOpen) throw error;
    }
  }

  async #release(group: readonly AdvisoryLock[], options: RunOptions): Promise<void> {
    this.#released.push(...group);
    const { results } = await this.#old.run(
      group.map((lock) => takeStep(lock, 'pg_advisory_unlock')),
      { ...options, cancels: false },
    );
    if (results.some(({ rows }) => rows[0]?.[0] !== 't')) throw new Error('an advisory lock was held less often than it was counted');
  }

  /** The old backend gets back what it has released; the new connection is closed. Rejects with `LockLost`, or when the old one fails. */
  async undo(): Promise<void> {
    this.#next.server.destroy();
    for (const lock of this.#released.splice(0)) {
      try {
        await this.#old.run([waitStep(lock)], { deadlineMs: 2 * TAKE_BACK_MS, lockMs: TAKE_BACK_MS });
      } catch (error) {
        throw new LockLost(lock, error);
      }
    }
  }
}

function othersWait(group: readonly AdvisoryLock[]): Refusal {
  return new Refusal([
    block(
      'advisory_lock',
      `others wait for its advisory lock, and would get it in a move: ${group.map(lockName).join(', ')}`,
      'It can move while nobody waits for the lock.',
    ),
  ]);
}

function byKey(locks: readonly AdvisoryLock[]): AdvisoryLock[][] {
  const groups = new Map<string, AdvisoryLock[]>();
  for (const lock of locks) groups.set(lock.key, [...(groups.get(lock.key) ?? []), lock]);
  return [...groups.values()].map((group) => group.toSorted((a, b) => Number(a.shared) - Number(b.shared)));
}
