/**
 * A reader that hands out whole messages. For everything but forwarding: login, own queries, the console. It buffers, so every
 * user gives it a limit; the forwarder's processors walk chunks in place instead.
 */
import { HEADER_BYTES } from './codes.ts';

/** One whole message: its type byte and its body (without type and length). */
export interface Message {
  readonly type: number;
  readonly body: Buffer;
  /** It was longer than the reader's limit and has been read past: the body is empty. */
  readonly isCut?: true;
}

/** Thrown when a length field is below 4 or above the limit: the peer does not speak the protocol, or not ours. */
export class ProtocolViolation extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ProtocolViolation';
  }
}

/** Collects chunks and returns whole messages, in order. A message is put together once, when all of it is there. */
export class MessageReader {
  readonly #limit: number;
  readonly #cutsLong: boolean;
  readonly #chunks: Buffer[] = [];
  #length = 0;
  /** Bytes of a long message still to be read past, and its type. */
  #cutting = 0;
  #cutType = 0;

  /** `limit`: longest acceptable message in bytes. `cutsLong`: longer ones are read past (`isCut`) instead of being an error. */
  constructor(limit = 64 * 1024 * 1024, cutsLong = false) {
    this.#limit = limit;
    this.#cutsLong = cutsLong;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** The next whole message, or null when more bytes are needed. Throws `ProtocolViolation`. */
  next(): Message | null {
    if (this.#cutting > 0) return this.#cut();
    if (this.#length < HEADER_BYTES) return null;
    const length = this.#front(HEADER_BYTES).readInt32BE(1);
    if (length > this.#limit && this.#cutsLong) {
      this.#cutType = this.#chunks[0]?.[0] ?? 0;
      this.#cutting = length + 1;
      return this.#cut();
    }
    if (length < 4 || length > this.#limit) throw new ProtocolViolation(`message length ${length} is out of bounds`);
    if (this.#length < length + 1) return null;
    const front = this.#front(length + 1);
    this.#length -= length + 1;
    if (front.length === length + 1) this.#chunks.shift();
    else this.#chunks[0] = front.subarray(length + 1);
    return { type: front[0] ?? 0, body: front.subarray(HEADER_BYTES, length + 1) };
  }

  #cut(): Message | null {
    for (let first = this.#chunks.shift(); first !== undefined; first = this.#chunks.shift()) {
      const taken = Math.min(first.length, this.#cutting);
      this.#cutting -= taken;
      this.#length -= taken;
      if (taken < first.length) this.#chunks.unshift(first.subarray(taken));
      if (this.#cutting === 0) return { type: this.#cutType, body: Buffer.alloc(0), isCut: true };
    }
    return null;
  }

  /** Gives back what was not consumed and empties the reader. */
  takeRest(): Buffer {
    this.#length = 0;
    return Buffer.concat(this.#chunks.splice(0));
  }

  /** The first chunk, put together from several if it is shorter than `wanted`, which is there. */
  #front(wanted: number): Buffer {
    const first = this.#chunks[0];
    if (first !== undefined && first.length >= wanted) return first;
    const whole = Buffer.concat(this.#chunks.splice(0));
    this.#chunks.push(whole);
    return whole;
  }
}

/** The zero-terminated string at `start`; `end` is the position after its zero byte. */
export function readCString(body: Buffer, start: number, encoding: BufferEncoding = 'utf8'): { text: string; end: number } {
  const zero = body.indexOf(0, start);
  if (zero < 0) throw new ProtocolViolation('a string is not terminated');
  return { text: body.toString(encoding, start, zero), end: zero + 1 };
}

/** The columns of a DataRow body; null for SQL NULL. */
export function readDataRow(body: Buffer): (Buffer | null)[] {
  const columns: (Buffer | null)[] = [];
  let at = 2;
  for (let left = body.readInt16BE(0); left > 0; left--) {
    const length = body.readInt32BE(at);
    at += 4;
    columns.push(length < 0 ? null : body.subarray(at, at + length));
    if (length > 0) at += length;
  }
  return columns;
}
