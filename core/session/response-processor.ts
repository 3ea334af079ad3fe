/**
 * The response processor: server to client. Walks message headers in place and forwards whole runs in one write. Only messages
 * that a decision needs are looked into, and only those must be at hand whole.
 */
import { HEADER_BYTES, isUnasked, Server, Status } from '../wire/codes.ts';
import { readErrorFields } from '../wire/errors.ts';
import type { SessionJournal } from './journal.ts';
import type { Link } from './link.ts';

/** Where the response processor's output goes. */
export interface ResponseSink {
  forward(bytes: Buffer): void;
  /** A ParameterStatus passed; `body` is its body. */
  parameter(body: Buffer): void;
  /** CopyInResponse passed: COPY data that was held may go on. */
  copyInStarted(): void;
  /** The server broke the protocol. */
  violated(message: string): void;
}

/** Longest message that is waited for as a whole because it is to be looked into. */
const WHOLE_LIMIT = 1024 * 1024;

/** See the head of this file. */
export class ResponseProcessor {
  /** The server's own process id, replaced by the client's own in notifications. */
  #serverPid = 0;
  /** The process id the client was given. */
  readonly clientPid: number;
  /** The last error the server sent was FATAL or worse: its goodbye. */
  saidFatal = false;
  /** Why the server ends the connection, when it said so at a safe point: kept from the client, who may not need to know. */
  goodbyeReason: string | null = null;
  #goodbye: Buffer | null = null;
  readonly #link: Link;
  readonly #journal: SessionJournal;
  readonly #sink: ResponseSink;
  #partial: Buffer | null = null;
  #bodyLeft = 0;
  #onWhole: (() => void) | null = null;
  /** What the client gets in the place of the message that `#note` has just kept from it. */
  #instead: Buffer | null = null;

  constructor(link: Link, journal: SessionJournal, clientPid: number, sink: ResponseSink) {
    this.#link = link;
    this.#journal = journal;
    this.clientPid = clientPid;
    this.#sink = sink;
  }

  /** True when no message is partly forwarded or partly received. */
  get atBoundary(): boolean {
    return this.#bodyLeft === 0 && this.#partial === null;
  }

  /** True while the client has got only a part of a message. */
  get inMessage(): boolean {
    return this.#bodyLeft > 0;
  }

  /** The message that was kept from the client, if it is an error. */
  takeGoodbye(): Buffer | null {
    const goodbye = this.#goodbye;
    this.#goodbye = null;
    return goodbye;
  }

  /** Another server speaks from here on: what the old one has said of a message and not to its end is forgotten. */
  changeServer(pid: number): void {
    this.#serverPid = pid;
    this.#partial = null;
    this.goodbyeReason = null;
    this.#goodbye = null;
  }

  /**
   * Calls `onWhole` once the client has no message in part, perhaps at once. For who ends the session there: what the server says behind
   * that message is dropped.
   */
  whenWhole(onWhole: () => void): void {
    if (!this.inMessage) onWhole();
    else this.#onWhole = onWhole;
  }

