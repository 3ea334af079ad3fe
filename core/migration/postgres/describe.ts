/**
 * What prepared statements mean to a client: the parameters and result columns that Describe tells of each. A statement that is parsed
 * again gets what its tables are by then; the client would misread its rows (postgres-session-state.md 6.3).
 */
import type { ServerConnection } from '../../backend/server-connection.ts';
import { splitAtReady } from '../../state/capture.ts';
import { guardSql } from '../../state/queries.ts';
import { Server } from '../../wire/codes.ts';
import { readErrorFields, type ErrorFields } from '../../wire/errors.ts';
import type { Message } from '../../wire/message-reader.ts';
import { bind, close, describe, execute, parse, syncMessage } from '../../wire/messages.ts';

/** A column of a result. */
export interface ResultColumn {
  readonly name: string;
  readonly type: number;
  /** Length or precision; -1: none. */
  readonly modifier: number;
}

/** What Describe tells. */
export interface StatementShape {
  readonly parameters: readonly number[];
  /** Null: it returns no rows. */
  readonly columns: readonly ResultColumn[] | null;
}

/** Of each statement by its name (the unnamed one is `''`) what Describe tells, or why it cannot. */
export type StatementShapes = ReadonlyMap<string, StatementShape | ErrorFields>;

/** What is to be described, and how names travel. */
export interface DescribeInput {
  readonly serverVersion: number;
  readonly names: readonly string[];
  readonly textEncoding: 'utf8' | 'latin1';
}

/** Statements between two Syncs: each locks its tables until the next. */
const PER_SYNC = 50;
/** The statement in front of each group, while it is there. */
export const DESCRIBE_GUARD = '_swy_guard';
/** Messages that answer the guard in front of each group. */
const GUARD_REPLIES = 6;

/**
 * The messages. In front of each group the guard of the capture, local to the group, and the client_encoding in which both servers tell
 * names; the last of it reverts with the Sync.
 */
export function describeFrames({ serverVersion, names, textEncoding }: DescribeInput): { frames: Buffer; readyCount: number } {
  const groups = groupsOf(names);
  const encoding = textEncoding === 'utf8' ? 'UTF8' : 'SQL_ASCII';
  const guard = `${guardSql(serverVersion)}, pg_catalog.set_config('client_encoding','${encoding}',true)`;
  const opening = [
    parse(DESCRIBE_GUARD, guard),
    bind(DESCRIBE_GUARD, DESCRIBE_GUARD),
    execute(DESCRIBE_GUARD),
    close('P', DESCRIBE_GUARD),
    close('S', DESCRIBE_GUARD),
  ];
  const frames = groups.flatMap((group) => [...opening, ...group.map((name) => describe('S', name, textEncoding)), syncMessage]);
  return { frames: Buffer.concat(frames), readyCount: groups.length };
}

/**
 * Reads the answers. A statement that cannot be described ends its group: of those behind it nothing is known, and they are missing in the
 * result.
 */
export function readShapes(
  { names, textEncoding }: DescribeInput,
  messages: readonly Message[],
): Map<string, StatementShape | ErrorFields> {
  const shapes = new Map<string, StatementShape | ErrorFields>();
  const answers = splitAtReady(messages);
  for (const [index, group] of groupsOf(names).entries()) readGroup(group, answers[index] ?? [], textEncoding, shapes);
  return shapes;
}

function readGroup(
  names: readonly string[],
  answer: readonly Message[],
  encoding: BufferEncoding,
  shapes: Map<string, StatementShape | ErrorFields>,
): void {
  let described = 0;
  let parameters: number[] = [];
  for (const [index, { type, body }] of answer.entries()) {
    const name = names[described];
    if (name === undefined) return;
    if (type === Server.ErrorResponse) {
      // Before the first Describe it is the guard's: nothing is known of any of them.
      if (index >= GUARD_REPLIES) shapes.set(name, readErrorFields(body));
      return;
    }
    if (type === Server.ParameterDescription) parameters = readParameters(body);
    else if (index >= GUARD_REPLIES && (type === Server.RowDescription || type === Server.NoData)) {
      shapes.set(name, { parameters, columns: type === Server.NoData ? null : readColumns(body, encoding) });
      described++;
    }
  }
}

function groupsOf(names: readonly string[]): string[][] {
  const groups: string[][] = [];
  for (let at = 0; at < names.length; at += PER_SYNC) groups.push(names.slice(at, at + PER_SYNC));
  return groups;
}

function readParameters(body: Buffer): number[] {
  const types: number[] = [];
  for (let at = 2; at + 4 <= body.length; at += 4) types.push(body.readUInt32BE(at));
  return types;
}

function readColumns(body: Buffer, encoding: BufferEncoding): ResultColumn[] {
  const columns: ResultColumn[] = [];
  for (let at = 2; at < body.length;) {
    const nameEnd = body.indexOf(0, at);
    // behind the name: table OID (4), column number (2), type OID (4), type length (2), modifier (4), format (2)
    columns.push({
      name: body.toString(encoding, at, nameEnd),
      type: body.readUInt32BE(nameEnd + 7),
      modifier: body.readInt32BE(nameEnd + 13),
    });
    at = nameEnd + 19;
  }
  return columns;
}

/** On a connection of the proxy's own. Rejects as an exchange does. */
export async function describeOn(server: ServerConnection, input: DescribeInput, deadlineMs: number): Promise<StatementShapes> {
  if (input.names.length === 0) return new Map();
  const { frames, readyCount } = describeFrames(input);
  return readShapes(input, await server.exchange(frames, readyCount, { deadlineMs }).answer);
}

/** The answer to a Describe of a single statement, names as bytes; null: there is no such statement. */
export function readShape(messages: readonly Message[]): StatementShape | null {
  const parameters = messages.find(({ type }) => type === Server.ParameterDescription);
  const columns = messages.find(({ type }) => type === Server.RowDescription);
  if (parameters === undefined || messages.some(({ type }) => type === Server.ErrorResponse)) return null;
  return { parameters: readParameters(parameters.body), columns: columns === undefined ? null : readColumns(columns.body, 'latin1') };
}

/** The description failed. */
export function isError(shape: StatementShape | ErrorFields): shape is ErrorFields {
  return 'sqlState' in shape;
}

/** Where two descriptions of one statement differ, in words; null: nowhere. */
export function shapeDifference(here: StatementShape, there: StatementShape): string | null {
  if (here.parameters.join() !== there.parameters.join()) return 'its parameter types';
  if (here.columns === null || there.columns === null) return here.columns === there.columns ? null : 'whether it returns rows';
  if (here.columns.length !== there.columns.length)
    return `its number of result columns (${here.columns.length} here, ${there.columns.length} there)`;
  for (const [index, column] of here.columns.entries()) {
    const other = there.columns[index];
    if (other === undefined || column.name !== other.name)
      return `the name of its result column ${index + 1} ("${column.name}" here, "${other?.name ?? ''}" there)`;
    if (column.type !== other.type) return `the type of its result column "${column.name}"`;
    if (column.modifier !== other.modifier) return `the length or precision of its result column "${column.name}"`;
  }
  return null;
}

/** Names a statement for a person. */
export function statementName(name: string): string {
  return name === '' ? 'its unnamed statement' : `prepared statement "${name}"`;
}
