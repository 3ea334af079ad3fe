/**
 * The forwarder of a session: its client connection, fixed for life; its server connection, replaced by a transfer; and the two
 * processors between them. After the first seed, with one phase variable in the place of its locks (cockroach-migration.md 1.4).
 */
import type net from 'node:net';
import type { ServerConnection, ServerOwner } from '../backend/server-connection.ts';
import { Client, HEADER_BYTES, Status } from '../wire/codes.ts';
import { readCString } from '../wire/message-reader.ts';
import { errorResponse, noticeResponse, type ErrorFields } from '../wire/errors.ts';
import { close, flushMessage, parameterStatus, readyForQuery } from '../wire/messages.ts';
import { busyReason } from './busy.ts';
import { Cancellation } from './cancellation.ts';
import { Expected } from './expected-answers.ts';
import type { SessionJournal } from './journal.ts';
import type { Bereavement, ForwarderEnd, Lessee } from './lessee.ts';
import { Link } from './link.ts';
import { RequestProcessor } from './request-processor.ts';
import { ResponseProcessor } from './response-processor.ts';
import { Salvage } from './salvage.ts';

/** What the owner of a forwarder hears. */
export interface ForwarderEvents {
  ended(end: ForwarderEnd): void;
  /** The server connection is lost at a safe point. Who says that the session lives on has called `detach`. */
  bereaved(): Bereavement;
}

/** Input held for a suspended session before its client is no longer read. */
const HELD_LIMIT = 256 * 1024;

/** See the head of this file. */
export class Forwarder implements ServerOwner {
  readonly link = new Link();
  readonly request: RequestProcessor;
  readonly response: ResponseProcessor;
  readonly journal: SessionJournal;
  /** One more with every suspension and every change of the server connection: who waited for something finds out whether it is still his. */
  generation = 0;
  /**
   * Whether what runs when the client is lost is brought to its end (by a cancel, a Sync, a CopyFail) so that the server connection can
   * be used again; else the session ends at once, with `busy`.
   */
  salvages = false;
  /** What the client was last told of every reported parameter. */
  readonly clientParameters = new Map<string, string>();
  /** `ServerConnection.parameterText` of the connection that the client knows the parameters of; null: not known. */
  #told: string | null = null;
  readonly #client: net.Socket;
  readonly #events: ForwarderEvents;
  #server: ServerConnection | null = null;
  #ended = false;
  /** The client has sent Terminate or closed its half: the session ends once all answers are in. */
  #departing = false;
  /** It has sent Terminate; a client that was killed has not. */
  #goodbye = false;
  /** The client's socket is gone: nothing can be delivered any more. */
  #gone: string | null = null;
  /** What servers that it has left have said, and the client has not heard yet. */
  readonly #late: Buffer[] = [];
  readonly #cancellation = new Cancellation(this);
  /** It has no server connection, and none is on its way but by `lessee`. */
  #detached = false;
  /** It is being attached for bytes that the request processor does not have yet: no boundary. */
  #isArriving = false;
  #lessee: Lessee | null = null;
  /** The client's next statement waits for its own names on the server. */
  #wantsNames = false;
  readonly #salvage = new Salvage();
  #onSafe: (() => void) | null = null;
  #onDeparture: (() => void) | null = null;
  #onServerLost: ((reason: string) => void) | null = null;

