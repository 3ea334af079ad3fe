/** What every client of the soak is: it asks numbered questions, and whatever comes back must be the answer to the one it asked. */

/** One session, or for pgbench a few of them. */
export interface SoakClient {
  /** Also the application name of its sessions. */
  readonly name: string;
  /** Asks until `stop` aborts. Resolves with the number of right answers; rejects with the first that was wrong, and with any error. */
  run(stop: AbortSignal): Promise<number>;
}

/** Where a client goes. */
export interface Door {
  readonly host: string;
  readonly port: number;
  /** `endpoint/database`. */
  readonly database: string;
}

/** Throws if they differ. */
export function same(seen: unknown, wanted: unknown): void {
  const [one, other] = [JSON.stringify(seen), JSON.stringify(wanted)];
  if (one !== other) throw new Error(`answered ${one.slice(0, 300)} in the place of ${other.slice(0, 300)}`);
}
