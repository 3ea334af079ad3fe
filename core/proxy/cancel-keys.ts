/** The proxy's own cancel keys: one per client, stable for its life, never a backend's (pooling.md section 4). */
import { randomFillSync, timingSafeEqual } from 'node:crypto';
import { ownCopy } from '../wire/own-copy.ts';

/** What a CancelRequest can reach. */
export interface Cancellable {
  /** False: there was nothing to cancel. */
  cancel(): boolean;
}

/** As PostgreSQL 18 makes them for protocol 3.2; 3.0 has room for 4. */
const LONG_SECRET_BYTES = 32;

/** Random bytes are asked for so many at a time: asking costs more than the bytes. */
const STOCK_BYTES = 4_096;

/** Hands out keys and finds their owners. */
export class CancelKeys {
  readonly #stock = Buffer.alloc(STOCK_BYTES);
  #taken = STOCK_BYTES;
  readonly #owners = new Map<number, { secret: Buffer; owner: Cancellable | null }>();

  /** A new, unused key, long for a client that agreed on protocol 3.2 (`minor` 2); its owner is set with `assign`. */
  issue(minor: number): { pid: number; secret: Buffer } {
    let pid: number;
    do pid = this.#random(4).readUInt32BE() >>> 1;
    while (pid === 0 || this.#owners.has(pid));
    const secret = this.#random(minor >= 2 ? LONG_SECRET_BYTES : 4);
    this.#owners.set(pid, { secret, owner: null });
    return { pid, secret };
  }

  /** Bytes that nobody else has been given; they do not stay in the stock. */
  #random(bytes: number): Buffer {
    if (this.#taken + bytes > STOCK_BYTES) {
      randomFillSync(this.#stock);
      this.#taken = 0;
    }
    const given = this.#stock.subarray(this.#taken, this.#taken + bytes);
    const copy = ownCopy(given);
    given.fill(0);
    this.#taken += bytes;
    return copy;
  }

  assign(pid: number, owner: Cancellable): void {
    const entry = this.#owners.get(pid);
    if (entry !== undefined) entry.owner = owner;
  }

  revoke(pid: number): void {
    this.#owners.delete(pid);
  }

  /** Delivers a cancel request; a wrong key does nothing, as with PostgreSQL. False: nothing came of it. */
  request(pid: number, secret: Buffer): boolean {
    const entry = this.#owners.get(pid);
    if (entry === undefined || secret.length !== entry.secret.length || !timingSafeEqual(secret, entry.secret)) return false;
    return entry.owner?.cancel() ?? false;
  }
}
