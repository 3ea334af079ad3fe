/** The extended query protocol: prepared statements and portals of one console connection (PostgreSQL manual, "Message Flow"). */
import { splitStatements } from '../sql/facts.ts';
import { readCString } from '../wire/message-reader.ts';
import { parameterCount, parseCommand, type Command } from './command.ts';
import { ConsoleError } from './console-error.ts';
import { columnsOf, type Result } from './execute.ts';
import {
  binaryNumbers,
  bindComplete,
  closeComplete,
  commandComplete,
  dataRow,
  emptyQuery,
  noData,
  parameterDescription,
  parseComplete,
  portalSuspended,
  rowDescription,
  TEXT_OID,
} from './replies.ts';

interface Statement {
  /** Null: an empty statement. */
  readonly command: Command | null;
  readonly parameterTypes: readonly number[];
}

interface Portal {
  readonly command: Command | null;
  readonly parameters: readonly (string | null)[];
  readonly formats: readonly number[];
  /** Set by the first Execute; the next ones go on behind `sent`. */
  result: Result | null;
  sent: number;
}

/** Runs a command with its bound values. */
export type Run = (command: Command, parameters: readonly (string | null)[]) => Promise<Result>;

/**
 * One method per message; each takes the body and returns the frames to send. Throws `ConsoleError` for what PostgreSQL
 * answers with an error, `ProtocolViolation` or `RangeError` for a body that ends too early.
 */
export class ExtendedQuery {
  readonly #statements = new Map<string, Statement>();
  readonly #portals = new Map<string, Portal>();

