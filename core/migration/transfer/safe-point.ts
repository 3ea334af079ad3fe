/** The wait for a session's next safe point. */
import type { Session } from '../../session/session.ts';
import type { TargetSide } from '../dialect.ts';
import { Recoverable } from './outcomes.ts';

/** What ends the wait, besides the safe point. */
export interface Patience {
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly deadlineAt: number;
}

/**
 * Calls `act` at the next safe point, in the same turn (perhaps at once), and resolves with what it returns. Rejects when it throws, when the
 * patience ends, or when the target is lost meanwhile.
 */
export function atSafePoint<T>(session: Session, side: Pick<TargetSide, 'watch'>, patience: Patience, act: () => T): Promise<T> {
  const { forwarder } = session;
  const { signal, deadlineAt } = patience;
  return new Promise((resolve, reject) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      side.watch(null);
    };
    const giveUp = (error: Error): void => {
      done();
      forwarder.disarm();
      reject(error);
    };
    const onAbort = (): void => giveUp(signal.reason as Error);
    const timer = setTimeout(
      () => giveUp(new Recoverable(forwarder.unsafeReason() ?? 'no safe point in time')),
      Math.max(0, deadlineAt - Date.now()),
    );
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort);
    side.watch((reason) => giveUp(new Recoverable(`the target connection was lost while waiting: ${reason}`)));
    forwarder.arm(() => {
      done();
      try {
        resolve(act());
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
}
