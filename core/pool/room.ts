/** How many connections a pool may have: its own limits, and those it shares with the other pools of its backend. */
import type { Settings } from '../contract/index.ts';
import type { Logins } from './logins.ts';
import type { Share } from './share.ts';
import type { Stock } from './stock.ts';

/** What the limits are about. */
export interface RoomContext {
  readonly stock: Stock;
  readonly logins: Logins;
  readonly share: Share;
  settings(): Settings['pooling'];
  /** Since when somebody waits who could be served; null: nobody does. */
  waitingSince(): number | null;
}

/** See the head of this file. */
export class Room {
  /** Kept for connections that are logged in elsewhere. */
  reserved = 0;
  readonly #context: RoomContext;

  constructor(context: RoomContext) {
    this.#context = context;
  }

  /** Open or being opened. */
  get used(): number {
    return this.#context.stock.size + this.#context.logins.size + this.reserved;
  }

  /** The pool itself has as many as it may; the reserve is for those who have waited for long. */
  isFull(now: number): boolean {
    const { size, reserve, reserveAfter } = this.#context.settings();
    const since = reserve === 0 ? null : this.#context.waitingSince();
    return this.used >= (since !== null && now - since >= reserveAfter * 1000 ? size + reserve : size);
  }

  /** The limits were lowered. */
  get isExceeded(): boolean {
    const { size, reserve } = this.#context.settings();
    return this.used > size + reserve;
  }

  /** One more may be opened, perhaps in the place of an idle one. */
  mayGrow(now: number): boolean {
    const { logins, stock, share } = this.#context;
    if (!logins.permits(now)) return false;
    if (this.isFull(now)) return stock.oldestIdle !== undefined;
    return share.reached === null || share.hasIdle;
  }

  /** One more is missing for `min`, and may be opened. */
  isBelowLeast(now: number): boolean {
    const { logins, share } = this.#context;
    const { min, size } = this.#context.settings();
    return this.used < Math.min(min, size) && share.reached === null && logins.permits(now);
  }
}
