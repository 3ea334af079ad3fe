/** The packets without a type byte that open a connection: encryption requests, CancelRequest, StartupMessage. */
import { MAX_STARTUP_LENGTH, Request } from './codes.ts';
import { ProtocolViolation } from './message-reader.ts';
import { textOf } from './text.ts';

/** What a client said first. */
export type OpeningPacket =
  | { readonly kind: 'ssl' | 'gssenc' }
  | { readonly kind: 'cancel'; readonly pid: number; readonly secret: Buffer }
  | { readonly kind: 'startup'; readonly minor: number; readonly parameters: ReadonlyMap<string, string> };

/**
 * Reads one opening packet. Returns null while bytes are missing; `bytes` is how much of `buffer` it used.
 * Throws `ProtocolViolation` for lengths out of bounds, unknown versions and malformed parameters.
 */
export function readOpeningPacket(buffer: Buffer): { packet: OpeningPacket; bytes: number } | null {
  if (buffer.length < 4) return null;
  const length = buffer.readInt32BE(0);
  if (length < 8 || length > MAX_STARTUP_LENGTH) throw new ProtocolViolation('invalid length of startup packet');
  if (buffer.length < length) return null;
  const code = buffer.readInt32BE(4);
  if (code === Request.ssl || code === Request.gssenc) {
    if (length !== 8) throw new ProtocolViolation('invalid length of encryption request');
    return { packet: { kind: code === Request.ssl ? 'ssl' : 'gssenc' }, bytes: length };
  }
  if (code === Request.cancel) {
    if (length < 16 || length > 12 + 256) throw new ProtocolViolation('invalid length of cancel request');
    return { packet: { kind: 'cancel', pid: buffer.readInt32BE(8), secret: Buffer.from(buffer.subarray(12, length)) }, bytes: length };
  }
  if (code >>> 16 !== 3) {
    throw new ProtocolViolation(`unsupported frontend protocol ${code >>> 16}.${code & 0xffff}: server supports 3.0 to 3.2`);
  }
  return { packet: { kind: 'startup', minor: code & 0xffff, parameters: readParameters(buffer.subarray(8, length)) }, bytes: length };
}

function readParameters(body: Buffer): Map<string, string> {
  const parameters = new Map<string, string>();
  let at = 0;
  while (at < body.length && body[at] !== 0) {
    const name = endOfString(body, at);
    const value = endOfString(body, name + 1);
    parameters.set(textOf(body.subarray(at, name)), textOf(body.subarray(name + 1, value)));
    at = value + 1;
  }
  if (at !== body.length - 1) throw new ProtocolViolation('invalid startup packet layout: expected terminator as last byte');
  return parameters;
}

/** Where the zero byte of the string at `start` stands. */
function endOfString(body: Buffer, start: number): number {
  const zero = body.indexOf(0, start);
  if (zero < 0) throw new ProtocolViolation('a string is not terminated');
  return zero;
}
