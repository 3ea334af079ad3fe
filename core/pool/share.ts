/** The pools of one backend, as far as they stand in each other's way: together they may have only so many connections. */

/** A pool, as the others see it. */
export interface Sharer {
  /** Open or being opened. */
  readonly used: number;
  /** Since when the connection that was unused for the longest time is so; null: none is unused. */
  readonly oldestIdleSince: number | null;
  /** Since when somebody waits who could be served; null: nobody does. */
  readonly oldestWaitSince: number | null;
  /** Closes the connection that was unused for the longest time, for `beneficiary`. */
  evictOldest(beneficiary: string): void;
  serve(): void;
}

/** See the head of this file. */
export class Share {
  readonly #sharers = new Set<Sharer>();
  readonly #limit: () => number;

  /** `limit`: how many of the moment; 0: as many as they want. */
  constructor(limit: () => number) {
    this.#limit = limit;
  }

  join(sharer: Sharer): void {
    this.#sharers.add(sharer);
  }

  leave(sharer: Sharer): void {
    this.#sharers.delete(sharer);
  }

  get isEmpty(): boolean {
    return this.#sharers.size === 0;
  }

  /** The limit, when it is reached; null otherwise. */
  get reached(): number | null {
    const limit = this.#limit();
    if (limit === 0) return null;
    let total = 0;
    for (const { used } of this.#sharers) total += used;
    return total >= limit ? limit : null;
  }

  /** Some connection here is unused. */
  get hasIdle(): boolean {
    for (const { oldestIdleSince } of this.#sharers) if (oldestIdleSince !== null) return true;
    return false;
  }

  /** Closes the connection that was unused for the longest time, in whichever pool; false when all are in use. */
  evictOldest(beneficiary: string): boolean {
    let oldest: Sharer | null = null;
    for (const sharer of this.#sharers) {
      if (sharer.oldestIdleSince !== null && sharer.oldestIdleSince < (oldest?.oldestIdleSince ?? Infinity)) oldest = sharer;
    }
    oldest?.evictOldest(beneficiary);
    return oldest !== null;
  }

  /** The limit is reached, and in another pool somebody waits since before `since`. */
  isOwedElsewhere(sharer: Sharer, since: number): boolean {
    if (this.#limit() === 0 || this.#sharers.size === 1) return false;
    for (const other of this.#sharers) {
      if (other !== sharer && (other.oldestWaitSince ?? Infinity) < since) return this.reached !== null;
    }
    return false;
  }

  /** A connection of `sharer` was closed, or nobody there wants it: whoever has waited longest may want its place. */
  freed(sharer: Sharer): void {
    if (this.#limit() === 0 || this.#sharers.size === 1) {
      sharer.serve();
      return;
    }
    const waiting = [...this.#sharers].filter((other) => other !== sharer && other.oldestWaitSince !== null);
    waiting.push(sharer);
    waiting.sort((a, b) => (a.oldestWaitSince ?? Infinity) - (b.oldestWaitSince ?? Infinity));
    for (const each of waiting) each.serve();
  }
}
