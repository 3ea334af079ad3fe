/** Who waits for a connection of a pool, first come, first served. */
import type { ServerConnection } from '../backend/server-connection.ts';
import type { Want } from './want.ts';

/** One that waits. */
export interface Waiter {
  readonly want: Want;
  /** The identity of its login. */
  readonly key: string;
  readonly since: number;
  /** It was told that it waits. */
  isTold: boolean;
  /** Ends the wait, with a connection or with the reason why there is none. */
  settle(outcome: ServerConnection | Error): void;
}

/** How long somebody may wait, and after what time it is told so: seconds, 0 for never. */
export interface WaitLimits {
  readonly wait: number;
  readonly waitNotice: number;
}

/** See the head of this file. */
export class Waiters {
  readonly #queue: Waiter[] = [];

  get size(): number {
    return this.#queue.length;
  }

  get oldest(): Waiter | undefined {
    return this.#queue[0];
  }

  /** As they stand now, the oldest first. */
  list(): readonly Waiter[] {
    return [...this.#queue];
  }

  first(holds: (waiter: Waiter) => boolean): Waiter | undefined {
    return this.#queue.find(holds);
  }

  /** Waits until somebody settles it, or the signal ends it (`onLeft` is told). */
  join(want: Want, key: string, signal: AbortSignal, onLeft: (waiter: Waiter) => void): Promise<ServerConnection> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        signal.removeEventListener('abort', onAbort);
        const at = this.#queue.indexOf(waiter);
        if (at >= 0) this.#queue.splice(at, 1);
      };
      const onAbort = (): void => {
        leave();
        reject(signal.reason as Error);
        onLeft(waiter);
      };
      const waiter: Waiter = {
        want,
        key,
        since: Date.now(),
        isTold: false,
        settle: (outcome) => {
          leave();
          if (outcome instanceof Error) reject(outcome);
          else resolve(outcome);
        },
      };
      signal.addEventListener('abort', onAbort);
      this.#queue.push(waiter);
    });
  }

  /** Tells those who have waited for long that they wait; those who have waited for too long are handed to `expire`. */
  look({ wait, waitNotice }: WaitLimits, now: number, expire: (waiter: Waiter) => void): void {
    for (const waiter of this.list()) {
      const waited = (now - waiter.since) / 1000;
      if (wait > 0 && waited >= wait) expire(waiter);
      else if (waitNotice > 0 && waited >= waitNotice && !waiter.isTold) {
        waiter.isTold = true;
        waiter.want.onLongWait?.();
      } else if (waiter.isTold === false) return;
    }
  }

  /** When `look` is next needed, milliseconds since the epoch. */
  nextLook({ wait, waitNotice }: WaitLimits): number {
    const { oldest } = this;
    const end = wait === 0 || oldest === undefined ? Infinity : oldest.since + wait * 1000;
    const untold = waitNotice === 0 ? undefined : this.first(({ isTold }) => !isTold);
    return untold === undefined ? end : Math.min(end, untold.since + waitNotice * 1000);
  }
}
