/**
 * The unnamed statement around the proxy's own simple queries. PostgreSQL drops it at each of them, CockroachDB carries it along as one
 * statement of many: what the server at hand does is seen by asking for it (Describe), and put right by the proxy's copy of its Parse.
 */
import type { ServerConnection } from '../../backend/server-connection.ts';
import { Server } from '../../wire/codes.ts';
import type { Message } from '../../wire/message-reader.ts';
import { describe, syncMessage } from '../../wire/messages.ts';

/** Asks for the unnamed statement; one ReadyForQuery. */
export const describeUnnamed = Buffer.concat([describe('S', ''), syncMessage]);

/** The types of its parameters and result, as bytes to be compared; null: there is none. */
export type Shape = Buffer | null;

/** Reads the answer to `describeUnnamed`. */
export function shapeIn(messages: readonly Message[]): Shape {
  const parts = messages.filter(
    ({ type }) => type === Server.ParameterDescription || type === Server.RowDescription || type === Server.NoData,
  );
  return parts.length === 2 ? Buffer.concat(parts.flatMap(({ type, body }) => [Buffer.from([type]), body])) : null;
}

/** Parses it again, and says what it looks like; null when the server does not take it. Rejects as an exchange does. */
export async function parseUnnamed(server: ServerConnection, frame: Buffer, deadlineMs: number): Promise<Shape> {
  return shapeIn(await server.exchange(Buffer.concat([frame, describeUnnamed]), 1, { deadlineMs }).answer);
}
