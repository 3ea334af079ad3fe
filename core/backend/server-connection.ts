/**
 * One connection to a backend, after the login. It hands incoming bytes to whoever owns it at the moment (`sink`): the pool, a
 * session's response processor, or an exchange of the proxy's own.
 */
import type net from 'node:net';
import type { BackendTls } from '../tls/backend-tls.ts';
import { HEADER_BYTES, isUnasked, Server } from '../wire/codes.ts';
import { readErrorFields } from '../wire/errors.ts';
import { MessageReader, ProtocolViolation, readCString, type Message } from '../wire/message-reader.ts';
import { cancelRequest, frame, terminateMessage } from '../wire/messages.ts';
import { sendCancel } from './cancel.ts';
import type { BackendAddress, Channel, ChannelTls } from './channel.ts';

export type { BackendAddress } from './channel.ts';

/** The connection ended although somebody still needed it; `message` says what the server said last, if anything. */
export class ServerLost extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ServerLost';
  }
}

/** An exchange had no complete answer in time. */
export class ExchangeDeadline extends Error {
  constructor(deadlineMs: number) {
    super(`no answer within ${deadlineMs} ms`);
    this.name = 'ExchangeDeadline';
  }
}

/** An exchange had a longer answer than is kept; it is over, and the connection is as good as before. */
export class AnswerTooLong extends Error {
  constructor(limit: number) {
    super(`the server's answer is longer than ${limit} bytes`);
    this.name = 'AnswerTooLong';
  }
}

/** Own messages sent to a server and the answer to them. */
export interface Exchange {
  /** All messages but ParameterStatus, notices and notifications, ReadyForQuery included. Rejects with `ServerLost`, `ExchangeDeadline` or `AnswerTooLong`. */
  readonly answer: Promise<Message[]>;
  /** Settles when the last answer is in or the connection is gone, also after a missed deadline; never rejects. */
  readonly quiet: Promise<void>;
}

/** How an exchange is held. */
export interface ExchangeOptions {
  readonly deadlineMs: number;
  /** Hears the body of every notification: they belong to the client. */
  readonly onNotification?: (body: Buffer) => void;
  /** Hears, in the place of `onNotification`, everything that the server says unasked: notices, notifications, changed parameters, as whole frames. */
  readonly onUnasked?: (frame: Buffer) => void;
  /** Longest answer that is kept, in bytes; a longer one is read past. */
  readonly limit?: number;
}

/** What an owner hears from its server connection. */
export interface ServerOwner {
  /** Bytes from the server; they wait for the next owner where this one does not listen. */
  onServerData?(chunk: Buffer): void;
  /** The server's socket can take more again. */
  onServerDrain(): void;
  /** The connection is gone; called once. */
  onServerClosed(reason: string): void;
  /** Gives up what it has kept of what the server said: whoever hears the server next, another owner or an exchange, hears that first. */
  leaves?(): Buffer;
}

/** Parameter texts in use: few, as servers of one kind say the same; one string each, so that equal ones are found so at once. */
const texts = new Map<string, string>();
const TEXTS_KEPT = 200;

function intern(text: string): string {
  const known = texts.get(text);
  if (known !== undefined) return known;
  if (texts.size >= TEXTS_KEPT) texts.clear();
  texts.set(text, text);
  return text;
}

const GOODBYE_MS = 1_000;
/** Most that a server may say while nobody owns its connection, in bytes. */
const UNHEARD_LIMIT = 64 * 1024;
/** Longest answer to own messages, in bytes: far more than any state that is carried. */
const ANSWER_LIMIT = 64 * 1024 * 1024;
const UNASKED = 'the server answers although nobody asked it';
let nextId = 1;

/** A logged-in connection to a backend. Created by `dial` only. */
export class ServerConnection {
  readonly id = nextId++;
  readonly openedAt = Date.now();
  /** When it was last given to a session or a transfer. */
  assignedAt = Date.now();
  readonly backend: BackendAddress;
  /** How it is encrypted; null: plain text. */
  readonly tls: ChannelTls | null;
  readonly database: string;
  readonly role: string;
  /** Identity of the startup parameters it was opened with: what RESET returns to. */
  readonly startupKey: string;
  /** `address:port` of the client whom its server was told of; null: of none, so that it can serve any. */
  readonly openedFor: string | null;
  /** The server's own process id and secret; never shown to a client. */
  readonly pid: number;
  /** Last reported value of every ParameterStatus. */
  readonly parameters: Map<string, string>;
  #parameterText: string | null = null;
  /** Cancel requests on their way; while there are any, the connection may not change hands (pooling.md 4, rule 2). */
  cancelsInFlight = 0;
  /** Called when the last cancel on its way has arrived. */
  onCancelsSettled: (() => void) | null = null;
  readonly #secret: Buffer;
  readonly #tlsSettings: BackendTls;
  readonly #socket: net.Socket;
  #owner: ServerOwner | null = null;
  /** What it said while it had no owner: for the next one, or whole messages would be missing, or halves of them. */
  readonly #unheard: Buffer[] = [];
  #collect: ((chunk: Buffer) => void) | null = null;
  #abandonExchange: ((error: Error) => void) | null = null;
  #closedReason: string | null = null;

