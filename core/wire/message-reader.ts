/**
 * A reader that hands out whole messages. For everything but forwarding: login, own queries, the console. It buffers, so every
 * user gives it a limit; the forwarder's processors walk chunks in place instead.
 */
import { HEADER_BYTES } from './codes.ts';

/** One whole message: its type byte and its body (without type and length). */
export interface Message {
  readonly type: number;
  readonly body: Buffer;
}

/** Thrown when a length field is below 4 or above the limit: the peer does not speak the protocol, or not ours. */
export class ProtocolViolation extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ProtocolViolation';
  }
}

/** Collects chunks and returns whole messages, in order. */
export class MessageReader {
  readonly #limit: number;
  #buffered: Buffer = Buffer.alloc(0);

  /** `limit`: longest acceptable message in bytes. */
  constructor(limit = 64 * 1024 * 1024) {
    this.#limit = limit;
  }

  push(chunk: Buffer): void {
    this.#buffered = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk]);
  }

  /** The next whole message, or null when more bytes are needed. Throws `ProtocolViolation`. */
  next(): Message | null {
    const buffered = this.#buffered;
    if (buffered.length < HEADER_BYTES) return null;
    const length = buffered.readInt32BE(1);
    if (length < 4 || length > this.#limit) throw new ProtocolViolation(`message length ${length} is out of bounds`);
    if (buffered.length < length + 1) return null;
    this.#buffered = buffered.subarray(length + 1);
    return { type: buffered[0] ?? 0, body: buffered.subarray(HEADER_BYTES, length + 1) };
  }

  /** Gives back what was not consumed and empties the reader. */
  takeRest(): Buffer {
    const rest = this.#buffered;
    this.#buffered = Buffer.alloc(0);
    return rest;
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
