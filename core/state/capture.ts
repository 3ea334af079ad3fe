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
const TEXT_ARRAY = 1009;
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

/**
 * The messages of one capture. `customNames`: candidates; `types`: OIDs to name; `unnamed`: also ask whether the unnamed statement exists;
 * `dblinkSchema`: where dblink is installed.
 */
export function captureFrames(
  serverVersion: number,
  customNames: Iterable<string>,
  types: Iterable<number>,
  unnamed = false,
  dblinkSchema: string | null = null,
): { frames: Buffer; readyCount: number } {
  const frames = [
    ...run(GUARD, guardSql(serverVersion), [], []),
    ...run(STATE, stateSql(serverVersion, dblinkSchema), [TEXT_ARRAY, INT8_ARRAY], [textArray(customNames), `{${[...types].join(',')}}`]),
    syncMessage,
  ];
  if (unnamed) frames.push(describe('S', ''), syncMessage);
  return { frames: Buffer.concat(frames), readyCount: unnamed ? 2 : 1 };
}

function run(name: string, sql: string, types: readonly number[], parameters: readonly string[]): Buffer[] {
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
  if (rows.length !== 2 || rows[0] === undefined || json === undefined || json === null)
    throw new Error('the capture came back incomplete');
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
 * After a capture that failed: a statement whose Execute failed stays prepared, because its Close was skipped. Removes its two
 * names. Never rejects. A server that gives other answers than these is out of step: the session's next answer would be a wrong one,
 * so its connection is closed.
 */
export async function cleanUpCapture(
  server: ServerConnection,
  deadlineMs: number,
  [guard, state]: readonly [string, string] = [GUARD, STATE],
): Promise<void> {
  if (!server.isOpen) return;
  const exchange: Exchange = server.exchange(Buffer.concat([close('S', guard), close('S', state), syncMessage]), 1, { deadlineMs });
  const answer = await exchange.answer.catch(() => null);
  await exchange.quiet;
  if (answer === null) return;
  const last = answer.at(-1);
  const refused = answer.some((message) => message.type === Server.ErrorResponse);
  const closed = answer.filter((message) => message.type === Server.CloseComplete).length;
  if (last?.body[0] !== Status.Idle || (!refused && (closed !== 2 || answer.length !== 3))) {
    server.destroy('the server gave answers that belong to no question');
  }
}
