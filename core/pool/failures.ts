/** Logins that failed: who is told of it without being tried, and when the next one is due. */
import { DialFailure } from '../backend/dial-failure.ts';

/** The next login comes after this part of `retryAfter` at least, and after all of it at most. */
const EARLIEST_RETRY = 0.5;
/** The shortest pause after a failed login, whatever the settings say: nobody is helped by a storm. */
const LEAST_RETRY_MS = 250;
/** Too many connections; the server starts, or stops. */
const WHOLE_SERVER = new Set(['53300', '57P03']);

interface Failure {
  readonly error: Error;
  readonly at: number;
  /** When whoever waits for other connections is helped out with another login. */
  readonly retryAt: number;
}

/** The whole server is meant, and not only who logged in. */
export function isServers(error: Error): boolean {
  if (!(error instanceof DialFailure)) return false;
  return error.kind === 'unreachable' || error.kind === 'silent' || WHOLE_SERVER.has(error.fields?.sqlState ?? '');
}

/** See the head of this file. By the identity of the login; what is the server's fault holds for all. */
export class Failures {
  readonly #failures = new Map<string, Failure>();
  #ofServer: Failure | null = null;

  /** True: it holds for every login. `retryMs`: `retryAfter` of the settings. */
  note(key: string, error: Error, retryMs: number, now: number): boolean {
    const retryAt = now + Math.max(LEAST_RETRY_MS, retryMs) * (EARLIEST_RETRY + Math.random() * (1 - EARLIEST_RETRY));
    const failure = { error, at: now, retryAt };
    if (isServers(error)) this.#ofServer = failure;
    else this.#failures.set(key, failure);
    return failure === this.#ofServer;
  }

  /** What is told to others at once; null when it is time to try again. */
  of(key: string, retryMs: number, now: number): Error | null {
    for (const failure of [this.#failures.get(key), this.#ofServer]) {
      if (failure != null && now - failure.at < retryMs) return failure.error;
    }
    return null;
  }

  /** Not before that is it tried again, milliseconds since the epoch; 0: at once. */
  retryAt(key: string): number {
    return Math.max(this.#failures.get(key)?.retryAt ?? 0, this.#ofServer?.retryAt ?? 0);
  }

  /** The newest that is still told; null: there is none. */
  newest(retryMs: number, now: number): Error | null {
    let newest: Failure | null = null;
    for (const failure of [...this.#failures.values(), this.#ofServer]) {
      if (failure !== null && now - failure.at < retryMs && failure.at >= (newest?.at ?? 0)) newest = failure;
    }
    return newest?.error ?? null;
  }

  /** Somebody was let in. */
  succeeded(key: string): void {
    this.#failures.delete(key);
    this.#ofServer = null;
  }

  /** The server answers. */
  forgive(): void {
    this.#ofServer = null;
  }

  forgetOlder(retryMs: number, now: number): void {
    for (const [key, { at, retryAt }] of this.#failures) if (now - at >= retryMs && now >= retryAt) this.#failures.delete(key);
  }
}
