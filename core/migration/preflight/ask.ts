/** A question on a connection of the proxy's own. */
import type { ServerConnection } from '../../backend/server-connection.ts';
import { Server } from '../../wire/codes.ts';
import { readErrorFields } from '../../wire/errors.ts';
import { readDataRow } from '../../wire/message-reader.ts';
import { bind, execute, parse, syncMessage } from '../../wire/messages.ts';

/** The rows of one statement, as text. Rejects with what the server said, or how it was lost. */
export async function ask(server: ServerConnection, sql: string, deadlineMs: number): Promise<(string | null)[][]> {
  const frames = Buffer.concat([parse('', sql), bind('', ''), execute(''), syncMessage]);
  const messages = await server.exchange(frames, 1, { deadlineMs }).answer;
  const error = messages.find((message) => message.type === Server.ErrorResponse);
  if (error !== undefined) throw new Error(`the server refused the preflight: ${readErrorFields(error.body).message}`);
  const rows = messages.filter((message) => message.type === Server.DataRow);
  return rows.map(({ body }) => readDataRow(body).map((cell) => cell?.toString('utf8') ?? null));
}
