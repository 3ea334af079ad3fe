/** Builders for protocol messages, both directions. Each returns one complete frame (type byte, length, body). */
import { Client, PROTOCOL_3_0, Request, Server } from './codes.ts';
import { bytesOf } from './text.ts';

/** Frames a body: type byte, length, body. */
export function frame(type: number, ...parts: readonly Buffer[]): Buffer {
  let length = 4;
  for (const part of parts) length += part.length;
  const out = Buffer.allocUnsafe(length + 1);
  out[0] = type;
  out.writeInt32BE(length, 1);
  let at = 5;
  for (const part of parts) at += part.copy(out, at);
  return out;
}

/** A zero-terminated string (UTF-8: as `bytesOf`); a zero byte inside it would end it early, so it is refused. */
export function cstring(text: string, encoding: BufferEncoding = 'utf8'): Buffer {
  if (text.includes('\0')) throw new RangeError('a protocol string cannot hold a zero byte');
  return encoding === 'utf8' ? bytesOf(text + '\0') : Buffer.from(text + '\0', encoding);
}

export function int16(value: number): Buffer {
  const out = Buffer.allocUnsafe(2);
  out.writeInt16BE(value);
  return out;
}

export function int32(value: number): Buffer {
  const out = Buffer.allocUnsafe(4);
  out.writeInt32BE(value);
  return out;
}

function uint32(value: number): Buffer {
  const out = Buffer.allocUnsafe(4);
  out.writeUInt32BE(value);
  return out;
}

const NUL = Buffer.from([0]);

// ---- what a client sends ----

/** StartupMessage of protocol 3.0. */
export function startupMessage(parameters: ReadonlyMap<string, string>): Buffer {
  const parts = [int32(PROTOCOL_3_0)];
  for (const [name, value] of parameters) parts.push(cstring(name), cstring(value));
  parts.push(NUL);
  const body = Buffer.concat(parts);
  return Buffer.concat([int32(body.length + 4), body]);
}

/** A StartupMessage with one more parameter, whose value no string has held: it can be overwritten once it is sent. */
export function withParameter(startup: Buffer, name: string, value: Buffer): Buffer {
  const out = Buffer.concat([startup.subarray(0, -1), cstring(name), value, NUL, NUL]);
  out.writeInt32BE(out.length);
  return out;
}

/** CancelRequest; `secret` is the key as the server gave it (4 bytes in 3.0, more in 3.2). */
export function cancelRequest(pid: number, secret: Buffer): Buffer {
  return Buffer.concat([int32(12 + secret.length), int32(Request.cancel), int32(pid), secret]);
}

/** SSLRequest: asks the server to go on encrypted. */
export const sslRequest = Buffer.concat([int32(8), int32(Request.ssl)]);

export function query(sql: string, encoding: BufferEncoding = 'utf8'): Buffer {
  return frame(Client.Query, cstring(sql, encoding));
}

/** Parse; `types` are parameter type OIDs (0: let the server decide). */
export function parse(name: string, sql: string, types: readonly number[] = [], encoding: BufferEncoding = 'utf8'): Buffer {
  return frame(Client.Parse, cstring(name, encoding), cstring(sql, encoding), int16(types.length), ...types.map(uint32));
}

/** Bind with text parameters; `binaryResults` asks for every result column in binary. */
export function bind(
  portal: string,
  statement: string,
  parameters: readonly (string | null)[] = [],
  options: { binaryResults?: boolean; encoding?: BufferEncoding } = {},
): Buffer {
  const encoding = options.encoding ?? 'utf8';
  const parts = [cstring(portal, encoding), cstring(statement, encoding), int16(0), int16(parameters.length)];
  for (const value of parameters) {
    if (value === null) {
      parts.push(int32(-1));
    } else {
      const bytes = Buffer.from(value, encoding);
      parts.push(int32(bytes.length), bytes);
    }
  }
  parts.push(options.binaryResults ? Buffer.from([0, 1, 0, 1]) : int16(0));
  return frame(Client.Bind, ...parts);
}

/** Describe of a statement (`S`) or portal (`P`). */
export function describe(kind: 'S' | 'P', name: string, encoding: BufferEncoding = 'utf8'): Buffer {
  return frame(Client.Describe, Buffer.from(kind, 'latin1'), cstring(name, encoding));
}

export function execute(portal: string, maxRows = 0): Buffer {
  return frame(Client.Execute, cstring(portal), int32(maxRows));
}

/** Close of a statement (`S`) or portal (`P`). */
export function close(kind: 'S' | 'P', name: string, encoding: BufferEncoding = 'utf8'): Buffer {
  return frame(Client.Close, Buffer.from(kind, 'latin1'), cstring(name, encoding));
}

/** CopyFail: the COPY FROM STDIN under way fails with `reason`. */
export function copyFail(reason: string): Buffer {
  return frame(Client.CopyFail, cstring(reason));
}

export const flushMessage = frame(Client.Flush);
export const syncMessage = frame(Client.Sync);
export const terminateMessage = frame(Client.Terminate);

// ---- what a server sends ----

export const authenticationOk = frame(Server.Authentication, int32(0));

export function parameterStatus(name: string, value: string): Buffer {
  return frame(Server.ParameterStatus, cstring(name), cstring(value));
}

export function backendKeyData(pid: number, secret: Buffer): Buffer {
  return frame(Server.BackendKeyData, int32(pid), secret);
}

/** ReadyForQuery with transaction status `I`, `T` or `E`. */
export function readyForQuery(status: 'I' | 'T' | 'E' = 'I'): Buffer {
  return frame(Server.ReadyForQuery, Buffer.from(status, 'latin1'));
}

/** NegotiateProtocolVersion: the newest version spoken (3.`minor`, whole as PostgreSQL sends it) and the `_pq_.` options not understood. */
export function negotiateProtocolVersion(minor: number, unknownOptions: readonly string[]): Buffer {
  return frame(
    Server.NegotiateProtocolVersion,
    int32(PROTOCOL_3_0 + minor),
    int32(unknownOptions.length),
    ...unknownOptions.map((name) => cstring(name)),
  );
}
