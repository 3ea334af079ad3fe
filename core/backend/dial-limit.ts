/** How long a login may take, in all that it consists of. */
import type { BackendAddress } from './channel.ts';
import { DialFailure } from './dial-failure.ts';

/** How long connecting and logging in may take together, by default. */
export const DIAL_DEADLINE_MS = 5_000;

/** `signal` aborts the login. */
export interface LimitOptions {
  readonly deadlineMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The one deadline of a login, and whoever else ends it. */
export class DialLimit {
  readonly #abort = new AbortController();
  readonly #caller: AbortSignal | undefined;
  readonly #timer: NodeJS.Timeout;
  #stage: 'connect' | 'login' = 'connect';

  constructor(backend: BackendAddress, { deadlineMs = DIAL_DEADLINE_MS, signal }: LimitOptions) {
    this.#caller = signal;
    this.#timer = setTimeout(() => this.#abort.abort(silent(backend, this.#stage, deadlineMs)), deadlineMs);
    signal?.addEventListener('abort', this.#onAbort);
    if (signal?.aborted === true) this.#onAbort();
  }

  /** Its reason is a `DialFailure`. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  connected(): void {
    this.#stage = 'login';
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = (): void => this.#abort.abort(new DialFailure('aborted', 'given up'));
}

function silent(backend: BackendAddress, stage: 'connect' | 'login', deadlineMs: number): DialFailure {
  return stage === 'connect'
    ? new DialFailure('unreachable', `${backend.id} did not accept the connection within ${deadlineMs} ms`)
    : new DialFailure(
        'silent',
        `${backend.id} accepted the connection but did not finish the login within ${deadlineMs} ms`,
        'The server may be overloaded, paused or not a PostgreSQL server.',
      );
}
