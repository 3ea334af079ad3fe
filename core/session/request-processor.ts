/**
 * The request processor: client to server. Walks message headers in place and forwards whole runs in one write. It stops only
 * at message boundaries: what may not pass yet waits in its held input, so that nothing is lost.
 */
import { Client, HEADER_BYTES, isClientType, MAX_MESSAGE_LENGTH } from '../wire/codes.ts';
import { Expected } from './expected-answers.ts';
import type { SessionJournal } from './journal.ts';
import type { Link } from './link.ts';
import type { StatementNames } from './statements/names.ts';
import { Renaming } from './statements/renaming.ts';
import { Rewriter } from './statements/rewriter.ts';

/** Where the request processor's output goes. */
export interface RequestSink {
  forward(bytes: Buffer): void;
  /** The client said Terminate; it is not forwarded. */
  terminated(): void;
  /** The client broke the protocol. */
  violated(message: string): void;
  /**
   * A statement is about to pass, whole, from a session whose statement names are not the server's: true when it needs them to be. Then the
   * input stops (`isWaiting`) until they are.
   */
  needsOwnNames(type: number, bytes: Buffer, start: number, end: number): boolean;
  /** What `drop` was to leave out is over: the client waits for its ReadyForQuery. */
  dropped(): void;
}

/** How much of a message is collected for the journal when it does not come in one piece. */
const COLLECT_LIMIT = 1024 * 1024 + 1024;

/** See the head of this file. */
export class RequestProcessor {
  /** Bytes of held input. */
  heldBytes = 0;
  readonly #link: Link;
  readonly #journal: SessionJournal;
  readonly #sink: RequestSink;
  readonly #held: Buffer[] = [];
  #stopped = false;
  /** Less than a header, waiting for the rest of it. */
  #partial: Buffer | null = null;
  #bodyLeft = 0;
  #type = 0;
  #length = 0;
  /** Of a message that is passing in pieces: its number among the expected answers. */
  #number = 0;
  #collected: Buffer | null = null;
  #collectedLength = 0;
  /** See `drop`. */
  #dropping: 'nothing' | 'message' | 'cycle' = 'nothing';
  #dropLeft = 0;
  /** What follows concerns sessions whose statement names are not the server's (`Link.names`). */
  readonly #rewriter: Rewriter;
  /** The input stopped at a message whose names wait for an answer. */
  #isWaiting = false;
  /** The message that is being collected passes only once its names are known. */
  #isWithheld = false;

  constructor(link: Link, journal: SessionJournal, sink: RequestSink) {
    this.#link = link;
    this.#journal = journal;
    this.#sink = sink;
    this.#rewriter = new Rewriter(link, (bytes) => sink.forward(bytes));
  }

  /** True when no message is partly forwarded. */
  get atBoundary(): boolean {
    return this.#bodyLeft === 0;
  }

  /** See `drop`: its end is still to come. */
  get isDropping(): boolean {
    return this.#dropping !== 'nothing';
  }

  /** The input has stopped until more is answered: `pump` then. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** True when nothing of a message is waiting for the rest of it, or for the gate. */
  get isEmpty(): boolean {
    return this.#partial === null && this.#held.length === 0;
  }

  /** What is held begins with the client's goodbye: nothing else is wanted. */
  get saysGoodbye(): boolean {
    return this.#partial === null && this.#held[0]?.[0] === Client.Terminate;
  }

  /**
   * Leaves out the request at the head of what is held, as a server does that has answered it with an error: one simple query or function
   * call, or an extended cycle up to its Sync, of which a part may still be to come. `dropped` follows, perhaps at once.
   */
  drop(): void {
    const type = this.#partial?.[0] ?? this.#held[0]?.[0] ?? 0;
    this.#dropping = type === Client.Query || type === Client.FunctionCall ? 'message' : 'cycle';
    const held = this.#held.splice(0);
    this.heldBytes = 0;
    for (const chunk of held) this.push(chunk);
  }

