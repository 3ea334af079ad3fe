/** The frames a console answers with. Columns are text, whose binary form is the same bytes, or int8. */
import { Server } from '../wire/codes.ts';
import { cstring, frame, int16, int32 } from '../wire/messages.ts';
import type { Column } from './columns.ts';
import type { Cell } from './view.ts';

/** OID of `text` in pg_type. */
export const TEXT_OID = 25;
const INT8_OID = 20;

export const parseComplete = frame(Server.ParseComplete);
export const bindComplete = frame(Server.BindComplete);
export const closeComplete = frame(Server.CloseComplete);
export const noData = frame(Server.NoData);
export const emptyQuery = frame(Server.EmptyQueryResponse);
export const portalSuspended = frame(Server.PortalSuspended);

/** `formats` as in Bind: none, one for all, or one per column. */
export function rowDescription(columns: readonly Column[], formats: readonly number[] = []): Buffer {
  const parts = [int16(columns.length)];
  for (const [index, { name, type }] of columns.entries()) {
    const [oid, size] = type === 'int8' ? [INT8_OID, 8] : [TEXT_OID, -1];
    // Table, attribute; type, its size (-1: varying), modifier; format.
    parts.push(cstring(name), int32(0), int16(0), int32(oid), int16(size), int32(-1), int16(formatOf(formats, index)));
  }
  return frame(Server.RowDescription, ...parts);
}

/** Which columns go out as eight bytes; empty if none does. `formats` as in Bind. */
export function binaryNumbers(columns: readonly Column[], formats: readonly number[]): readonly boolean[] {
  if (!formats.includes(1)) return [];
  return columns.map(({ type }, index) => type === 'int8' && formatOf(formats, index) === 1);
}

function formatOf(formats: readonly number[], index: number): number {
  return (formats.length === 1 ? formats[0] : formats[index]) ?? 0;
}

/** `binary`: as `binaryNumbers` says. */
export function dataRow(cells: readonly Cell[], binary: readonly boolean[] = []): Buffer {
  // One allocation per row: SHOW CLIENTS may have ten thousand, and the clients' traffic waits meanwhile.
  const texts = cells.map((cell) => (cell === null ? null : cellText(cell)));
  let length = 6;
  for (const [index, text] of texts.entries()) length += 4 + (text === null ? 0 : binary[index] === true ? 8 : Buffer.byteLength(text));
  const out = Buffer.allocUnsafe(length + 1);
  out[0] = Server.DataRow;
  out.writeInt32BE(length, 1);
  out.writeInt16BE(cells.length, 5);
  let at = 7;
  for (const [index, text] of texts.entries()) {
    const bytes =
      text === null ? -1 : binary[index] === true ? out.writeBigInt64BE(BigInt(text), at + 4) - at - 4 : out.write(text, at + 4);
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
