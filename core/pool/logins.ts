/** The logins of a pool that are under way, and those that failed. */
import type { Login } from '../backend/login.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import { Failures } from './failures.ts';
import { Pace } from './pace.ts';

/** A login under way. */
export interface Dialling {
  readonly login: Login;
  readonly key: string;
  /** For whom; empty: for nobody in particular. */
  readonly endpoint: string;
  /** What it opens is to be replaced already. */
  condemned: boolean;
}

/** What becomes of a login. */
export interface LoginsHooks {
  dial(login: Login, signal: AbortSignal): Promise<ServerConnection>;
  limits(): { readonly logins: number; readonly retryAfter: number };
  opened(dialling: Dialling, connection: ServerConnection): void;
  /** `holdsForAll`: the server is to blame, not who logged in. */
  failed(dialling: Dialling, error: Error, holdsForAll: boolean): void;
  /** It was given up. */
  dropped(): void;
}

/** See the head of this file. */
export class Logins {
  readonly #underWay = new Map<Dialling, AbortController>();
  readonly #pace = new Pace();
  readonly #failures = new Failures();
  readonly #hooks: LoginsHooks;

  constructor(hooks: LoginsHooks) {
    this.#hooks = hooks;
  }

  get size(): number {
    return this.#underWay.size;
  }

  all(): Iterable<Dialling> {
    return this.#underWay.keys();
  }

  has(key: string): boolean {
    for (const dialling of this.#underWay.keys()) if (dialling.key === key) return true;
    return false;
  }

  /** One more may begin at the moment. */
  permits(now: number): boolean {
    return this.#pace.permits(this.size, this.#hooks.limits().logins, now);
  }

  /** When the next login with that key may begin, after one that failed; milliseconds since the epoch. */
  retryAt(key: string): number {
    return this.#failures.retryAt(key);
  }

  /** What is told to whoever comes with that key; null: try it. */
  failureOf(key: string, now: number): Error | null {
    return this.#failures.of(key, this.#retryMs, now);
  }

  newestFailure(now: number): Error | null {
    return this.#failures.newest(this.#retryMs, now);
  }

  begin(login: Login, key: string, endpoint: string): void {
    const abort = new AbortController();
    const dialling: Dialling = { login, key, endpoint, condemned: false };
    this.#underWay.set(dialling, abort);
    this.#hooks.dial(login, abort.signal).then(
      (connection) => {
        this.#underWay.delete(dialling);
        if (abort.signal.aborted) {
          connection.end();
          this.#hooks.dropped();
          return;
        }
        this.#pace.succeeded(this.#hooks.limits().logins, Date.now());
        this.#failures.succeeded(key);
        this.#hooks.opened(dialling, connection);
      },
      (reason: unknown) => {
        this.#underWay.delete(dialling);
        if (abort.signal.aborted) {
          this.#hooks.dropped();
          return;
        }
        const error = reason instanceof Error ? reason : new Error(String(reason));
        const now = Date.now();
        const holdsForAll = this.#failures.note(key, error, this.#retryMs, now);
        if (holdsForAll) this.#pace.failed(now);
        this.#hooks.failed(dialling, error, holdsForAll);
      },
    );
  }

  /** Gives up what is for nobody any more. */
  giveUp(isUnwanted: (dialling: Dialling) => boolean): void {
    for (const [dialling, abort] of this.#underWay) if (isUnwanted(dialling)) abort.abort(new Error('nobody wants it any more'));
  }

  /** The server answers. */
  forgive(): void {
    this.#failures.forgive();
  }

  sweep(now: number): void {
    this.#failures.forgetOlder(this.#retryMs, now);
  }

  get #retryMs(): number {
    return this.#hooks.limits().retryAfter * 1000;
  }
}
