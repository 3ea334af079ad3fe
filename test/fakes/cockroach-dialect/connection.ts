/** One connection of a pod, from its first byte to its end. */
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { Client } from '../../../core/wire/codes.ts';
import { fatal } from '../../../core/wire/errors.ts';
import { MessageReader, ProtocolViolation, readCString } from '../../../core/wire/message-reader.ts';
import { readOpeningPacket, type OpeningPacket } from '../../../core/wire/startup.ts';
import { Conversation } from './conversation.ts';
import { Inbox } from './inbox.ts';
import { logIn } from './login.ts';
import { Output } from './output.ts';
import type { PodOptions } from './pod-options.ts';
import type { Heard } from './heard.ts';
import type { Faults } from './faults.ts';
import type { Cluster } from './cluster.ts';
import { Gone, SqlError } from './sql-error.ts';

/** The pod, as its connections see it. */
export interface ConnectionHost {
  readonly id: number;
  readonly cluster: Cluster;
  readonly faults: Faults;
  readonly heard: Heard;
  readonly options: PodOptions;
  /** A CancelRequest; true when the key is somebody's. */
  cancel(pid: number, secret: Buffer): boolean;
}

/** More messages than this wait for a client that does not read: it is not read from either. */
const INBOX_LIMIT = 1_000;

/** See the head of this file. */
export class Connection {
  readonly pid = randomInt(1, 2 ** 31 - 1);
  readonly secret = randomBytes(4);
  readonly #host: ConnectionHost;
  readonly #number: number;
  readonly #raw: Socket;
  readonly #gone = new AbortController();
  readonly #output: Output;
  readonly #inbox = new Inbox(() => {
    if (this.#socket.isPaused() && this.#inbox.length < INBOX_LIMIT / 2) this.#socket.resume();
  });
  readonly #reader = new MessageReader();
  #socket: Socket;
  #opening: Buffer | null = Buffer.alloc(0);
  #onOpening: (() => void) | null = null;
  /** The client has sent its FIN. */
  #isHalfClosed = false;
  #conversation: Conversation | null = null;

  constructor(socket: Socket, number: number, host: ConnectionHost) {
    this.#raw = socket;
    this.#socket = socket;
    this.#number = number;
    this.#host = host;
    this.#output = new Output(socket, host.faults, this.#gone.signal);
    socket.setNoDelay(true);
    this.#listen(socket);
  }

  /** Runs it to its end; rejects only with faults of the dialect server's own. */
  async run(): Promise<void> {
    try {
      await this.#output.say(Buffer.alloc(0), 'accept');
      await this.#output.flush();
      await this.#open();
      await this.#output.end();
    } catch (error) {
      if (error instanceof SqlError) await this.#farewell(error.sqlState, error.message);
      else if (error instanceof ProtocolViolation) await this.#farewell('08P01', error.message);
      else if (!(error instanceof Gone)) throw error;
    }
  }

  /** Cancels what runs. */
  cancel(): void {
    this.#conversation?.cancel();
  }

  /** Cuts it without a word. */
  destroy(): void {
    this.#raw.destroy();
  }

  /** RST. */
  reset(): void {
    this.#raw.resetAndDestroy();
  }

  async #farewell(sqlState: string, message: string): Promise<void> {
    try {
      await this.#output.say(fatal(sqlState, message));
      await this.#output.end();
    } catch (error) {
      if (!(error instanceof Gone)) throw error;
    }
  }

  #listen(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', () => this.#end());
    socket.on('end', () => {
      this.#isHalfClosed = true;
      this.#inbox.close();
      this.#onOpening?.();
    });
    socket.on('close', () => this.#end());
  }

  #end(): void {
    this.#gone.abort();
    this.#inbox.close();
    this.#onOpening?.();
  }

  #take(chunk: Buffer): void {
    if (this.#opening !== null) {
      this.#opening = Buffer.concat([this.#opening, chunk]);
      this.#onOpening?.();
      return;
    }
    this.#reader.push(chunk);
    this.#takeMessages();
  }

  #takeMessages(): void {
    for (let message = this.#reader.next(); message !== null; message = this.#reader.next()) {
      const { type, body } = message;
      this.#host.heard.note({
        at: Date.now(),
        connection: this.#number,
        type: String.fromCharCode(type),
        bytes: body.length + 5,
        sql:
          type === Client.Query
            ? readCString(body, 0).text
            : type === Client.Parse
              ? readCString(body, readCString(body, 0).end).text
              : null,
      });
      this.#inbox.push(message);
    }
    if (this.#inbox.length > INBOX_LIMIT) this.#socket.pause();
  }

  async #open(): Promise<void> {
    for (;;) {
      const packet = await this.#packet();
      const encrypted = this.#socket !== this.#raw;
      switch (packet.kind) {
        case 'gssenc':
          await this.#output.say(Buffer.from('N'));
          await this.#output.flush();
          break;
        case 'ssl':
          await this.#encrypt();
          break;
        case 'cancel': {
          const { pid, secret } = packet;
          this.#host.heard.cancels.push({ at: Date.now(), pid, secret, encrypted, hit: this.#host.cancel(pid, secret) });
          return;
        }
        case 'startup':
          await this.#serve(packet.parameters, encrypted);
          return;
      }
    }
  }

  async #serve(raw: ReadonlyMap<string, string>, encrypted: boolean): Promise<void> {
    const host = this.#host;
    const parameters = new Map([...raw].map(([name, value]) => [name.toLowerCase(), value]));
    host.heard.startups.push({ at: Date.now(), connection: this.#number, encrypted, parameters, raw });
    const rest = this.#opening ?? Buffer.alloc(0);
    this.#opening = null;
    this.#take(rest);
    const session = await logIn({
      cluster: host.cluster,
      inbox: this.#inbox,
      output: this.#output,
      parameters,
      pid: this.pid,
      secret: this.secret,
      moreParameters: host.options.moreParameters,
      version: host.options.version,
    });
    this.#conversation = new Conversation({
      cluster: host.cluster,
      session,
      inbox: this.#inbox,
      output: this.#output,
      podId: host.id,
      pid: this.pid,
      losses: () => host.options.losses,
      gone: this.#gone.signal,
    });
    await this.#conversation.run();
  }

  async #encrypt(): Promise<void> {
    const { tls } = this.#host.options;
    await this.#output.say(Buffer.from(tls === null ? 'N' : 'S'), 'tls');
    await this.#output.flush();
    if (tls === null) return;
    const socket = this.#raw;
    socket.removeAllListeners('data');
    const secure = new TLSSocket(socket, { isServer: true, key: tls.key, cert: tls.certificate });
    this.#socket = secure;
    this.#listen(secure);
    this.#output.encrypt(secure);
    await once(secure, 'secure', { signal: this.#gone.signal }).catch((error: unknown) => {
      if (this.#gone.signal.aborted) throw new Gone('the connection ended during the TLS handshake');
      throw error;
    });
  }

  async #packet(): Promise<OpeningPacket> {
    for (;;) {
      if (this.#gone.signal.aborted) throw new Gone('the connection is gone');
      const read = readOpeningPacket(this.#opening ?? Buffer.alloc(0));
      if (read !== null) {
        this.#opening = this.#opening?.subarray(read.bytes) ?? null;
        return read.packet;
      }
      if (this.#isHalfClosed) {
        this.#socket.end();
        throw new Gone('the client left before it said who it is');
      }
      await new Promise<void>((resolve) => (this.#onOpening = resolve));
      this.#onOpening = null;
    }
  }
}