  /** Takes bytes from the client. */
  push(chunk: Buffer): void {
    if (this.#stopped) return;
    if (this.#held.length > 0) this.#hold(chunk, false);
    else this.#consume(chunk);
  }

  /** Goes on with the held input, as far as the gate allows. */
  pump(): void {
    while (!this.#stopped && this.#held.length > 0 && !(this.atBoundary && this.#isGated())) {
      const chunk = this.#held.shift();
      if (chunk === undefined) return;
      this.heldBytes -= chunk.length;
      this.#isWaiting = false;
      this.#consume(chunk);
      if (this.#isWaiting) return;
    }
  }

  /**
   * Suspended: nothing passes. Armed: nothing passes behind a request until its answer is in, or a pipelining client would
   * never come to a safe point; but COPY data and an open extended cycle must go on, or the answer would never come.
   */
  #isGated(): boolean {
    const link = this.#link;
    if (link.suspended) return true;
    if (!link.armed) return false;
    const { expected } = link;
    return expected.outstanding > 0 && !expected.cycleOpen && !expected.copyIn && !expected.inDoubt;
  }

  #hold(chunk: Buffer, first: boolean): void {
    if (first) this.#held.unshift(chunk);
    else this.#held.push(chunk);
    this.heldBytes += chunk.length;
  }

  #consume(input: Buffer): void {
    const link = this.#link;
    let chunk = input;
    if (this.#partial !== null) {
      chunk = Buffer.concat([this.#partial, input]);
      this.#partial = null;
    }
    if (this.#dropping !== 'nothing') chunk = this.#leaveOut(chunk);
    const end = chunk.length;
    let at = 0;
    while (at < end) {
      if (this.#bodyLeft > 0) {
        const taken = Math.min(this.#bodyLeft, end - at);
        if (this.#collected !== null) this.#collect(chunk, at, at + taken);
        this.#bodyLeft -= taken;
        at += taken;
        if (this.#isWithheld && link.names !== null) {
          this.#rewriter.leaveOut(at);
          if (!this.#release(link.names)) {
            this.#putBack(chunk, at);
            return;
          }
        } else if (this.#bodyLeft === 0) {
          this.#bodyComplete();
        }
        continue;
      }
      if ((link.suspended || link.armed) && this.#isGated()) {
        this.#forward(chunk, at);
        this.#hold(chunk.subarray(at), true);
        return;
      }
      if (end - at < HEADER_BYTES) {
        this.#forward(chunk, at);
        this.#partial = chunk.subarray(at);
        return;
      }
      const type = chunk[at] ?? 0;
      const length = chunk.readInt32BE(at + 1);
      if (type === Client.Terminate || length < 4 || length > MAX_MESSAGE_LENGTH || !isClientType(type)) {
        this.#forward(chunk, at);
        this.#stopped = true;
        if (type === Client.Terminate) this.#sink.terminated();
        else if (!isClientType(type)) this.#sink.violated(`invalid frontend message type ${type}`);
        else this.#sink.violated(`invalid message length ${length}`);
        return;
      }
      const whole = at + length + 1 <= end;
      if (link.names !== null) {
        const isText = type === Client.Query || type === Client.Parse;
        if (isText && whole && !link.names.isNative && this.#sink.needsOwnNames(type, chunk, at, at + length + 1)) {
          this.#forward(chunk, at);
          this.#hold(chunk.subarray(at), true);
          this.#isWaiting = true;
          return;
        }
        const renaming = this.#rewriter.inPlace(link.names, type, chunk, at, whole ? at + length + 1 : end, length + 1);
        if (renaming === Renaming.Wait) {
          this.#forward(chunk, at);
          this.#hold(chunk.subarray(at), true);
          this.#isWaiting = true;
          return;
        }
        if (renaming === Renaming.More) {
          this.#forward(chunk, at);
          link.bytesIn += end - at;
          this.#withhold(type, length + 1, chunk, at);
          return;
        }
      }
      link.requestType = type;
      link.requestAt = ++link.clock;
      this.#header(type, chunk, at);
      if (whole) {
        this.#note(type, chunk, at, at + length + 1, length + 1, true);
        at += length + 1;
      } else {
        this.#number = link.expected.next - 1;
        this.#beginBody(type, length, chunk, at);
        this.#bodyLeft = length + 1 - (end - at);
        at = end;
      }
    }
    this.#forward(chunk, end);
  }

  /** What comes behind that which is left out. */
  #leaveOut(chunk: Buffer): Buffer {
    let at = 0;
    while (at < chunk.length) {
      if (this.#dropLeft === 0) {
        if (chunk.length - at < HEADER_BYTES) {
          this.#partial = chunk.subarray(at);
          break;
        }
        const type = chunk[at] ?? 0;
        const length = chunk.readInt32BE(at + 1);
        if (type === Client.Terminate || length < 4 || length > MAX_MESSAGE_LENGTH || !isClientType(type)) {
          this.#stopped = true;
          if (type === Client.Terminate) this.#sink.terminated();
          else this.#sink.violated(isClientType(type) ? `invalid message length ${length}` : `invalid frontend message type ${type}`);
          break;
        }
        if (type === Client.Sync) this.#dropping = 'message';
        this.#dropLeft = length + 1;
      }
      const taken = Math.min(this.#dropLeft, chunk.length - at);
      this.#dropLeft -= taken;
      at += taken;
      if (this.#dropLeft > 0 || this.#dropping === 'cycle') continue;
      this.#dropping = 'nothing';
      this.#sink.dropped();
      return chunk.subarray(at);
    }
    return chunk.subarray(chunk.length);
  }

  /** Collects a message whose names are not at hand yet. */
  #withhold(type: number, total: number, chunk: Buffer, at: number): void {
    this.#isWithheld = true;
    this.#type = type;
    this.#length = total;
    this.#collected = Buffer.allocUnsafe(Math.min(total, COLLECT_LIMIT));
    this.#collectedLength = 0;
    this.#collect(chunk, at, chunk.length);
    this.#bodyLeft = total - (chunk.length - at);
  }

  /** Lets a collected message go out if its names are known now; false: it has to wait. */
  #release(names: StatementNames): boolean {
    const link = this.#link;
    const type = this.#type;
    const collected = this.#collected?.subarray(0, this.#collectedLength) ?? Buffer.alloc(0);
    const isText = this.#bodyLeft === 0 && (type === Client.Query || type === Client.Parse);
    if (isText && !names.isNative && this.#sink.needsOwnNames(type, collected, 0, collected.length)) return false;
    const renaming = this.#rewriter.collected(names, type, collected, this.#length, collected.length === COLLECT_LIMIT);
    if (renaming === Renaming.Wait) return false;
    if (renaming === Renaming.More) return true;
    this.#isWithheld = false;
    link.requestType = type;
    link.requestAt = ++link.clock;
    this.#header(type, collected, 0);
    this.#number = link.expected.next - 1;
    if (this.#bodyLeft === 0) {
      this.#collected = null;
      this.#note(type, collected, 0, collected.length, this.#length, collected.length === this.#length);
    } else if (!this.#isNoted(type)) {
      this.#collected = null;
      if (type === Client.Bind) link.binds++;
    }
    return true;
  }

  /** A collected message has to wait: it is held as if it had never been looked at. */
  #putBack(chunk: Buffer, at: number): void {
    const collected = Buffer.from(this.#collected?.subarray(0, this.#collectedLength) ?? []);
    this.#collected = null;
    this.#isWithheld = false;
    this.#bodyLeft = 0;
    this.#rewriter.leaveOut(0);
    this.#link.bytesIn -= collected.length - at;
    if (at < chunk.length) this.#hold(chunk.subarray(at), true);
    this.#hold(collected, true);
    this.#isWaiting = true;
  }

  #forward(chunk: Buffer, end: number): void {
    if (this.#link.names !== null) {
      this.#link.bytesIn += end;
      const bytes = this.#rewriter.take(chunk, end);
      if (bytes !== null) this.#sink.forward(bytes);
      return;
    }
    if (end === 0) return;
    this.#link.bytesIn += end;
    this.#sink.forward(end === chunk.length ? chunk : chunk.subarray(0, end));
  }

  #header(type: number, chunk: Buffer, at: number): void {
    const { expected } = this.#link;
    switch (type) {
      case Client.Query:
        expected.push(Expected.Query);
        this.#link.requested();
        return;
      case Client.Sync: {
        const before = expected.outstanding;
        expected.push(Expected.Sync);
        if (expected.outstanding > before) this.#link.requested();
        return;
      }
      case Client.FunctionCall:
        this.#journal.functionCall(chunk, at, chunk.readInt32BE(at + 1) + 1);
        expected.push(Expected.FunctionCall);
        this.#link.requested();
        return;
      case Client.Parse:
        // An empty name: the string's end follows the header at once. Not at hand, it counts as the one that matters.
        expected.push((chunk[at + HEADER_BYTES] ?? 0) === 0 ? Expected.UnnamedParse : Expected.Parse);
        return;
      case Client.Bind:
        expected.push(Expected.Bind);
        return;
      case Client.Describe:
        expected.push(Expected.Describe);
        return;
      case Client.Execute:
        expected.push(Expected.Execute);
        return;
      case Client.Close:
        expected.push(Expected.Close);
        return;
      case Client.CopyDone:
      case Client.CopyFail:
        expected.push(Expected.CopyEnd);
        return;
      case Client.Flush:
        // One that has a body is answered, with an error that makes the server skip everything up to the next Sync.
        if (chunk.readInt32BE(at + 1) !== 4) expected.push(Expected.BadFlush);
        else expected.flush();
        return;
      default:
      // CopyData has no answer of its own.
    }
  }

  #note(type: number, bytes: Buffer, start: number, end: number, length: number, complete: boolean): void {
    const { names } = this.#link;
    if (names !== null && this.#rewriter.isSkipped) {
      // As if it had never been sent.
      this.#link.expected.takeUnnamedSkipped();
      if (type === Client.Parse) this.#link.parses++;
      if (type === Client.Bind) this.#link.binds++;
      return;
    }
    const { capture } = this.#link;
    if (capture !== null) capture.noted(type, bytes, start, end, complete);
    switch (type) {
      case Client.Query:
        this.#journal.query(bytes, start + HEADER_BYTES, complete ? end - 1 : end, complete);
        break;
      case Client.Parse:
        this.#link.parses++;
        this.#journal.parse(bytes, start, end, length, complete);
        if (names !== null && this.#journal.unnamedTooLarge > 0) names.unnamedTooLarge();
        break;
      case Client.Bind:
        this.#link.binds++;
        if (complete && this.#journal.watchesBinds) this.#journal.bind(bytes, start, end);
        return;
      case Client.Close:
        this.#journal.close(bytes, start, end);
        break;
      default:
        return;
    }
    if (this.#link.expected.takeUnnamedSkipped()) this.#journal.unnamedUncertain = true;
  }

  /** Somebody looks into messages of this type. */
  #isNoted(type: number): boolean {
    if (type === Client.Bind) return this.#journal.watchesBinds || this.#link.capture !== null;
    return type === Client.Query || type === Client.Parse || type === Client.Close;
  }

  #beginBody(type: number, length: number, chunk: Buffer, at: number): void {
    if (!this.#isNoted(type)) {
      if (type === Client.Bind) this.#link.binds++;
      return;
    }
    this.#type = type;
    this.#length = length + 1;
    this.#collected = Buffer.allocUnsafe(Math.min(this.#length, COLLECT_LIMIT));
    this.#collectedLength = 0;
    this.#collect(chunk, at, chunk.length);
  }

  #collect(chunk: Buffer, start: number, end: number): void {
    if (this.#collected !== null) this.#collectedLength += chunk.copy(this.#collected, this.#collectedLength, start, end);
  }

  #bodyComplete(): void {
    const collected = this.#collected;
    if (collected === null) return;
    this.#collected = null;
    // Nothing is answered before it is whole: an error in front of it has made the server skip it.
    const isSkipped = this.#number < this.#link.expected.done;
    this.#rewriter.isSkipped ||= isSkipped;
    this.#note(this.#type, collected, 0, this.#collectedLength, this.#length, this.#collectedLength === this.#length);
    if (isSkipped && this.#link.names === null && this.#type !== Client.Bind) this.#journal.unnamedUncertain = true;
  }
}
