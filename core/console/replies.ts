/** The frames a console answers with. Every column is text: its binary form is the same bytes, so both formats are right. */
import { Server } from '../wire/codes.ts';
import { cstring, frame, int16, int32 } from '../wire/messages.ts';
import type { Cell } from './view.ts';

/** OID of `text` in pg_type. */
export const TEXT_OID = 25;

export const parseComplete = frame(Server.ParseComplete);
export const bindComplete = frame(Server.BindComplete);
export const closeComplete = frame(Server.CloseComplete);
export const noData = frame(Server.NoData);
export const emptyQuery = frame(Server.EmptyQueryResponse);
export const portalSuspended = frame(Server.PortalSuspended);

/** `formats` as in Bind: none, one for all, or one per column. */
export function rowDescription(columns: readonly string[], formats: readonly number[] = []): Buffer {
  const parts = [int16(columns.length)];
  for (const [index, name] of columns.entries()) {
    const format = formats.length === 1 ? formats[0] : formats[index];
    // Table, attribute; type, its size (-1: varying), modifier; format.
    parts.push(cstring(name), int32(0), int16(0), int32(TEXT_OID), int16(-1), int32(-1), int16(format ?? 0));
  }
  return frame(Server.RowDescription, ...parts);
}

export function dataRow(cells: readonly Cell[]): Buffer {
  // One allocation per row: SHOW CLIENTS may have ten thousand, and the clients' traffic waits meanwhile.
  const texts = cells.map((cell) => (cell === null ? null : cellText(cell)));
  let length = 6;
  for (const text of texts) length += 4 + (text === null ? 0 : Buffer.byteLength(text));
  const out = Buffer.allocUnsafe(length + 1);
  out[0] = Server.DataRow;
  out.writeInt32BE(length, 1);
  out.writeInt16BE(cells.length, 5);
  let at = 7;
  for (const text of texts) {
    const bytes = text === null ? -1 : out.write(text, at + 4);
    out.writeInt32BE(bytes, at);
    at += 4 + Math.max(0, bytes);
  }
  return out;
}

function cellText(cell: string | number | boolean): string {
  return typeof cell === 'boolean' ? (cell ? 't' : 'f') : String(cell);
}

export function commandComplete(tag: string): Buffer {
  return frame(Server.CommandComplete, cstring(tag));
}

export function parameterDescription(types: readonly number[]): Buffer {
  return frame(Server.ParameterDescription, int16(types.length), ...types.map(int32));
}
