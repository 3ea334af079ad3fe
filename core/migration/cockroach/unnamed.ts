/**
 * The unnamed statement around the proxy's own simple queries. PostgreSQL drops it at each of them, CockroachDB carries it along as one
 * statement of many: what the server at hand does is seen by asking for it (Describe), and put right by the proxy's copy of its Parse.
 */
import type { ExchangeOptions, ServerConnection } from '../../backend/server-connection.ts';
import { withName } from '../../session/statements/statement.ts';
import { splitAtReady } from '../../state/capture.ts';
import { Client, HEADER_BYTES, Server } from '../../wire/codes.ts';
import type { Message } from '../../wire/message-reader.ts';
import { close, cstring, describe, syncMessage } from '../../wire/messages.ts';
import { OWN } from './own-statement.ts';

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
export async function parseUnnamed(server: ServerConnection, frame: Buffer, options: ExchangeOptions): Promise<Shape> {
  return shapeIn(await server.exchange(Buffer.concat([frame, describeUnnamed]), 1, options).answer);
}

/**
 * Whether the statement that the server has is the one of `frame`, its Parse, as far as its shape tells; also when it has none. Nothing is
 * changed by asking. Rejects as an exchange does.
 */
export async function isStatementOf(server: ServerConnection, frame: Buffer, options: ExchangeOptions): Promise<boolean> {
  // Behind type, length and the empty name.
  const copy = withName(Client.Parse, cstring(OWN), frame.subarray(HEADER_BYTES + 1));
  const frames = Buffer.concat([describeUnnamed, copy, describe('S', OWN), syncMessage, close('S', OWN), syncMessage]);
  const [present = [], copied = []] = splitAtReady(await server.exchange(frames, 3, options).answer);
  const shape = shapeIn(present);
  return shape === null || shapeIn(copied)?.equals(shape) === true;
}
