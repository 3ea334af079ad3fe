/**
 * Cursors WITH HOLD: their rows are read, which is only possible where the cursor can go back, and made into a cursor of the same columns
 * and position on the target (section 9.2).
 */
import { readCString } from '../../../wire/message-reader.ts';
import { quoteIdentifier } from '../../../state/queries.ts';
import { block, Refusal } from '../../dialect.ts';
import { literal, type OwnSql, type RunOptions, type Step } from './own-sql.ts';

/** Most that all cursors of a session may hold, as text, in bytes. */
export const CURSOR_LIMIT = 1024 * 1024;
const FIRST_ROWS = 100;
const MOST_ROWS = 20_000;

const LIST = `SELECT c.name,c.is_binary,c.is_scrollable FROM pg_catalog.pg_cursors c WHERE c.is_holdable ORDER BY c.creation_time,c.name`;

/** A cursor as it was read. */
export interface HeldCursor {
  readonly name: string;
  readonly isBinary: boolean;
  readonly columns: readonly Column[];
  /** The columns' types, as the server writes them. */
  readonly types: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
  /** 0: before the first row; one more than there are: behind the last. */
  readonly position: number;
}

interface Column {
  readonly name: string;
  readonly typeOid: number;
  readonly typeModifier: number;
}

/** Reads the session's held cursors; each stands where it stood. Throws `Refusal` for one that cannot be read twice or holds too much. */
export async function readCursors(own: OwnSql, encoding: BufferEncoding, options: RunOptions): Promise<HeldCursor[]> {
  const { rows: list } = await own.one({ label: 'its cursors', sql: LIST }, options);
  const fixed = list.filter(([, , isScrollable]) => isScrollable !== 't').map(([name]) => name ?? '');
  if (fixed.length > 0) {
    throw new Refusal([
      block(
        'held_cursor',
        `it has cursors WITH HOLD that only go forward, so that reading them would use them up: ${fixed.join(', ')}`,
        'Close them first, or declare them with SCROLL.',
      ),
    ]);
  }
  const cursors: HeldCursor[] = [];
  let bytesLeft = CURSOR_LIMIT;
  for (const [name, isBinary] of list) {
    if (name === null || name === undefined) continue;
    const { cursor, bytes } = await readCursor(own, name, isBinary === 't', encoding, bytesLeft, options);
    cursors.push(cursor);
    bytesLeft -= bytes;
  }
  return cursors;
}

async function readCursor(
  own: OwnSql,
  name: string,
  isBinary: boolean,
  encoding: BufferEncoding,
  limit: number,
  options: RunOptions,
): Promise<{ cursor: HeldCursor; bytes: number }> {
  const label = `the cursor "${name}"`;
  const quoted = quoteIdentifier(name);
  const move = (how: string): Step => ({ label, sql: `MOVE ${how} FROM ${quoted}` });
  const described = await own.one({ label, portal: name }, options);
  const columns = described.description === null ? [] : readColumns(described.description, encoding);
  const { rows: types } = await own.one(typesStep(label, columns), options);
  const { results: moves } = await own.run([move('FORWARD 0'), move('BACKWARD ALL')], options);
  const [onRow, before] = moves.map(countIn);
  const rows: (readonly (string | null)[])[] = [];
  let bytes = 0;
  let isWhole = false;
  try {
    for (let count = FIRST_ROWS; !isWhole && bytes <= limit;) {
      const { rows: more } = await own.one({ label, sql: `FETCH FORWARD ${count} FROM ${quoted}` }, options);
      rows.push(...more);
      for (const row of more) for (const cell of row) bytes += cell === null ? 1 : Buffer.byteLength(cell) + 1;
      isWhole = more.length < count;
      const each = Math.max(1, bytes / Math.max(1, rows.length));
      count = Math.max(1, Math.min(MOST_ROWS, Math.ceil((limit - bytes) / each)));
    }
  } finally {
    // Where it stood: on a row, before the first, or behind the last of those that it went back over.
    const back = before ?? 0;
    const target = onRow === 1 ? back + 1 : back;
    const step = onRow === 1 || back === 0 ? move(`ABSOLUTE ${target}`) : move('FORWARD ALL');
    if (own.server.isOpen) await own.one(step, options);
  }
  if (!isWhole) {
    throw new Refusal([
      block('held_cursor', `the cursor "${name}" holds too much: ${CURSOR_LIMIT} bytes at most are carried`, 'Close it first.'),
    ]);
  }
  const position = onRow === 1 ? (before ?? 0) + 1 : before === rows.length && rows.length > 0 ? rows.length + 1 : 0;
  return { cursor: { name, isBinary, columns, types: types.map(([type]) => type ?? ''), rows, position }, bytes };
}

/** Makes the cursors on the target and compares their columns. Throws `Refusal` where a type is another one there. */
export async function makeCursors(
  own: OwnSql,
  cursors: readonly HeldCursor[],
  encoding: BufferEncoding,
  options: RunOptions,
): Promise<void> {
  for (const cursor of cursors) {
    const label = `the cursor "${cursor.name}"`;
    await own.run([{ label, sql: declareSql(cursor) }], options);
    const move = { label, sql: `MOVE ABSOLUTE ${cursor.position} FROM ${quoteIdentifier(cursor.name)}` };
    const { results } = await own.run([move, { label, portal: cursor.name }], options);
    const description = results[1]?.description ?? null;
    const columns = description === null ? [] : readColumns(description, encoding);
    if (JSON.stringify(columns) !== JSON.stringify(cursor.columns)) {
      throw new Refusal([block('type_oid', `the columns of the cursor "${cursor.name}" have other types on the target`)]);
    }
  }
}

function declareSql({ name, isBinary, columns, types, rows }: HeldCursor): string {
  const list = columns.map((column, index) => `(j.c${index})::${types[index] ?? ''} AS ${quoteIdentifier(column.name)}`);
  const definition = ['n pg_catalog.text', ...columns.map((_, index) => `c${index} pg_catalog.text`)];
  const json = JSON.stringify(rows.map((row) => Object.fromEntries(row.map((cell, index) => [`c${index}`, cell]))));
  return `DECLARE ${quoteIdentifier(name)}${isBinary ? ' BINARY' : ''} SCROLL CURSOR WITH HOLD FOR SELECT ${list.join(',')}
FROM pg_catalog.json_to_recordset(${literal(json)}) AS j(${definition.join(',')})`;
}

/** The type modifier is always given: without one, `character` would mean one character. */
function typesStep(label: string, columns: readonly Column[]): Step {
  return {
    label,
    sql: `SELECT pg_catalog.format_type(t,m) FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.int4[])) AS u(t,m)`,
    parameters: [`{${columns.map(({ typeOid }) => typeOid).join(',')}}`, `{${columns.map(({ typeModifier }) => typeModifier).join(',')}}`],
  };
}

function readColumns(description: Buffer, encoding: BufferEncoding): Column[] {
  const columns: Column[] = [];
  let at = 2;
  for (let left = description.readInt16BE(0); left > 0; left--) {
    const name = readCString(description, at, encoding);
    // Behind the name: table OID (4), column number (2), type OID (4), size (2), modifier (4), format (2).
    columns.push({
      name: name.text,
      typeOid: description.readUInt32BE(name.end + 6),
      typeModifier: description.readInt32BE(name.end + 12),
    });
    at = name.end + 18;
  }
  return columns;
}

/** `MOVE 3` */
function countIn({ tag }: { readonly tag: string }): number {
  return Number(tag.split(' ')[1] ?? '0');
}
