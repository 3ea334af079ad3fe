/**
 * A question of the proxy's own to a session's server, in the extended protocol and under a name of its own: the session's unnamed
 * statement stays. A statement whose Execute fails stays prepared, so it is closed behind a Sync of its own.
 */
import { Server } from '../../wire/codes.ts';
import { readDataRow, type Message } from '../../wire/message-reader.ts';
import { bind, close, execute, parse, syncMessage } from '../../wire/messages.ts';

/** The name. */
export const OWN = '_swy_look';
/** How often the server gets ready for one question; the answer stands before the first time. */
export const GROUPS_EACH = 2;

/** The messages of one question. */
export function extended(sql: string): Buffer {
  return Buffer.concat([parse(OWN, sql), bind(OWN, OWN), execute(OWN), syncMessage, close('P', OWN), close('S', OWN), syncMessage]);
}

/** The rows of the answer, as text; null: the server refused it. */
export function rowsIn(messages: readonly Message[] = []): string[][] | null {
  if (messages.length === 0 || messages.some(({ type }) => type === Server.ErrorResponse)) return null;
  return messages
    .filter(({ type }) => type === Server.DataRow)
    .map(({ body }) => readDataRow(body).map((cell) => cell?.toString('utf8') ?? ''));
}
