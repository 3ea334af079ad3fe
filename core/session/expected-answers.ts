/**
 * The FIFO of expected answers (cockroach-migration.md 1.3, pooling.md 1.5): one byte per message that the server works on, in a
 * ring, so that counting costs no allocation. Its head is what the server answers now; that tells whose error an ErrorResponse
 * is, which messages are skipped because of it, and how many ReadyForQuery are still to come.
 */

/** What stands in the ring. */
export const Expected = {
  // These bring a ReadyForQuery.
  Query: 1,
  FunctionCall: 2,
  Sync: 3,
  /** A Sync that was sent while, or right before, the server was taking COPY data: ignored if it was read then. */
  MaybeSync: 4,
  // These bring an answer of their own, and an error in one of them makes the server skip everything up to the next Sync.
  Parse: 5,
  UnnamedParse: 6,
  Bind: 7,
  Describe: 8,
  Execute: 9,
  Close: 10,
  /** The proxy's own, in front of a message of the client's; an error in them is the answer to that message. */
  OwnParse: 11,
  OwnBind: 12,
  OwnExecute: 13,
  OwnClose: 14,
  /** A Flush that has a body: an error, like one of the extended messages, but ignored like any Flush while COPY data is taken. */
  BadFlush: 15,
  /** A Close of the proxy's own, to find out whether a `MaybeSync` was answered. */
  Probe: 16,
  /** CopyDone or CopyFail, sent before it was known whether there is a COPY; no answer of its own. */
  CopyEnd: 17,
} as const;
type Entry = (typeof Expected)[keyof typeof Expected];

const DROPPED = 0;

/** Sets of entries as bits: whether one is in a set is asked for every message, and must cost no closure. */
const bit = (entry: number): number => 1 << entry;
const PARSES = bit(Expected.Parse) | bit(Expected.UnnamedParse) | bit(Expected.OwnParse);
const BINDS = bit(Expected.Bind) | bit(Expected.OwnBind);
const DESCRIBE = bit(Expected.Describe);
const EXECUTES = bit(Expected.Execute) | bit(Expected.OwnExecute);
const CLOSES = bit(Expected.Close) | bit(Expected.OwnClose) | bit(Expected.Probe);
const QUERY = bit(Expected.Query);
const NONE = 0;

/** True for entries that the server answers with ReadyForQuery. */
function bringsReady(entry: number): boolean {
  return entry !== DROPPED && entry <= Expected.MaybeSync;
}

function isExtended(entry: number): boolean {
  return entry >= Expected.Parse && entry <= Expected.BadFlush;
}

/** Follows what the server owes. */
export class ExpectedAnswers {
  /** ReadyForQuery messages still to come; in doubt, the most there can be. */
  outstanding = 0;
  /** The server takes COPY data from the client, and its end was not sent yet. */
  copyIn = false;
  /** Extended-protocol messages were forwarded since the last Sync that counts; the session is in mid-pipeline. */
  cycleOpen = false;
  /** After an error in the extended protocol: the server skips everything until a Sync. */
  skipping = false;
  /**
   * Behind a failed COPY the client went on without waiting, so that it cannot be told which of its messages were skipped: the
   * count means nothing any more, for good. No known client does that.
   */
  isLost = false;
  /** The number (see `next`) of the extended message that the last ErrorResponse was the answer to; -1: it answered something else. */
  failedAt = -1;
  /** A COPY failed and it is not known whether a Sync was ignored with it: `outstanding` may be too high. */
  #inDoubt = false;
  /** The message at the head runs a COPY FROM STDIN. */
  #copying = false;
  /** Since it is in doubt, a ReadyForQuery came: the server skips nothing any more. */
  #readySeen = false;
  #probing = false;
  #unnamedSkipped = false;
  #ring = new Uint8Array(64);
  #head = 0;
  #length = 0;
  /** How many have left the ring. */
  #gone = 0;
  /** How many entries were there at the last Flush: their answers are on their way. */
  #flushed = 0;
  /** See `ownReady`. */
  #ownReadyAt = -1;

  /** A COPY failed and it is not known (or was just asked) whether a Sync was ignored with it: `outstanding` may be too high. */
  get inDoubt(): boolean {
    return this.#inDoubt || this.#probing || this.isLost;
  }

  /** Everything in the ring has a number, in order; this is what the next one gets. */
  get next(): number {
    return this.#gone + this.#length;
  }

  /** What has a lower number has been answered, or skipped. */
  get done(): number {
    return this.#gone;
  }

  /** An error in something that is not answered yet would make the server skip what is sent next. */
  get mayBeSkipped(): boolean {
    return this.#length > 0 && this.#at(this.#length - 1) !== Expected.Sync;
  }

  /** Nothing is due but the ReadyForQuery of one Sync. */
  get isOnlySync(): boolean {
    return this.#length === 1 && this.#at(0) === Expected.Sync;
  }

