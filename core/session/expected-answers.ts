/**
 * The FIFO of expected answers (cockroach-migration.md 1.3): one entry per message that the server will answer with
 * ReadyForQuery, plus the markers needed to know which of them it will not answer because of COPY. Kept as bytes in a ring, so
 * that counting costs no allocation.
 */

/** What stands in the ring. `Execute` and `CopyEnd` expect nothing; they tell where a Sync stands relative to a COPY. */
export const Expected = { Query: 1, FunctionCall: 2, Sync: 3, Execute: 4, CopyEnd: 5 } as const;
type Entry = (typeof Expected)[keyof typeof Expected];

const DROPPED = 0;

/** Counts what the server still owes. */
export class ExpectedAnswers {
  /** ReadyForQuery messages still to come. */
  outstanding = 0;
  /** The server takes COPY data from the client. */
  copyIn = false;
  /** Extended-protocol messages were forwarded since the last Sync that counts; the session is in mid-pipeline. */
  cycleOpen = false;
  #ring = new Uint8Array(64);
  #head = 0;
  #length = 0;

  /** The client's message was forwarded. */
  push(entry: Entry): void {
    if (this.copyIn) {
      // In copy-in mode the server ignores Sync, takes CopyDone and CopyFail as the end, and anything else as a failed COPY
      // that swallows the message: none of them brings a ReadyForQuery of its own.
      if (entry !== Expected.Sync) this.copyIn = false;
      return;
    }
    if (entry === Expected.CopyEnd && this.outstanding === 0) return;
    if (entry === Expected.Sync) this.cycleOpen = false;
    else if (entry === Expected.Execute) this.cycleOpen = true;
    if (this.#length === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = entry;
    this.#length++;
    if (entry <= Expected.Sync) this.outstanding++;
  }

  /** The server sent ReadyForQuery. */
  ready(): void {
    this.copyIn = false;
    while (this.#length > 0) {
      const entry = this.#ring[this.#head] ?? DROPPED;
      this.#head = (this.#head + 1) & (this.#ring.length - 1);
      this.#length--;
      if (entry !== DROPPED && entry <= Expected.Sync) {
        this.outstanding--;
        return;
      }
    }
  }

  /**
   * The server sent CopyInResponse for the oldest request. What the client had already sent behind it decides: a Sync before
   * the end of the COPY data is ignored by the server, any other request there makes the COPY fail and is swallowed with it.
   */
  copyInStarted(): void {
    const mask = this.#ring.length - 1;
    let at = 0;
    let simple = false;
    // A simple query's own entry stays; with the extended protocol the Sync behind the Execute is the first to be ignored.
    while (at < this.#length) {
      const entry = this.#ring[(this.#head + at) & mask] ?? DROPPED;
      simple = entry === Expected.Query;
      if (simple) at++;
      if (simple || entry === Expected.Sync) break;
      at++;
    }
    // With its Sync ignored, an extended cycle stays open until the Sync behind the COPY data.
    if (!simple) this.cycleOpen = true;
    for (; at < this.#length; at++) {
      const index = (this.#head + at) & mask;
      const entry = this.#ring[index] ?? DROPPED;
      if (entry === Expected.CopyEnd) return;
      if (entry === DROPPED) continue;
      this.#ring[index] = DROPPED;
      if (entry <= Expected.Sync) this.outstanding--;
      if (entry !== Expected.Sync) return;
    }
    this.copyIn = true;
  }

  /** The server sent ErrorResponse: a COPY under way is over. */
  failed(): void {
    this.copyIn = false;
  }

  #grow(): void {
    const grown = new Uint8Array(this.#ring.length * 2);
    for (let i = 0; i < this.#length; i++) grown[i] = this.#ring[(this.#head + i) & (this.#ring.length - 1)] ?? DROPPED;
    this.#ring = grown;
    this.#head = 0;
  }
}