  constructor(
    { socket, tls }: Channel,
    login: {
      backend: BackendAddress;
      tls: BackendTls;
      database: string;
      role: string;
      startupKey: string;
      pid: number;
      secret: Buffer;
      parameters: Map<string, string>;
      openedFor?: string | undefined;
      /** What the server said behind its ReadyForQuery. */
      rest: Buffer;
    },
  ) {
    this.#socket = socket;
    this.tls = tls;
    this.#tlsSettings = login.tls;
    this.backend = login.backend;
    this.database = login.database;
    this.role = login.role;
    this.startupKey = login.startupKey;
    this.openedFor = login.openedFor ?? null;
    this.pid = login.pid;
    this.#secret = login.secret;
    this.parameters = login.parameters;
    if (login.rest.length > 0) this.#unheard.push(login.rest);
    socket.on('data', (chunk: Buffer) => {
      if (this.#collect !== null) this.#collect(chunk);
      else this.#heard(chunk);
    });
    socket.on('drain', () => this.#owner?.onServerDrain());
    socket.on('error', (error) => this.#closed(error.message));
    socket.on('end', () => this.#closed('the server closed the connection'));
    socket.on('close', () => this.#closed('the connection was closed'));
  }

  get isOpen(): boolean {
    return this.#closedReason === null;
  }

  /** The proxy's end of the connection. */
  get local(): { address: string; port: number } {
    return { address: this.#socket.localAddress ?? '', port: this.#socket.localPort ?? 0 };
  }

  /** The backend's end. */
  get remote(): { address: string; port: number } {
    return { address: this.#socket.remoteAddress ?? '', port: this.#socket.remotePort ?? 0 };
  }

  /** Probes the backend when it has said nothing for so many seconds; 0: never. */
  keepAlive(seconds: number): void {
    this.#socket.setKeepAlive(seconds > 0, seconds * 1000);
  }

  /** Gives the connection to an owner, who hears everything from now on, and first (at once) what nobody has heard yet. */
  setOwner(owner: ServerOwner | null): void {
    this.#takeLeft();
    this.#owner = owner;
    if (this.#unheard.length > 0 && owner?.onServerData !== undefined) this.#heard(Buffer.alloc(0));
  }

  /** Who hears the connection at the moment, exchanges apart. */
  get owner(): ServerOwner | null {
    return this.#owner;
  }

  #takeLeft(): void {
    const left = this.#owner?.leaves?.();
    if (left !== undefined && left.length > 0) this.#unheard.unshift(left);
  }

  #heard(chunk: Buffer): void {
    const bytes = this.#unheard.length === 0 ? chunk : Buffer.concat([...this.#unheard.splice(0), chunk]);
    if (this.#owner?.onServerData !== undefined) {
      this.#owner.onServerData(bytes);
      return;
    }
    this.#unheard.push(bytes);
    if (bytes.length > UNHEARD_LIMIT || answersUnasked(bytes)) this.#closed(UNASKED);
  }

  /** False when the socket's buffer is full: wait for `onServerDrain`. */
  write(bytes: Buffer): boolean {
    return this.#socket.write(bytes);
  }

  get needsDrain(): boolean {
    return this.#socket.writableNeedDrain;
  }

  pauseReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  /**
   * Sends own messages and collects the answer up to the `readyCount`-th ReadyForQuery. Only one exchange at a time, and only
   * while no client message is outstanding. What the server says unasked goes where the options say, or is dropped;
   * ParameterStatus updates `parameters` in any case. After a missed deadline the answer is still swallowed: see `quiet`. A server
   * that answers unasked, at too great length or in something else than messages loses the connection.
   */
  exchange(frames: Buffer, readyCount: number, options: ExchangeOptions): Exchange {
    if (this.#collect !== null) throw new Error('an exchange is already under way');
    const limit = options.limit ?? ANSWER_LIMIT;
    const reader = new MessageReader(limit, true);
    const messages: Message[] = [];
    this.#takeLeft();
    const early = Buffer.concat(this.#unheard.splice(0));
    let asked = false;
    let kept = 0;
    let tooLong = false;
    let readyLeft = readyCount;
    let collect = (_chunk: Buffer): void => {};
    let settleQuiet = (): void => {};
    const quiet = new Promise<void>((resolve) => (settleQuiet = resolve));
    const answer = new Promise<Message[]>((resolve, reject) => {
      const timer = setTimeout(() => reject(new ExchangeDeadline(options.deadlineMs)), options.deadlineMs);
      const finish = (error: Error | null): void => {
        clearTimeout(timer);
        this.#collect = null;
        this.#abandonExchange = null;
        if (error === null) resolve(messages);
        else reject(error);
        settleQuiet();
      };
      this.#abandonExchange = (error) => {
        const last = messages.findLast((message) => message.type === Server.ErrorResponse);
        finish(last === undefined ? error : new ServerLost(readErrorFields(last.body).message));
      };
      collect = (chunk) => {
        try {
          reader.push(chunk);
          for (let message = reader.next(); message !== null; message = reader.next()) {
            if (this.#isAsynchronous(message, options)) continue;
            if (!asked) throw new ProtocolViolation(UNASKED);
            kept += message.body.length;
            // Swallowed to its end: the connection, and whoever is on it, must not be lost for an answer that nobody can keep.
            tooLong ||= message.isCut === true || kept > limit;
            if (tooLong) messages.length = 0;
            else messages.push(message);
            if (message.type === Server.ReadyForQuery && --readyLeft === 0) {
              const rest = reader.takeRest();
              if (answersUnasked(rest)) throw new ProtocolViolation(UNASKED);
              finish(tooLong ? new AnswerTooLong(limit) : null);
              const whole = wholeMessages(rest);
              if (whole > 0) this.#heard(rest.subarray(0, whole));
              // The beginning of a message waits for its end, whoever will hear it then: perhaps another exchange.
              if (whole < rest.length) this.#unheard.push(rest.subarray(whole));
              return;
            }
          }
        } catch (error) {
          this.#closed(error instanceof Error ? error.message : String(error));
        }
      };
      this.#collect = collect;
    });
    if (early.length > 0) collect(early);
    asked = true;
    if (this.#closedReason !== null) this.#abandonExchange?.(new ServerLost(this.#closedReason));
    else this.#socket.write(frames);
    // A client that reads slowly may have left it paused; the answer is not for that client.
    this.#socket.resume();
    return { answer, quiet };
  }

  #isAsynchronous({ type, body, isCut }: Message, { onNotification, onUnasked }: ExchangeOptions): boolean {
    if (type === Server.ErrorResponse || !isUnasked(type)) return false;
    if (isCut === true) return true;
    if (type === Server.ParameterStatus) this.noteParameter(body);
    if (onUnasked !== undefined) onUnasked(frame(type, body));
    else if (type === Server.NotificationResponse) onNotification?.(body);
    return true;
  }

  /** Equal texts: equal `parameters`. */
  get parameterText(): string {
    return (this.#parameterText ??= intern(JSON.stringify([...this.parameters])));
  }

  /** Records the body of a ParameterStatus. */
  noteParameter(body: Buffer): void {
    this.#parameterText = null;
    const name = readCString(body, 0);
    this.parameters.set(name.text, readCString(body, name.end).text);
  }

  /**
   * Asks the backend to cancel what this connection runs. `stillWanted` is asked right before the bytes go out, after the
   * connection for it stands (pooling.md 4, rule 1). Resolves when the backend has closed that connection, or it failed.
   */
  async cancel(stillWanted: () => boolean): Promise<void> {
    this.cancelsInFlight++;
    await sendCancel(this.backend, this.#tlsSettings, this.tls !== null, cancelRequest(this.pid, this.#secret), stillWanted);
    this.cancelsInFlight--;
    if (this.cancelsInFlight === 0) this.onCancelsSettled?.();
  }

  /** Says goodbye (Terminate) and closes; for a connection in a known, idle state. */
  end(): void {
    if (!this.isOpen) return;
    this.#owner = null;
    this.#closed('closed by the proxy');
    this.#socket.end(terminateMessage);
    const timer = setTimeout(() => this.#socket.destroy(), GOODBYE_MS);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  /** Cuts the connection at once; for one in an unknown state. Its owner hears the reason. */
  destroy(reason = 'closed by the proxy'): void {
    this.#socket.destroy();
    this.#closed(reason);
  }

  #closed(reason: string): void {
    if (this.#closedReason !== null) return;
    this.#closedReason = reason;
    // A half-closed backend has nothing more to say; keeping our half open would only leak the socket.
    if (!this.#socket.destroyed && reason !== 'closed by the proxy') this.#socket.destroy();
    this.#abandonExchange?.(new ServerLost(reason));
    this.#owner?.onServerClosed(reason);
  }
}

/** Whether there is anything but what a server may say at any time: notices, notifications, changed parameters, its goodbye. */
function answersUnasked(bytes: Buffer): boolean {
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const length = bytes.readInt32BE(at + 1);
    if (length < 4 || !isUnasked(bytes[at] ?? 0)) return true;
    at += 1 + length;
  }
  return false;
}

/** How many bytes of whole messages there are at the beginning. */
function wholeMessages(bytes: Buffer): number {
  let at = 0;
  while (at + HEADER_BYTES <= bytes.length && at + 1 + bytes.readInt32BE(at + 1) <= bytes.length) at += 1 + bytes.readInt32BE(at + 1);
  return at;
}
