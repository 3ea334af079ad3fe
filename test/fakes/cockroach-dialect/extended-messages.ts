/** Parse and Bind, read. */
import { readCString } from '../../../core/wire/message-reader.ts';
import { SqlError } from './sql-error.ts';
import { formatOf } from './answers.ts';
import { decode } from './types.ts';

/** Body of a Parse. */
export function readParse(body: Buffer): { name: string; sql: string; hints: number[] } {
  const name = readCString(body, 0);
  const sql = readCString(body, name.end);
  const hints: number[] = [];
  for (let left = body.readInt16BE(sql.end), at = sql.end + 2; left > 0; left--, at += 4) hints.push(body.readInt32BE(at));
  return { name: name.text, sql: sql.text, hints };
}

/** Body of a Bind; `read` gives the values once the types of the statement's parameters are known, or throws `SqlError` 08P01. */
export function readBind(body: Buffer): {
  portal: string;
  statement: string;
  formats: number[];
  read: (oids: readonly number[]) => (string | null)[];
} {
  const portal = readCString(body, 0);
  const statement = readCString(body, portal.end);
  const given = readFormats(body, statement.end);
  const values: (Buffer | null)[] = [];
  let at = given.end + 2;
  for (let left = body.readInt16BE(given.end); left > 0; left--) {
    const length = body.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? null : body.subarray(at, at + length));
    at += Math.max(0, length);
  }
  return {
    portal: portal.text,
    statement: statement.text,
    formats: readFormats(body, at).formats,
    read: (oids) => {
      if (oids.length !== values.length) throw new SqlError('08P01', `expected ${oids.length} arguments, got ${values.length}`);
      return values.map((value, index) => (value === null ? null : decode(value, oids[index] ?? 0, formatOf(given.formats, index))));
    },
  };
}

function readFormats(body: Buffer, start: number): { formats: number[]; end: number } {
  const formats: number[] = [];
  let end = start + 2;
  for (let left = body.readInt16BE(start); left > 0; left--, end += 2) formats.push(body.readInt16BE(end));
  return { formats, end };
}