  constructor(client: net.Socket, clientPid: number, journal: SessionJournal, events: ForwarderEvents) {
    this.#client = client;
    this.#events = events;
    this.journal = journal;
    this.request = new RequestProcessor(this.link, journal, {
      forward: (bytes) => this.#toServer(bytes),
      terminated: () => {
        this.#goodbye = true;
        this.#depart();
      },
      violated: (message) => this.#end('violation', message),
      dropped: () => this.#client.write(readyForQuery()),
      needsOwnNames: (type, bytes, start, end) => this.#needsOwnNames(type, bytes, start, end),
    });
    this.response = new ResponseProcessor(this.link, journal, clientPid, {
      forward: (bytes) => this.#toClient(bytes),
      parameter: (body) => this.#noteParameter(body),
      copyInStarted: () => {
        if (this.link.armed) this.#pump();
      },
      violated: (message) => this.#server?.destroy(message),
    });
    // Until there is a server, the client's first messages wait like those of a suspended session.
    this.link.suspended = true;
    client.on('data', (chunk: Buffer) => {
      const wasDetached = this.#detached;
      if (wasDetached && !this.#isWelcome(chunk)) return;
      try {
        this.request.push(chunk);
      } catch (error) {
        this.#unreadable(error);
      }
      if (this.#isOverfull()) client.pause();
      if (this.#wantsNames) this.#checkNames();
      if (this.#onSafe !== null) this.#checkSafe();
      else if (this.#detached && this.hasInput) this.#lessee?.wanted();
      // What asks for no answer (a Flush) keeps no server connection.
      else if (wasDetached) this.checkBoundary();
    });
    client.on('drain', () => this.#server?.resumeReading());
    client.on('end', () => this.#depart());
    client.on('error', (error) => this.#lose(error.message));
    client.on('close', () => this.#lose('the client closed the connection'));
  }

  get server(): ServerConnection | null {
    return this.#server;
  }

  get isEnded(): boolean {
    return this.#ended;
  }

  get isDeparting(): boolean {
    return this.#departing;
  }

  /** The first server connection; the client has been told that it is ready. */
  start(server: ServerConnection): void {
    this.#own(server);
    for (const [name, value] of server.parameters) this.clientParameters.set(name, value);
    this.resume();
  }

  /** DESIGN.md section 2: nothing outstanding, status `I`, not in COPY, no message partly forwarded. */
  get isSafe(): boolean {
    if (this.#detached) return !this.hasInput && !this.isAway;
    const { expected, status } = this.link;
    // Asked for every answer: without the words of `unsafeReason`.
    if (expected.outstanding > 0 || status !== Status.Idle) return false;
    return this.isQuiet;
  }

  /** Nothing of the client's is on its way, in a transaction or not: its server connection may be talked to, once it is suspended. */
  get isQuiet(): boolean {
    const { expected, suspended } = this.link;
    const isOwed = expected.outstanding > 0 || expected.cycleOpen || expected.copyIn || expected.inDoubt;
    return (
      this.#server !== null &&
      !isOwed &&
      !suspended &&
      this.request.atBoundary &&
      this.response.atBoundary &&
      this.#server.cancelsInFlight === 0
    );
  }

  /** What a transfer would have to wait for, in words; null at a safe point. */
  unsafeReason(): string | null {
    const reason = this.#busyReason();
    if (reason !== null || this.#detached) return reason;
    if (this.link.suspended) return 'its state is just being looked at';
    return (this.#server?.cancelsInFlight ?? 0) > 0 ? 'a cancel request is on its way' : null;
  }

  #busyReason(): string | null {
    if (this.#server === null) return this.#detached && !this.hasInput && !this.isAway ? null : 'waiting for a server connection';
    return busyReason(this.link, this.request.atBoundary && this.response.atBoundary);
  }

  /** Calls `onSafe` once, synchronously, at the next safe point (perhaps at once). Only one may wait. */
  arm(onSafe: () => void): void {
    this.#onSafe = onSafe;
    this.link.armed = true;
    this.#checkSafe();
  }

  /** A transfer waits for its next safe point. */
  get isArmed(): boolean {
    return this.#onSafe !== null;
  }

  disarm(): void {
    this.#onSafe = null;
    this.link.armed = false;
    if (!this.link.suspended) this.#continue();
  }

  /** Hands the decision when it has a server connection to somebody; null: it keeps the one it has. */
  lease(lessee: Lessee | null): void {
    this.#lessee = lessee;
  }

  /** It has no server connection and needs none before its client's next message. */
  get isDetached(): boolean {
    return this.#detached;
  }

  /** It has lost its server connection and waits for another one that is made like it: what it has set is nowhere at the moment. */
  get isAway(): boolean {
    return this.#lessee?.isAway === true;
  }

  /** The client has sent something that waits. */
  get hasInput(): boolean {
    return this.request.heldBytes > 0;
  }

  /** Begins without a server connection; the client has been told that it is ready, and the values of `parameters`. */
  startDetached(parameters: Iterable<readonly [string, string]>): void {
    for (const [name, value] of parameters) this.clientParameters.set(name, value);
    this.#detached = true;
    if (this.#departing) this.#depart();
    else if (this.hasInput) this.#lessee?.wanted();
  }

  /** Gives up the server connection, at a safe point or from a suspension at one; input is held until `attach`. */
  detach(): ServerConnection | null {
    const server = this.#server;
    this.generation++;
    server?.setOwner(null);
    // A client that reads slowly may have left it paused.
    server?.resumeReading();
    this.#server = null;
    this.link.names?.detached();
    this.#detached = true;
    this.link.suspended = true;
    this.#onDeparture = null;
    this.#onServerLost = null;
    if (!this.#isOverfull()) this.#client.resume();
    if (this.#departing || this.request.saysGoodbye) this.#depart();
    return server;
  }

  /** Gives a detached session a server connection that carries its state, tells the client what differs, and lets its input pass. */
  attach(server: ServerConnection): void {
    this.#detached = false;
    this.#own(server);
    // What the server has already said may have ended the session.
    if (this.#ended) return;
    if (this.#client.writableNeedDrain) server.pauseReading();
    this.#tellParameters(server);
    this.link.suspended = false;
    this.#continue();
  }

  /** Answers the request that waits at the head of a detached session's input with an error, as a server would. */
  refuse(fields: Omit<ErrorFields, 'severity'>): void {
    this.#client.write(errorResponse({ severity: 'ERROR', ...fields }));
    this.request.drop();
    if (this.#ended) return;
    if (!this.hasInput) this.#lessee?.unwanted();
    if (this.#departing) this.#depart();
    else this.checkArmed();
  }

  /** Tells a client that waits what for. */
  notice(fields: Omit<ErrorFields, 'severity'>): void {
    this.#client.write(noticeResponse({ severity: 'NOTICE', ...fields }));
  }

  /**
   * Holds the client's input from here on; only where it `isQuiet`. The server connection is the caller's to talk to until `resume`. Who is
   * armed goes on waiting: the suspension may be another's.
   */
  suspend(watch: { onDeparture: () => void; onServerLost: (reason: string) => void }): void {
    this.generation++;
    this.link.suspended = true;
    this.#onDeparture = watch.onDeparture;
    this.#onServerLost = watch.onServerLost;
  }

  /** Replaces the server connection of a suspended session and tells the client what differs. Returns the old one, without an owner. */
  swap(next: ServerConnection): ServerConnection | null {
    const old = this.#server;
    old?.setOwner(null);
    // Whoever watches the suspended session watches the old server; the loss of the new one is the session's.
    this.#onServerLost = null;
    this.#own(next);
    // What the new server has already said may have ended the session.
    if (this.#ended) return old;
    this.#tellParameters(next);
    return old;
  }

  #tellParameters(server: ServerConnection): void {
    // The same text is, as a rule, the same string: nothing is compared letter by letter.
    if (server.parameterText === this.#told) return;
    this.#told = server.parameterText;
    let changed: Buffer[] | null = null;
    for (const [name, value] of server.parameters) {
      if (this.clientParameters.get(name) === value) continue;
      this.clientParameters.set(name, value);
      (changed ??= []).push(parameterStatus(name, value));
    }
    if (changed !== null) this.#client.write(Buffer.concat(changed));
  }

  /** Lets the client's input pass again, what was held first. */
  resume(): void {
    if (this.#ended) return;
    this.link.suspended = false;
    this.#onDeparture = null;
    this.#onServerLost = null;
    this.#continue();
    this.#cancellation.deliverHeld();
  }

  /**
   * The client asked to cancel. While suspended nothing of the client's runs, but what it has sent meanwhile will. False: there is nothing
   * to cancel.
   */
  cancel(): boolean {
    if (this.#detached) {
      // Nothing of it has reached a server yet: PostgreSQL's own answer, and the queue is left.
      if (!this.hasInput) return false;
      this.refuse({ sqlState: '57014', message: 'canceling statement due to user request' });
      return true;
    }
    return this.link.suspended ? this.#cancellation.hold(this.request.heldBytes > 0) : this.#cancellation.send();
  }

  /** A cancel request has arrived. */
  settled(): void {
    if (this.#wantsNames) this.#checkNames();
    if (this.#onSafe !== null) this.#checkSafe();
    else this.checkBoundary();
  }

  /** Delivers a notification that arrived in the middle of an exchange of the proxy's own. */
  deliverNotification(frame: Buffer): void {
    this.response.push(frame);
  }

  /**
   * Delivers a notification of a server that the session has left, `pid` there, between two messages of the one that it is on; the frame is
   * complete.
   */
  deliverLate(frame: Buffer, pid: number): void {
    if (this.#ended) return;
    if (frame.readInt32BE(HEADER_BYTES) === pid) frame.writeInt32BE(this.response.clientPid, HEADER_BYTES);
    this.#late.push(frame);
    this.#deliverLate();
  }

  #deliverLate(): void {
    while (this.#late.length > 0 && this.response.atBoundary) this.response.push(this.#late.shift() ?? Buffer.alloc(0));
  }

  /** Ends the session; the client's socket stays open for last words. */
  close(message: string): void {
    this.#end('closed', message);
  }

  /** The server connection of a suspended session is gone. False: the session is over; true: it lives on without one. */
  serverLost(reason: string): boolean {
    if (this.#ended) return false;
    const { expected, status, streaming } = this.link;
    const isRestful = !expected.isOwed && !expected.cycleOpen && !expected.copyIn && !expected.inDoubt && status === Status.Idle;
    const isWhole = this.request.atBoundary && !this.response.inMessage && !this.response.saidFatal;
    const outcome = isRestful && isWhole && !streaming && !this.#departing ? this.#events.bereaved() : null;
    if (outcome === 'lives') return true;
    const goodbye = this.response.takeGoodbye();
    if (outcome === null && goodbye !== null) {
      this.#client.write(goodbye);
      this.response.saidFatal = true;
    }
    this.#end('server_lost', reason, outcome);
    return false;
  }

  onServerData(chunk: Buffer): void {
    try {
      this.response.push(chunk);
    } catch (error) {
      this.#server?.destroy(`the server broke the protocol: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (this.#late.length > 0) this.#deliverLate();
    if (this.#ended) return;
    if (this.response.goodbyeReason !== null) {
      // Nothing comes behind it, and nobody must send anything before the end of the connection is noticed.
      this.#server?.destroy(this.response.goodbyeReason);
      return;
    }
    if (this.#wantsNames) this.#checkNames();
    else if (this.request.isWaiting) this.#pump();
    if (this.link.expected.inDoubt) this.#probe();
    if (this.#onSafe !== null) this.#checkSafe();
    if (this.#departing) this.#depart();
    else if (this.#lessee !== null && this.link.expected.outstanding === 0) this.checkBoundary();
  }

  onServerDrain(): void {
    if (!this.#isOverfull()) this.#client.resume();
  }

  onServerClosed(reason: string): void {
    if (this.#onServerLost !== null) this.#onServerLost(reason);
    else this.serverLost(reason);
  }

  /** Something comes from the client of a detached session: false when it is its goodbye, for which no server is needed. */
  #isWelcome(chunk: Buffer): boolean {
    if (this.request.isDropping) return true;
    if (this.request.isEmpty && chunk[0] === Client.Terminate) {
      this.#goodbye = true;
      this.#depart();
      return false;
    }
    // With a server connection at hand nothing has to be held.
    if (this.request.isEmpty) {
      this.#isArriving = true;
      this.#lessee?.wanted();
      this.#isArriving = false;
    }
    return true;
  }

  #own(server: ServerConnection): void {
    this.generation++;
    this.#server = server;
    this.link.names?.attached(server);
    this.response.changeServer(server.pid);
    server.setOwner(this);
  }

  /** Whatever a client sends, it can only end its own session. */
  #unreadable(error: unknown): void {
    this.#end('violation', `a message cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }

  /** See `ExpectedAnswers.wantsProbe`. Closing a statement that never was changes nothing and is answered in any state. */
  #probe(): void {
    const { expected } = this.link;
    if (this.#server === null || !this.request.atBoundary || !expected.wantsProbe) return;
    this.#server.write(Buffer.concat([close('S', 'switchyard: no such statement'), flushMessage]));
    expected.push(Expected.Probe);
  }

  #continue(): void {
    this.#pump();
    if (this.#ended) return;
    if (this.#departing) this.#depart();
    else if (this.#onSafe !== null) this.#checkSafe();
    else if (!this.#isArriving) this.checkBoundary();
  }

  #pump(): void {
    try {
      this.request.pump();
    } catch (error) {
      this.#unreadable(error);
    }
    if (this.#wantsNames) this.#checkNames();
    if (!this.#ended && !this.#isOverfull() && this.#server?.needsDrain !== true) this.#client.resume();
  }

  #isOverfull(): boolean {
    return this.request.heldBytes > HELD_LIMIT;
  }

  #needsOwnNames(type: number, bytes: Buffer, start: number, end: number): boolean {
    const { expected, status } = this.link;
    // In an open cycle nobody would answer what is waited for; in a failed transaction it fails by itself.
    if (this.#lessee === null || expected.cycleOpen || expected.inDoubt || status === Status.Failed) return false;
    if (!this.journal.speaksOfNames(type, bytes, start, end)) return false;
    this.#wantsNames = true;
    return true;
  }

  #checkNames(): void {
    if (!this.#wantsNames || this.#ended || !this.isQuiet) return;
    this.#wantsNames = false;
    this.#lessee?.namesWanted();
  }

  /** Tells the lessee, if the session is at a safe point. */
  checkBoundary(): void {
    if (this.#lessee === null || this.#ended || this.#departing || this.#detached || this.#onSafe !== null || !this.isSafe) return;
    this.#lessee.boundary();
  }

  /** Calls who is armed, if the session is at a safe point: for whoever has changed that where nothing was said by client or server. */
  checkArmed(): void {
    if (this.#onSafe !== null) this.#checkSafe();
  }

  #checkSafe(): void {
    if (this.#ended || this.#onSafe === null) return;
    if (!this.isSafe) {
      // The answer is in but the session is not safe (in a transaction, say): let the client go on.
      if (this.request.heldBytes > 0) this.#pump();
      return;
    }
    const onSafe = this.#onSafe;
    this.#onSafe = null;
    this.link.armed = false;
    onSafe();
    // Whoever was called suspended the session, or no longer wants it.
    if (!this.link.suspended) this.#continue();
  }

  #toServer(bytes: Buffer): void {
    if (this.#server !== null && !this.#server.write(bytes)) this.#client.pause();
  }

  #toClient(bytes: Buffer): void {
    // Whom nobody reads any more is no reason for the server to wait.
    if (this.#gone === null && !this.#client.write(bytes)) this.#server?.pauseReading();
  }

  #noteParameter(body: Buffer): void {
    this.#server?.noteParameter(body);
    this.#told = null;
    const name = readCString(body, 0);
    const value = readCString(body, name.end).text;
    this.clientParameters.set(name.text, value);
    if (name.text === 'standard_conforming_strings' && value === 'off') this.journal.nonConformingStrings = true;
  }

  #lose(message: string): void {
    this.#gone = message;
    this.#depart();
  }

  /** Terminate is an event, not an end of stream: the session ends when the last answer is in (second seed, half-close bug). */
  #depart(): void {
    if (this.#ended) return;
    this.#departing = true;
    // For a goodbye that was held no server connection is needed.
    const isGoodbye = this.#detached && this.request.saysGoodbye;
    if (isGoodbye) this.#goodbye = true;
    if (this.#onDeparture !== null) {
      // A transfer owns the session: it goes back to the old server connection first, then this is called again.
      this.#onDeparture();
      return;
    }
    const { link } = this;
    if (this.#gone !== null) {
      if (!this.#isBeingSalvaged()) this.#end('client_lost', this.#gone);
    } else if (link.suspended && this.request.heldBytes > 0 && !isGoodbye) return;
    else if (
      link.suspended ||
      !link.expected.isOwed ||
      link.expected.copyIn ||
      link.streaming ||
      link.expected.isLost ||
      !this.request.atBoundary
    ) {
      if (this.#goodbye) this.#end('terminated', 'the client left');
      else this.#end('client_lost', 'the client left without a goodbye');
    }
  }

  /** The client is lost: true while what it has left running on the server is brought to its end. */
  #isBeingSalvaged(): boolean {
    const { link } = this;
    const { expected } = link;
    const server = this.#server;
    const isHopeless = link.suspended || link.streaming || expected.inDoubt || !this.request.atBoundary;
    if (!this.salvages || server === null || isHopeless) return false;
    if (expected.outstanding === 0 && !expected.cycleOpen && !expected.copyIn && this.response.atBoundary) return false;
    if (this.#salvage.begin(link, server, () => this.#end('client_lost', this.#gone ?? 'the client left'))) this.#cancellation.insist();
    return true;
  }

  #end(kind: ForwarderEnd['kind'], message: string, lastWords: ForwarderEnd['lastWords'] = null): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#salvage.end();
    const server = this.#server;
    const { expected } = this.link;
    const fit = kind !== 'server_lost' && !this.link.suspended && this.#busyReason() === null;
    const busy = expected.outstanding > 0 || expected.cycleOpen;
    const isWhole = this.request.atBoundary && this.response.atBoundary && !expected.inDoubt && !expected.copyIn;
    const inTransaction = kind !== 'server_lost' && !this.link.suspended && !busy && isWhole && this.link.status !== Status.Idle;
    this.#onDeparture = null;
    this.#onServerLost = null;
    this.#server = null;
    this.link.names?.release();
    server?.setOwner(null);
    this.#onSafe = null;
    this.link.armed = false;
    this.link.suspended = true;
    this.#events.ended({ kind, message, server, fit, busy, inTransaction, lastWords });
  }
}
