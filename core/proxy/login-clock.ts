/** The deadline of logins, from the connection to the first ReadyForQuery: one list, looked through by one timer. */
import { ClientRefusal } from './incoming.ts';

/** One login; `signal` aborts with the `ClientRefusal` that the client is told. */
export interface LoginInProgress {
  readonly signal: AbortSignal;
  /** It has come to an end, this way or the other; may be called more than once. */
  finish(): void;
  /** Ends it for another reason; once it has come to an end, nothing happens: every session says so when it leaves. */
  abort(reason: Error): void;
}

/** See the head of this file. */
export class LoginClock {
  readonly #waiting = new Set<{ since: number; abort: (reason: Error) => void }>();

  /** Logins under way. */
  get count(): number {
    return this.#waiting.size;
  }

  start(): LoginInProgress {
    const controller = new AbortController();
    const entry = { since: Date.now(), abort: (reason: Error) => controller.abort(reason) };
    this.#waiting.add(entry);
    return {
      signal: controller.signal,
      finish: () => this.#waiting.delete(entry),
      abort: (reason) => {
        if (this.#waiting.delete(entry)) entry.abort(reason);
      },
    };
  }

  /** Ends those that have taken longer than `seconds` (0: none), and the oldest of more than `most`. */
  sweep(seconds: number, most: number, now: number): void {
    let surplus = this.#waiting.size - most;
    for (const entry of this.#waiting) {
      const late = seconds > 0 && now - entry.since >= seconds * 1000;
      // In the order they came: behind one that is in time there are only younger ones.
      if (!late && surplus <= 0) return;
      surplus--;
      this.#waiting.delete(entry);
      entry.abort(late ? tooLate(seconds) : tooMany(most));
    }
  }
}

/** PostgreSQL's words and code; it tells only its log, a client is better off knowing. */
function tooLate(seconds: number): ClientRefusal {
  return new ClientRefusal('57014', 'canceling authentication due to timeout', `Switchyard allows ${seconds} s for a login (times.login).`);
}

function tooMany(most: number): ClientRefusal {
  return new ClientRefusal('53300', `sorry, too many clients are logging in already: more than ${most}`, 'Try again in a moment.');
}