  /** The next ReadyForQuery is none of the client's business: what it belongs to is sent again. Only if `isOnlySync`. */
  ownReady(): void {
    this.#ownReadyAt = this.#gone;
  }

  get isReadyOwn(): boolean {
    return this.#ownReadyAt === this.#gone;
  }

  /** What the server does next is a Parse of the proxy's own: its warnings were heard, or will be, when it is the client's. */
  get isParsingOwn(): boolean {
    return this.#length > 0 && this.#at(0) === Expected.OwnParse;
  }

  /** The client's message was forwarded. */
  push(entry: Entry): void {
    if (this.skipping) {
      if (entry !== Expected.Sync) {
        this.#skipped(entry);
        return;
      }
      this.skipping = false;
    }
    if (this.copyIn) {
      if (entry === Expected.BadFlush) return;
      if (entry === Expected.CopyEnd) {
        this.copyIn = false;
        return;
      }
      // Ignored for the convenience of clients, unless the COPY fails before the server has read it.
      if (entry === Expected.Sync) {
        this.#append(Expected.MaybeSync);
        return;
      }
    }
    if (entry === Expected.CopyEnd && this.#length === 0) return;
    this.#append(entry);
    if (this.#inDoubt && !this.#readySeen) this.#findLoss();
    if (entry === Expected.Probe) this.#probing = true;
    // A simple query or function call ends the implicit transaction of the extended messages before it.
    if (entry <= Expected.Sync) this.cycleOpen = false;
    else if (isExtended(entry)) this.cycleOpen = true;
  }

  /** A Flush was forwarded: what was sent before it is answered without a Sync, too. */
  flush(): void {
    if (!this.copyIn) this.#flushed = this.#length;
  }

  /** Whether an answer is still to come without the client having to send anything more. */
  get isOwed(): boolean {
    this.#trim();
    return this.outstanding > 0 || this.#flushed > 0;
  }

  /** The server sent ReadyForQuery. */
  ready(): void {
    this.copyIn = false;
    this.#copying = false;
    while (this.#length > 0) {
      if (bringsReady(this.#shift())) break;
    }
    if (!this.#inDoubt) return;
    this.#readySeen = true;
    if (this.outstanding === 0) this.#inDoubt = false;
    this.#findCycle();
  }

  /**
   * The server sent CopyInResponse for the message at the head. What the client had already sent behind it decides: its end of
   * the COPY, if there is one, is taken as such; a Sync in front of that is ignored, if the server gets to read it.
   */
  copyInStarted(): void {
    if (this.#inDoubt) this.#resync(EXECUTES | QUERY);
    this.#trim();
    const owner = this.#at(0);
    this.#copying = true;
    let ended = false;
    let closed = owner === Expected.Query;
    for (let i = 1; i < this.#length; i++) {
      const entry = this.#at(i);
      if (ended) {
        if (entry <= Expected.Sync && entry !== DROPPED) closed = true;
      } else if (entry === Expected.Sync) {
        this.#set(i, Expected.MaybeSync);
      } else if (entry === Expected.BadFlush) {
        this.#set(i, DROPPED);
      } else if (entry === Expected.CopyEnd) {
        this.#set(i, DROPPED);
        ended = true;
      } else if (entry !== DROPPED && entry !== Expected.MaybeSync) {
        // Anything else makes PostgreSQL end the connection.
        ended = true;
      }
    }
    this.copyIn = !ended;
    // With its Sync ignored, an extended cycle stays open until the Sync behind the COPY data.
    if (!closed) this.cycleOpen = true;
  }

  /** The server finished a Parse (`1`). True when it was the proxy's own. */
  parsed(): boolean {
    return this.#answered(PARSES, NONE) === Expected.OwnParse;
  }

  /** The server finished a Bind (`2`). True when it was the proxy's own. */
  bound(): boolean {
    return this.#answered(BINDS, NONE) === Expected.OwnBind;
  }

  /** The server finished a Describe (`n`, or `T`, which a Query brings too). */
  described(): void {
    this.#answered(DESCRIBE, QUERY);
  }

  /** The server finished a Close (`3`). True when it was the proxy's own, which is none of the client's business. */
  closed(): boolean {
    const entry = this.#answered(CLOSES, NONE);
    if (entry !== Expected.Probe) return entry === Expected.OwnClose;
    this.#probing = false;
    this.#inDoubt = false;
    return true;
  }

  /** The server finished a command (`C`, `I` or `s`). True when it was the proxy's own. */
  completed(): boolean {
    if (this.#copying) this.#copied();
    return this.#answered(EXECUTES, QUERY) === Expected.OwnExecute;
  }

  /** The server sent ErrorResponse. */
  failed(): void {
    this.failedAt = -1;
    this.#trim();
    if (this.#length === 0) return;
    const copying = this.#copying;
    if (copying) {
      this.#copying = false;
      this.copyIn = false;
      for (let i = 1; i < this.#length && !this.#inDoubt; i++) this.#inDoubt = this.#at(i) === Expected.MaybeSync;
      this.#readySeen = false;
      if (this.#inDoubt) this.#findLoss();
    }
    const failed = this.#at(0);
    if (this.#inDoubt && !copying) {
      // The head may be a Sync that was ignored, and the error another's: whose, and what is skipped for it, cannot be told.
      for (let i = 0; i < this.#length; i++) this.isLost ||= isExtended(this.#at(i)) || this.#at(i) <= Expected.FunctionCall;
      return;
    }
    if (!isExtended(failed)) return;
    this.failedAt = this.#gone;
    this.#shift();
    while (this.#length > 0) {
      const entry = this.#at(0);
      if (entry === Expected.Sync || entry === Expected.MaybeSync) return;
      this.#skipped(this.#shift());
    }
    this.skipping = true;
    this.cycleOpen = true;
  }

  /** True, once, after messages were skipped that would have changed the unnamed statement. */
  takeUnnamedSkipped(): boolean {
    const skipped = this.#unnamedSkipped;
    this.#unnamedSkipped = false;
    return skipped;
  }

  /**
   * True when it is in doubt whether ReadyForQuery is still to come and nothing else would tell soon: then a Close of the
   * proxy's own, pushed as `Probe`, is answered behind whatever is due.
   */
  get wantsProbe(): boolean {
    if (!this.#inDoubt || !this.#readySeen || this.#probing || this.skipping || this.copyIn || this.cycleOpen || this.isLost) return false;
    for (let i = 0; i < this.#length; i++) {
      const entry = this.#at(i);
      // These might start a COPY, which must not find it, or be mistaken for it. Their own answers will tell.
      if (entry === Expected.Query || entry === Expected.FunctionCall || entry === Expected.Execute) return false;
      if (entry === Expected.OwnExecute || entry === Expected.Close || entry === Expected.OwnClose) return false;
    }
    return true;
  }

  /** Takes the head off if it is one of the set; returns it. `others` have the same answer, and more answers behind it. */
  #answered(set: number, others: number): number {
    if (this.#inDoubt) this.#resync(set | others);
    this.#trim();
    if (this.#length === 0 || (bit(this.#at(0)) & set) === 0) return DROPPED;
    return this.#shift();
  }

  /** An answer came that only a certain message has: every Sync in front of it was answered before or never will be. */
  #resync(set: number): void {
    for (let i = 0; i < this.#length; i++) {
      if ((bit(this.#at(i)) & set) === 0) continue;
      while (i-- > 0) this.#shift();
      this.#findCycle();
      return;
    }
  }

  /** See `isLost`: something that could be skipped stands between a doubtful Sync and the next certain one. */
  #findLoss(): void {
    let doubtful = false;
    for (let i = 0; i < this.#length; i++) {
      const entry = this.#at(i);
      if (entry === Expected.MaybeSync) doubtful = true;
      else if (entry === Expected.Sync) doubtful = false;
      else if (doubtful && (isExtended(entry) || bringsReady(entry))) this.isLost = true;
    }
  }

  #findCycle(): void {
    this.cycleOpen = false;
    for (let i = 0; i < this.#length; i++) {
      const entry = this.#at(i);
      if (isExtended(entry)) this.cycleOpen = true;
      else if (bringsReady(entry)) this.cycleOpen = false;
    }
  }

  /** A COPY succeeded: the server has read everything up to its end and ignored every Sync in it. */
  #copied(): void {
    this.#copying = false;
    this.copyIn = false;
    for (let i = 1; i < this.#length; i++) {
      if (this.#at(i) !== Expected.MaybeSync) continue;
      this.#set(i, DROPPED);
      this.outstanding--;
    }
  }

  #skipped(entry: number): void {
    if (entry === Expected.UnnamedParse || entry === Expected.Query || entry === Expected.Close) this.#unnamedSkipped = true;
  }

  #append(entry: Entry): void {
    if (this.#length === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = entry;
    this.#length++;
    if (bringsReady(entry)) this.outstanding++;
  }

  #at(index: number): number {
    return this.#ring[(this.#head + index) & (this.#ring.length - 1)] ?? DROPPED;
  }

  #set(index: number, entry: number): void {
    this.#ring[(this.#head + index) & (this.#ring.length - 1)] = entry;
  }

  #shift(): number {
    const entry = this.#at(0);
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#length--;
    this.#gone++;
    if (this.#flushed > 0) this.#flushed--;
    if (bringsReady(entry)) this.outstanding--;
    return entry;
  }

  /** Leaves out what no answer belongs to. */
  #trim(): void {
    while (this.#length > 0 && (this.#at(0) === DROPPED || (this.#at(0) === Expected.CopyEnd && !this.#copying))) this.#shift();
  }

  #grow(): void {
    const grown = new Uint8Array(this.#ring.length * 2);
    for (let i = 0; i < this.#length; i++) grown[i] = this.#at(i);
    this.#ring = grown;
    this.#head = 0;
  }
}
