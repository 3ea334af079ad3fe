/**
 * When a session that did not move is tried again: once something of it has changed, but not too soon after the last try. What failed for a
 * reason outside of the session (its target refused a connection, say) is tried again after that time without a change.
 */
import type { TransferRow } from '../../contract/index.ts';
import type { Session } from '../../session/session.ts';
import type { SessionWatch } from './session-watch.ts';

/** Milliseconds between two tries of one session: at first, and at most; twice as long after each. */
const FIRST_MS = 100;
const MOST_MS = 5_000;

/** Findings that say something about the target at that moment, and nothing about the session. */
const PASSING = new Set(['no_slots', 'unreachable', 'transferring']);

/** See the head of this file. One per session and operation. */
export class Retry {
  readonly #session: Session;
  readonly #watch: SessionWatch;
  readonly #signal: AbortSignal;
  readonly #deadlineAt: number;
  #tries = 0;

  /** `signal` ends every wait. */
  constructor(session: Session, watch: SessionWatch, signal: AbortSignal, deadlineAt: number) {
    this.#session = session;
    this.#watch = watch;
    this.#signal = signal;
    this.#deadlineAt = deadlineAt;
  }

  /** Waits until another try is worth it; false: the deadline or the signal came first. */
  async wait(last: Pick<TransferRow, 'outcome' | 'findings'>): Promise<boolean> {
    const distance = Math.min(MOST_MS, FIRST_MS * 2 ** this.#tries++);
    return await this.#until(Date.now() + distance, isPassing(last));
  }

  /** Waits until something of the session changes. */
  async change(): Promise<boolean> {
    return await this.#until(0, false);
  }

  /** `notBefore`: milliseconds since the epoch; `anyway`: at that time even without a change. */
  #until(notBefore: number, anyway: boolean): Promise<boolean> {
    if (this.#signal.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      let hasChanged = anyway;
      const settle = (again: boolean): void => {
        clearTimeout(soonest);
        clearTimeout(deadline);
        this.#signal.removeEventListener('abort', onAbort);
        unwatch();
        resolve(again);
      };
      const onAbort = (): void => settle(false);
      const unwatch = this.#watch.watch(this.#session, () => {
        hasChanged = true;
        if (Date.now() >= notBefore || this.#session.forwarder.isEnded) settle(true);
      });
      const soonest = setTimeout(
        () => {
          if (hasChanged) settle(true);
        },
        Math.max(0, notBefore - Date.now()),
      );
      const deadline = setTimeout(() => settle(false), Math.max(0, this.#deadlineAt - Date.now()));
      this.#signal.addEventListener('abort', onAbort);
    });
  }
}

function isPassing({ outcome, findings }: Pick<TransferRow, 'outcome' | 'findings'>): boolean {
  if (outcome === 'error_recoverable') return true;
  return findings.some(({ level, code }) => level === 'block' && PASSING.has(code));
}
