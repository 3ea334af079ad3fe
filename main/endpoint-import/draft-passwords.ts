/** The passwords of drafts: they wait in memory until their drafts are applied, and never go back to a window. */
import { randomUUID } from 'node:crypto';

const KEPT_MS = 3_600_000;
const MOST = 1_000;

/** Names for passwords. One is forgotten after an hour, or when a thousand newer ones have come. */
export class DraftPasswords {
  readonly #kept = new Map<string, { readonly password: string; readonly until: number }>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Keeps a password; answers the name to ask for it by. */
  keep(password: string): string {
    const name = randomUUID();
    this.#forgetOld();
    this.#kept.set(name, { password, until: this.#now() + KEPT_MS });
    return name;
  }

  /** Puts the password in the place of its name, where it is still known and the request has no other. */
  resolve<T extends { password?: string | undefined; passwordFrom?: string | undefined }>(request: T): T {
    if (request.passwordFrom === undefined || request.password !== undefined) return request;
    this.#forgetOld();
    const kept = this.#kept.get(request.passwordFrom);
    return kept === undefined ? request : { ...request, password: kept.password };
  }

  #forgetOld(): void {
    for (const [name, { until }] of this.#kept) {
      if (until > this.#now() && this.#kept.size < MOST) break;
      this.#kept.delete(name);
    }
  }
}
