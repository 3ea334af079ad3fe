/** Ends a transaction on its client's behalf. */
import type { ServerConnection } from '../backend/server-connection.ts';
import { Status } from '../wire/codes.ts';
import { query } from '../wire/messages.ts';

/** How long a server may take for it. */
const ROLLBACK_MS = 2_000;

/** Rejects when the server does not obey, or is lost. */
export async function rollBack(server: ServerConnection): Promise<void> {
  const messages = await server.exchange(query('ROLLBACK'), 1, { deadlineMs: ROLLBACK_MS }).answer;
  if (messages.at(-1)?.body[0] !== Status.Idle) throw new Error('the server did not roll back');
}

/** The client of a transaction that was rolled back behind its back meets a failed one. Rejects as `rollBack` does. */
export async function enterFailed(server: ServerConnection): Promise<void> {
  const statement = query('BEGIN; ROLLBACK TO SAVEPOINT "rolled back by the operator of Switchyard"');
  const messages = await server.exchange(statement, 1, { deadlineMs: ROLLBACK_MS }).answer;
  if (messages.at(-1)?.body[0] !== Status.Failed) throw new Error('the server did not enter a failed transaction');
}
