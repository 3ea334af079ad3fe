/**
 * Statements that a session has parsed under settings it does not have any more: constants were folded then, so on another server
 * connection they have to be parsed under the same (pooling.md 3.4).
 */
import type { ServerConnection } from '../../backend/server-connection.ts';
import { splitAtReady } from '../../state/capture.ts';
import { Server } from '../../wire/codes.ts';
import { bind, close, execute, parse, syncMessage } from '../../wire/messages.ts';
import { SET_LOCAL, setLocalParameters } from './set-local.ts';
import type { SharedStatements } from './shared.ts';
import type { Statement } from './statement.ts';

/**
 * Parses statements on a server connection that nobody is attached to, each under its own settings, in a transaction that takes them
 * back. One that cannot be parsed is left out: its client will hear why. Rejects as `exchange` does.
 */
export async function parseStrangers(
  server: ServerConnection,
  shared: SharedStatements,
  strangers: readonly Statement[],
  deadlineMs: number,
): Promise<void> {
  const here = shared.on(server);
  here.forgetUnnamed();
  const frames: Buffer[] = [];
  const asked: { statement: Statement; generation: number }[] = [];
  for (const statement of strangers) {
    if (statement.frame === null || statement.under === null) continue;
    frames.push(
      close('S', statement.name),
      parse('', SET_LOCAL),
      bind('', '', setLocalParameters(statement.under)),
      execute(''),
      statement.frame,
      syncMessage,
    );
    shared.ownParses++;
    asked.push({ statement, generation: statement.generation });
    here.doubt(statement);
  }
  if (asked.length === 0) return;
  const answers = splitAtReady(await server.exchange(Buffer.concat(frames), asked.length, { deadlineMs }).answer);
  for (const [index, { statement, generation }] of asked.entries()) {
    const isParsed = (answers[index] ?? []).every(({ type }) => type !== Server.ErrorResponse);
    if (isParsed) here.add(statement, generation);
  }
}
