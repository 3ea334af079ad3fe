/**
 * Captures a session's state on its own server connection: one write, one round trip, named statements only, because a simple
 * query would destroy the client's unnamed statement (postgres-session-state.md section 3.1).
 */
import type { Exchange, ServerConnection } from '../backend/server-connection.ts';
import { Server, Status } from '../wire/codes.ts';
import { readErrorFields, type ErrorFields } from '../wire/errors.ts';
import { readDataRow, type Message } from '../wire/message-reader.ts';
import { bind, close, describe, execute, parse, syncMessage } from '../wire/messages.ts';
import { GUARDED_SETTINGS, guardSql, stateSql, textArray } from './queries.ts';
import { readState, type SessionStateCapture } from './state.ts';

const GUARD = '_swy_guard';
const STATE = '_swy_state';
/** See `fingerprintQuery`. */
export const PRINT = '_swy_print';
/** Type OID of text[]. */
export const TEXT_ARRAY = 1009;
const INT8_ARRAY = 1016;

/** The server refused the capture; the session and its transaction are as they were. */
export class CaptureFailure extends Error {
  readonly fields: ErrorFields;
  constructor(fields: ErrorFields) {
    super(`the server refused to show the session's state: ${fields.message} (${fields.sqlState})`);
    this.name = 'CaptureFailure';
    this.fields = fields;
  }
}

/** The server's major version times 10,000, from what it reported at login; 0 when it is no PostgreSQL. */
export function serverVersionOf(server: ServerConnection): number {
  const major = /^(\d+)/.exec(server.parameters.get('server_version') ?? '');
  return major === null ? 0 : Number(major[1]) * 10_000;
}

/** Messages to be sent, and how many ReadyForQuery answer them. */
export interface Batch {
  readonly frames: Buffer;
  readonly readyCount: number;
}

/** What else a capture asks. */
export interface CaptureOptions {
  /** Whether the unnamed statement exists. */
  readonly unnamed?: boolean;
  /** Where dblink is installed. */
  readonly dblinkSchema?: string | null;
  /** Another query for the same moment (`fingerprintQuery`). */
  readonly besides?: readonly Buffer[];
}

/** The messages of one capture. `customNames`: candidates; `types`: OIDs to name. */
export function captureFrames(
  serverVersion: number,
  customNames: Iterable<string>,
  types: Iterable<number>,
  { unnamed = false, dblinkSchema = null, besides = [] }: CaptureOptions = {},
): Batch {
  const state = runNamed(
    STATE,
    stateSql(serverVersion, dblinkSchema),
    [TEXT_ARRAY, INT8_ARRAY],
    [textArray(customNames), `{${[...types].join(',')}}`],
  );
  return guardedBatch(serverVersion, [...state, ...besides], unnamed);
}

/** Queries behind the guard, in one go; `unnamed`: and whether the unnamed statement exists. */
export function guardedBatch(serverVersion: number, queries: readonly Buffer[], unnamed: boolean): Batch {
  const frames = [...runNamed(GUARD, guardSql(serverVersion), [], []), ...queries, syncMessage];
  if (unnamed) frames.push(describe('S', ''), syncMessage);
  return { frames: Buffer.concat(frames), readyCount: unnamed ? 2 : 1 };
}

/** A query by a named statement and portal that are closed at once. */
export function runNamed(name: string, sql: string, types: readonly number[], parameters: readonly string[]): Buffer[] {
  return [
    parse(name, sql, types),
    bind(name, name, parameters, { binaryResults: true }),
    execute(name),
    close('P', name),
    close('S', name),
  ];
}

/** Reads the answer to a capture's first group, which overrode `guardedNames`. Throws `CaptureFailure`. */
export function readCapture(messages: readonly Message[], guardedNames = GUARDED_SETTINGS): SessionStateCapture {
  const error = messages.find((message) => message.type === Server.ErrorResponse);
  if (error !== undefined) throw new CaptureFailure(readErrorFields(error.body));
  const rows = messages.filter((message) => message.type === Server.DataRow).map((message) => readDataRow(message.body));
  const json = rows[1]?.[0];
  if (rows.length < 2 || rows[0] === undefined || json === undefined || json === null) throw new Error('the capture came back incomplete');
  return readState(guardedNames, rows[0], json);
}

/** Splits an answer at its ReadyForQuery messages. */
export function splitAtReady(messages: readonly Message[]): Message[][] {
  const groups: Message[][] = [[]];
  for (const message of messages) {
    groups.at(-1)?.push(message);
    if (message.type === Server.ReadyForQuery) groups.push([]);
  }
  groups.pop();
  return groups;
}

/**
 * After a capture that failed: a statement whose Execute failed stays prepared, because its Close was skipped. Removes its
 * names. Never rejects. A server that gives other answers than these is out of step: the session's next answer would be a wrong one,
 * so its connection is closed.
 */
export async function cleanUpCapture(
  server: ServerConnection,
  deadlineMs: number,
  names: readonly string[] = [GUARD, STATE, PRINT],
): Promise<void> {
  if (!server.isOpen) return;
  const exchange: Exchange = server.exchange(Buffer.concat([...names.map((name) => close('S', name)), syncMessage]), 1, {
    deadlineMs,
    // A notification that arrives now is the client's all the same.
    onUnasked: (heard) => server.owner?.onServerData?.(heard),
  });
  const answer = await exchange.answer.catch(() => null);
  await exchange.quiet;
  if (answer === null) return;
  const last = answer.at(-1);
  const refused = answer.some((message) => message.type === Server.ErrorResponse);
  const closed = answer.filter((message) => message.type === Server.CloseComplete).length;
  if (last?.body[0] !== Status.Idle || (!refused && (closed !== names.length || answer.length !== names.length + 1))) {
    server.destroy('the server gave answers that belong to no question');
  }
}
