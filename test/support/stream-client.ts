/** A client that reads and writes more than anybody would keep in memory: it counts and hashes what comes by, and keeps nothing. */
import { createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { fields, message, sslRequest, startup, terminate } from './wire-client.ts';

/** What an answer was. */
export interface Passed {
  /** Bytes of the bodies of DataRow and CopyData. */
  readonly bytes: number;
  /** SHA-256 over them. */
  readonly hash: string;
  /** CommandComplete's tag; the last one. */
  readonly tag: string;
}

/** Messages of which only a count and a hash are wanted. */
const BULK = new Set(['D', 'd']);

/** One connection; every error of the server rejects what waits. */
export class StreamClient {
  readonly #socket: Socket;
  #head = Buffer.alloc(0);
  #left = 0;
  #type = '';
  #body: Buffer[] = [];
  #hash: Hash = createHash('sha256');
  #bytes = 0;
  #tag = '';
  #wanted = '';
  #settle: { resolve: () => void; reject: (error: Error) => void } | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', (error) => this.#settle?.reject(error));
    socket.on('close', () => this.#settle?.reject(new Error('the connection was closed')));
  }

  /** Connects and logs in as `postgres`. */
  static async open(port: number, options: { tls: boolean; database?: string }): Promise<StreamClient> {
    let socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    if (options.tls) {
      socket.write(sslRequest);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      if (answer.toString() !== 'S') throw new Error('there is no TLS');
      socket.removeAllListeners('data');
      socket = connectTls({ socket, rejectUnauthorized: false });
      await once(socket, 'secureConnect');
    }
    const client = new StreamClient(socket);
    const ready = client.#until('Z');
    socket.write(startup({ user: 'postgres', database: options.database ?? 'postgres' }));
    await ready;
    return client;
  }

  /** Runs a simple query to its end. */
  async query(sql: string): Promise<Passed> {
    this.#reset();
    const ready = this.#until('Z');
    this.#socket.write(message('Q', Buffer.from(`${sql}\0`)));
    await ready;
    return this.#passed();
  }

  /** Sends whole messages, and waits for the next ReadyForQuery. */
  async send(...frames: Uint8Array[]): Promise<Passed> {
    this.#reset();
    const ready = this.#until('Z');
    for (const frame of frames) this.#socket.write(frame);
    await ready;
    return this.#passed();
  }

  /** COPY … FROM STDIN, fed as fast as it is taken. */
  async copyIn(sql: string, chunks: Iterable<Buffer>): Promise<Passed> {
    this.#reset();
    const taking = this.#until('G');
    this.#socket.write(message('Q', Buffer.from(`${sql}\0`)));
    await taking;
    const ready = this.#until('Z');
    for (const chunk of chunks) {
      if (!this.#socket.write(message('d', chunk))) await once(this.#socket, 'drain');
    }
    this.#socket.write(message('c'));
    await ready;
    return this.#passed();
  }

  /** Reads nothing more until `resume`. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Bytes of rows and COPY data so far. */
  get bytes(): number {
    return this.#bytes;
  }

  async close(): Promise<void> {
    this.#settle = null;
    const closed = new Promise((resolve) => this.#socket.once('close', resolve));
    this.#socket.end(terminate);
    await closed;
  }

  #reset(): void {
    this.#hash = createHash('sha256');
    this.#bytes = 0;
    this.#tag = '';
  }

  #passed(): Passed {
    return { bytes: this.#bytes, hash: this.#hash.copy().digest('hex'), tag: this.#tag };
  }

  #until(type: string): Promise<void> {
    this.#wanted = type;
    return new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
  }

  #read(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#left > 0) {
        const end = Math.min(chunk.length, at + this.#left);
        this.#take(chunk.subarray(at, end));
        this.#left -= end - at;
        at = end;
        if (this.#left === 0) this.#complete();
        continue;
      }
      const missing = 5 - this.#head.length;
      this.#head = Buffer.concat([this.#head, chunk.subarray(at, at + missing)]);
      at = Math.min(chunk.length, at + missing);
      if (this.#head.length < 5) return;
      this.#type = this.#head.toString('latin1', 0, 1);
      this.#left = this.#head.readInt32BE(1) - 4;
      this.#head = Buffer.alloc(0);
      if (this.#left === 0) this.#complete();
    }
  }

  #take(bytes: Buffer): void {
    if (!BULK.has(this.#type)) {
      this.#body.push(bytes);
      return;
    }
    this.#bytes += bytes.length;
    this.#hash.update(bytes);
  }

  #complete(): void {
    const body = Buffer.concat(this.#body);
    this.#body = [];
    if (this.#type === 'C') this.#tag = body.toString('utf8', 0, body.length - 1);
    if (this.#type === 'E') {
      const { C, M } = fields({ type: 'E', body });
      this.#settle?.reject(new Error(`${C}: ${M}`));
      this.#settle = null;
    }
    if (this.#type !== this.#wanted) return;
    const settle = this.#settle;
    this.#settle = null;
    settle?.resolve();
  }
}