  /** Takes bytes from the server. */
  push(input: Buffer): void {
    const link = this.#link;
    let chunk = input;
    if (this.#partial !== null) {
      chunk = Buffer.concat([this.#partial, input]);
      this.#partial = null;
    }
    let end = chunk.length;
    let at = 0;
    while (at < end) {
      if (this.#bodyLeft > 0) {
        const taken = Math.min(this.#bodyLeft, end - at);
        this.#bodyLeft -= taken;
        at += taken;
        if (this.#bodyLeft > 0 || this.#onWhole === null) continue;
        this.#forward(chunk, at);
        this.#onWhole();
        return;
      }
      if (end - at < HEADER_BYTES) {
        this.#stash(chunk, at);
        return;
      }
      const type = chunk[at] ?? 0;
      const length = chunk.readInt32BE(at + 1);
      if (length < 4) {
        this.#forward(chunk, at);
        this.#sink.violated(`the server sent a message of length ${length}`);
        return;
      }
      const unasked = type === Server.ReadyForQuery && link.expected.outstanding === 0 && !link.expected.inDoubt;
      if (unasked || (link.suspended && !isUnasked(type))) {
        // It would be taken for the answer to the client's next question.
        this.#forward(chunk, at);
        this.#sink.violated('the server answers although nobody asked it');
        return;
      }
      const next = at + length + 1;
      if (next > end && length < WHOLE_LIMIT && (needsWhole(type) || (link.names !== null && namesNeedWhole(type)))) {
        this.#stash(chunk, at);
        return;
      }
      link.responseType = type;
      link.responseAt = ++link.clock;
      if (type !== Server.DataRow && this.#note(type, chunk, at, next, end)) {
        // An answer to the proxy's own message, or one that names what the client calls otherwise: everything around it goes on.
        this.#forward(chunk, at);
        if (this.#instead !== null && this.#instead.length > 0) this.#sink.forward(this.#instead);
        this.#instead = null;
        chunk = chunk.subarray(next);
        end = chunk.length;
        at = 0;
        continue;
      }
      if (next > end) {
        this.#bodyLeft = next - end;
        at = end;
      } else {
        at = next;
      }
    }
    this.#forward(chunk, end);
  }

  #stash(chunk: Buffer, at: number): void {
    this.#forward(chunk, at);
    this.#partial = at === 0 ? chunk : chunk.subarray(at);
  }

  #forward(chunk: Buffer, end: number): void {
    if (end === 0) return;
    this.#link.bytesOut += end;
    this.#sink.forward(end === chunk.length ? chunk : chunk.subarray(0, end));
  }

  /** Looks at a message; true when it is not for the client. */
  #note(type: number, chunk: Buffer, at: number, next: number, end: number): boolean {
    const { expected, names } = this.#link;
    switch (type) {
      case Server.ReadyForQuery:
        if (names !== null && expected.isReadyOwn) {
          expected.ready();
          return true;
        }
        this.#link.ready(chunk[at + HEADER_BYTES] ?? 0);
        if (names !== null) names.ready(this.#link.status);
        return false;
      case Server.ParseComplete: {
        const isOwn = expected.parsed();
        if (names !== null) names.succeeded();
        return isOwn;
      }
      case Server.BindComplete:
        return expected.bound();
      case Server.CloseComplete: {
        const isOwn = expected.closed();
        if (names !== null) names.succeeded();
        return isOwn;
      }
      case Server.CommandComplete:
        if (names !== null && next <= end && forgetsStatements(chunk, at + HEADER_BYTES, next)) names.forgotten();
        return expected.completed();
      case Server.EmptyQueryResponse:
      case Server.PortalSuspended:
        return expected.completed();
      case Server.NoData:
        expected.described();
        return false;
      case Server.RowDescription:
        expected.described();
        if (next <= end) this.#journal.rowDescription(chunk, at + HEADER_BYTES, next);
        else this.#journal.typesIncomplete = true;
        return false;
      case Server.ParameterDescription:
        if (next <= end) this.#journal.parameterDescription(chunk, at + HEADER_BYTES, next);
        else this.#journal.typesIncomplete = true;
        return false;
      case Server.ParameterStatus:
        if (next <= end) this.#sink.parameter(chunk.subarray(at + HEADER_BYTES, next));
        return false;
      case Server.NotificationResponse:
        // The client knows itself by the process id the proxy gave it; self-notify filters compare exactly that.
        if (next <= end && chunk.readInt32BE(at + HEADER_BYTES) === this.#serverPid) chunk.writeInt32BE(this.clientPid, at + HEADER_BYTES);
        return false;
      case Server.NoticeResponse:
        return next <= end && (expected.isParsingOwn || this.#isGoodbye(type, chunk, at, next));
      case Server.CopyInResponse:
        expected.copyInStarted();
        this.#sink.copyInStarted();
        return false;
      case Server.CopyBothResponse:
        this.#link.streaming = true;
        return false;
      case Server.ErrorResponse:
        // The server of a suspended session has nothing to answer: this is its goodbye. Whether the client is to hear it is up
        // to the transfer, which may yet save the session.
        if (this.#link.suspended || (next <= end && this.#isGoodbye(type, chunk, at, next))) return true;
        expected.failed();
        if (this.#journal.held !== null) this.#journal.unnamedDoubted = true;
        if (expected.takeUnnamedSkipped() && names === null) this.#journal.unnamedUncertain = true;
        this.saidFatal = saysFatal(chunk.subarray(at + HEADER_BYTES, Math.min(next, end)));
        if (names !== null) this.#instead = names.failed(chunk.subarray(at, Math.min(next, end)));
        // One that is sent again has not failed.
        if (this.#link.capture !== null && this.#instead?.length !== 0)
          this.#link.capture.failed(chunk.subarray(at + HEADER_BYTES, Math.min(next, end)));
        return this.#instead !== null && next <= end;
      default:
        return false;
    }
  }

  /** Nobody has asked anything, and the server says that it ends: kept back until it is known whether the session outlives it. */
  #isGoodbye(type: number, chunk: Buffer, at: number, next: number): boolean {
    const { expected, status, streaming } = this.#link;
    if (expected.isOwed || expected.cycleOpen || expected.inDoubt || status !== Status.Idle || streaming) return false;
    const body = chunk.subarray(at + HEADER_BYTES, next);
    const isError = type === Server.ErrorResponse;
    if (!GOODBYES.some((code) => body.includes(code)) || (isError && !saysFatal(body))) return false;
    this.goodbyeReason = readErrorFields(body).message;
    this.#goodbye = isError ? Buffer.from(chunk.subarray(at, next)) : null;
    return true;
  }
}

/**
 * What a shutdown, pg_terminate_backend and a crash elsewhere say; an immediate shutdown as a mere warning. All others (57P05, the end of
 * a session that was idle for too long) mean this session, and no other in its place.
 */
const GOODBYES = ['\0C57P01\0', '\0C57P02\0'];

/** What is of interest only where the client's statements go by other names. */
function namesNeedWhole(type: number): boolean {
  return type === Server.CommandComplete || type === Server.NoticeResponse;
}

const forgetting = ['DEALLOCATE ALL\0', 'DISCARD ALL\0'].map((tag) => Buffer.from(tag, 'latin1'));

function forgetsStatements(bytes: Buffer, start: number, end: number): boolean {
  if (bytes[start] !== 0x44) return false;
  return forgetting.some((tag) => tag.length === end - start && tag.equals(bytes.subarray(start, end)));
}

/** Field `V` is the severity that is never translated. */
function saysFatal(body: Buffer): boolean {
  return body.includes('\0VFATAL\0') || body.includes('\0VPANIC\0');
}

function needsWhole(type: number): boolean {
  return (
    type === Server.ReadyForQuery ||
    type === Server.CloseComplete ||
    type === Server.ErrorResponse ||
    // Not looked into; but a server that dies in the middle of one would leave nothing to say behind it.
    type === Server.NoticeResponse ||
    type === Server.ParameterStatus ||
    type === Server.NotificationResponse ||
    type === Server.RowDescription ||
    type === Server.ParameterDescription
  );
}
