/** A client that sends whatever it is told to, in the pieces it is told to, and keeps only what is asked of it. */
import { connect, type Socket } from 'node:net';

/** A whole message that came. */
export interface Received {
  readonly type: string;
  readonly body: Buffer;
}

/** What came is no message, or did not come in time. */
export class WrongAnswer extends Error {}

/** Longest answer that any case can honestly cause. */
const LONGEST_ANSWER = 4 * 1024 * 1024;

/** See the head of this file. Every wait has the deadline it is given. */
export class RawClient {
  readonly socket: Socket;
  #buffered: Buffer = Buffer.alloc(0);
  #ended = false;
  #closed = false;
  #wake: (() => void) | null = null;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#buffered = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk]);
      this.#wake?.();
    });
    socket.on('end', () => {
      this.#ended = true;
      this.#wake?.();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#closed = true;
      this.#wake?.();
    });
  }

  /** Connects; rejects after `deadlineMs`. */
  static open(port: number, deadlineMs: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
      const timer = setTimeout(() => {
        socket.destroy();
        reject(new WrongAnswer(`no connection within ${deadlineMs} ms`));
      }, deadlineMs);
      const onError = (error: Error): void => {
        clearTimeout(timer);
        reject(new WrongAnswer(`no connection: ${error.message}`));
      };
      socket.once('error', onError);
      socket.once('connect', () => {
        clearTimeout(timer);
        socket.off('error', onError);
        resolve(new RawClient(socket));
      });
    });
  }

  /** True once the other side will send nothing more. */
  get isOver(): boolean {
    return this.#ended || this.#closed;
  }

  /** Sends the pieces, each in a packet of its own as far as the kernel agrees. */
  async send(pieces: readonly Buffer[]): Promise<void> {
    for (const [index, piece] of pieces.entries()) {
      if (index > 0) await new Promise(setImmediate);
      if (this.#closed || this.socket.destroyed || this.socket.writableEnded) return;
      this.socket.write(piece);
    }
  }

  /** Everything that has come, once the other side has closed or has been quiet for so long. */
  async everything(quietMs: number): Promise<Buffer> {
    for (let had = -1; had !== this.#buffered.length && !this.isOver;) {
      had = this.#buffered.length;
      await this.#until(() => this.isOver || this.#buffered.length > had, quietMs);
    }
    const all = this.#buffered;
    this.#buffered = Buffer.alloc(0);
    return all;
  }

  /** The next whole message; null when the connection is over. Throws `WrongAnswer` for what is no message, or when late. */
  async message(deadlineMs: number): Promise<Received | null> {
    const isThere = (): boolean => this.#buffered.length >= 5 && this.#buffered.length > this.#length();
    if (!isThere() && !(await this.#until(() => isThere() || this.isOver, deadlineMs))) {
      throw new WrongAnswer(`no answer within ${deadlineMs} ms (${this.#buffered.length} bytes of one are there)`);
    }
    if (!isThere()) return null;
    const length = this.#length();
    const message = { type: this.#buffered.toString('latin1', 0, 1), body: this.#buffered.subarray(5, length + 1) };
    this.#buffered = this.#buffered.subarray(length + 1);
    return message;
  }

  /** What comes until the other side closes; throws `WrongAnswer` when it does not. */
  async rest(deadlineMs: number): Promise<Buffer> {
    if (!(await this.#until(() => this.isOver, deadlineMs))) throw new WrongAnswer(`not closed within ${deadlineMs} ms`);
    return await this.everything(0);
  }

  /** Sends FIN. */
  finish(): void {
    this.socket.end();
  }

  /** Sends RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  destroy(): void {
    this.socket.destroy();
  }

  #length(): number {
    const length = this.#buffered.readInt32BE(1);
    if (length < 4 || length > LONGEST_ANSWER) {
      throw new WrongAnswer(`the answer is no message: ${this.#buffered.subarray(0, 48).toString('latin1')}`);
    }
    return length;
  }

  #until(isDone: () => boolean, deadlineMs: number): Promise<boolean> {
    if (isDone()) return Promise.resolve(true);
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void): void => {
        clearTimeout(timer);
        this.#wake = null;
        finish();
      };
      const timer = setTimeout(() => settle(() => resolve(false)), deadlineMs);
      this.#wake = () => {
        try {
          if (isDone()) settle(() => resolve(true));
        } catch (error) {
          settle(() => reject(error instanceof Error ? error : new Error(String(error))));
        }
      };
    });
  }
}

/**
 * Throws unless these are answers to encryption requests, then whole messages, every error among them with a severity and an
 * SQLSTATE. Before a login there are no notices, whose letter is the same as that of the answer.
 */
export function expectWholeAnswers(bytes: Buffer): void {
  let at = 0;
  while (bytes[at] === 0x4e) at++;
  while (at < bytes.length) {
    const length = at + 5 <= bytes.length ? bytes.readInt32BE(at + 1) : -1;
    const end = at + 1 + length;
    if (length < 4 || end > bytes.length)
      throw new WrongAnswer(`the answer is no message, at byte ${at}: ${JSON.stringify(bytes.toString('latin1', 0, 200))}`);
    if (bytes[at] === 0x45) expectError(bytes.toString('utf8', at + 5, end));
    at = end;
  }
}

/** Throws unless the body of an ErrorResponse says how bad it is and what it is. */
export function expectError(body: string): void {
  if (!/^S(ERROR|FATAL)\0(V(ERROR|FATAL)\0)?C[0-9A-Z]{5}\0M/.test(body))
    throw new WrongAnswer(`an error that does not say what it is: ${JSON.stringify(body)}`);
}