  parse(body: Buffer): Buffer {
    const reader = new BodyReader(body);
    const name = reader.string();
    const sql = reader.string();
    const declared = reader.list(() => reader.int32());
    if (name !== '' && this.#statements.has(name)) throw new ConsoleError('42P05', `prepared statement "${name}" already exists`);
    // As in PostgreSQL, a failed Parse leaves no unnamed statement behind.
    if (name === '') this.#statements.delete('');
    const pieces = splitStatements(sql);
    if (pieces.length > 1) throw new ConsoleError('42601', 'cannot insert multiple commands into a prepared statement');
    const piece = pieces[0];
    const command = piece === undefined ? null : parseCommand(sql.slice(piece.start, piece.end));
    const count = command === null ? 0 : parameterCount(command);
    const parameterTypes = Array.from({ length: Math.max(count, declared.length) }, (_each, index) => declared[index] || TEXT_OID);
    this.#statements.set(name, { command, parameterTypes });
    return parseComplete;
  }

  bind(body: Buffer): Buffer {
    const reader = new BodyReader(body);
    const portalName = reader.string();
    const statement = this.#statement(reader.string());
    const formats = reader.list(() => reader.int16());
    const values = reader.list(() => reader.value());
    const resultFormats = reader.list(() => reader.int16());
    const { parameterTypes } = statement;
    if (values.length !== parameterTypes.length) {
      throw new ConsoleError(
        '08P01',
        `bind message supplies ${values.length} parameters, but the statement requires ${parameterTypes.length}`,
      );
    }
    if (portalName !== '' && this.#portals.has(portalName)) throw new ConsoleError('42P03', `cursor "${portalName}" already exists`);
    const parameters = values.map((value, index) => {
      const binary = (formats.length === 1 ? formats[0] : formats[index]) === 1;
      return value === null ? null : parameterText(value, binary, parameterTypes[index] ?? TEXT_OID, index + 1);
    });
    this.#portals.set(portalName, { command: statement.command, parameters, formats: resultFormats, result: null, sent: 0 });
    return bindComplete;
  }

  describe(body: Buffer): Buffer {
    const reader = new BodyReader(body);
    const kind = reader.letter();
    const name = reader.string();
    if (kind === 'P') {
      const { command, formats } = this.#portal(name);
      return description(command, formats);
    }
    const { command, parameterTypes } = this.#statement(name);
    return Buffer.concat([parameterDescription(parameterTypes), description(command, [])]);
  }

  async execute(body: Buffer, run: Run): Promise<Buffer> {
    const reader = new BodyReader(body);
    const portal = this.#portal(reader.string());
    const limit = reader.int32();
    if (portal.command === null) return emptyQuery;
    portal.result ??= await run(portal.command, portal.parameters);
    const { columns, rows, tag } = portal.result;
    const end = limit > 0 ? Math.min(rows.length, portal.sent + limit) : rows.length;
    const binary = columns === null ? [] : binaryNumbers(columns, portal.formats);
    const frames = rows.slice(portal.sent, end).map((row) => dataRow(row, binary));
    const count = end - portal.sent;
    portal.sent = end;
    // PostgreSQL says "suspended" whenever the limit was reached, even behind the last row.
    const more = limit > 0 && count === limit;
    frames.push(more ? portalSuspended : commandComplete(portal.result.columns === null ? tag : tag.replace(/\d+$/, String(count))));
    return Buffer.concat(frames);
  }

  close(body: Buffer): Buffer {
    const reader = new BodyReader(body);
    const kind = reader.letter();
    const name = reader.string();
    if (kind === 'P') this.#portals.delete(name);
    else this.#statements.delete(name);
    return closeComplete;
  }

  /** A transaction is over: its portals go. */
  endTransaction(): void {
    this.#portals.clear();
  }

  /** A simple query replaces the unnamed statement and portal by nothing. */
  dropUnnamed(): void {
    this.#statements.delete('');
    this.#portals.delete('');
  }

  /** DEALLOCATE; `name` null: all named statements. */
  deallocate(name: string | null): void {
    if (name === null) this.#statements.clear();
    else if (!this.#statements.delete(name)) throw new ConsoleError('26000', `prepared statement "${name}" does not exist`);
  }

  #statement(name: string): Statement {
    const statement = this.#statements.get(name);
    if (statement !== undefined) return statement;
    throw new ConsoleError(
      '26000',
      name === '' ? 'unnamed prepared statement does not exist' : `prepared statement "${name}" does not exist`,
    );
  }

  #portal(name: string): Portal {
    const portal = this.#portals.get(name);
    if (portal !== undefined) return portal;
    throw new ConsoleError('34000', `portal "${name}" does not exist`);
  }
}

function description(command: Command | null, formats: readonly number[]): Buffer {
  const columns = command === null ? null : columnsOf(command);
  return columns === null ? noData : rowDescription(columns, formats);
}

/** A bound value as text. Some drivers send numbers in binary when they declared the type themselves. */
function parameterText(value: Buffer, binary: boolean, type: number, number: number): string {
  if (!binary) return value.toString('utf8');
  switch (type) {
    case 21: // int2
      if (value.length === 2) return String(value.readInt16BE(0));
      break;
    case 23: // int4
      if (value.length === 4) return String(value.readInt32BE(0));
      break;
    case 20: // int8
      if (value.length === 8) return String(value.readBigInt64BE(0));
      break;
    case TEXT_OID:
    case 1043: // varchar
      return value.toString('utf8');
  }
  throw new ConsoleError('22P03', `incorrect binary data format in bind parameter ${number}`, { hint: 'Send parameters as text.' });
}

/** Reads a message body from front to back. */
class BodyReader {
  readonly #body: Buffer;
  #at = 0;

  constructor(body: Buffer) {
    this.#body = body;
  }

  string(): string {
    const { text, end } = readCString(this.#body, this.#at);
    this.#at = end;
    return text;
  }

  letter(): string {
    return String.fromCharCode(this.#body.readUInt8(this.#at++));
  }

  int16(): number {
    this.#at += 2;
    return this.#body.readInt16BE(this.#at - 2);
  }

  int32(): number {
    this.#at += 4;
    return this.#body.readInt32BE(this.#at - 4);
  }

  /** A counted list. The count is unsigned, as PostgreSQL allows 65535 parameters. */
  list<Item>(item: () => Item): Item[] {
    const items: Item[] = [];
    for (let left = this.int16() & 0xffff; left > 0; left--) items.push(item());
    return items;
  }

  /** A length and that many bytes; null for length -1. */
  value(): Buffer | null {
    const length = this.int32();
    if (length < 0) return null;
    if (length > this.#body.length - this.#at) throw new RangeError('a value is longer than its message');
    this.#at += length;
    return this.#body.subarray(this.#at - length, this.#at);
  }
}
