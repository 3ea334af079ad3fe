/**
 * A look at what a session in transaction mode has set and holds: on its own server connection, at a safe point, before its client's next
 * message. One round trip, named statements only: the client's unnamed one stays.
 */
import type { ServerConnection } from '../backend/server-connection.ts';
import type { Message } from '../wire/message-reader.ts';
import { bind, close, execute, parse, syncMessage } from '../wire/messages.ts';
import { captureFrames, CaptureFailure, cleanUpCapture, readCapture, serverVersionOf } from './capture.ts';
import { LOOK_GUARDED, lookGuardSql, lookSql } from './look-sql.ts';
import { settingKey, textArray } from './queries.ts';
import type { SessionStateCapture } from './state.ts';

const GUARD = '_swy_look_guard';
const LOOK = '_swy_look';
const TEXT_ARRAY = 1009;
const INVALID_STATEMENT_NAME = '26000';
const QUERY_CANCELED = '57014';

/** Connections on which the look is prepared, as far as is known: a client's DEALLOCATE ALL removes it as well. */
const prepared = new WeakSet<ServerConnection>();

/** A look under way. */
export interface Look {
  /** Rejects with `CaptureFailure`, `ServerLost`, `ExchangeDeadline` or `AnswerTooLong`. */
  readonly state: Promise<SessionStateCapture>;
  /** Settles when the connection may be used again, or is gone; never rejects. */
  readonly quiet: Promise<void>;
}

/**
 * Starts a look. `customNames`: candidates for custom settings. `leavesNothing`: prepares its statements for this once, for a session that
 * can see them in `pg_prepared_statements`. `onNotification`: bodies that belong to the client.
 */
export function look(
  server: ServerConnection,
  customNames: Iterable<string>,
  deadlineMs: number,
  onNotification: (body: Buffer) => void,
  leavesNothing = false,
): Look {
  const version = serverVersionOf(server);
  const names = [...new Set([...customNames].map(settingKey))];
  let quiet = Promise.resolve();
  const ask = async (frames: Buffer): Promise<Message[]> => {
    const exchange = server.exchange(frames, 1, { deadlineMs, onNotification });
    quiet = exchange.quiet;
    return await exchange.answer;
  };
  const attempt = async (): Promise<SessionStateCapture> => {
    const wasPrepared = prepared.has(server) && !leavesNothing;
    try {
      const read = readCapture(await ask(lookFrames(version, names, !wasPrepared, leavesNothing)), LOOK_GUARDED);
      if (leavesNothing) prepared.delete(server);
      else prepared.add(server);
      return read;
    } catch (error) {
      if (!(error instanceof CaptureFailure)) throw error;
      await forget(server, deadlineMs);
      if (error.fields.sqlState === INVALID_STATEMENT_NAME && wasPrepared) return await attempt();
      // The session's own statement_timeout may be too short for it: again, behind the whole guard.
      if (error.fields.sqlState === QUERY_CANCELED) return readCapture(await ask(captureFrames(version, names, []).frames));
      throw error;
    }
  };
  const state = attempt();
  const settled = state.then(
    () => {},
    async (error: unknown) => {
      // Too late or refused. What still runs is cancelled; only when the cancel has arrived and the answer is in may the client go
      // on, or the cancel could hit its next query.
      if (!(error instanceof CaptureFailure) && server.isOpen) await Promise.all([server.cancel(() => server.isOpen), quiet]);
      await forget(server, deadlineMs);
      await cleanUpCapture(server, deadlineMs);
    },
  );
  return { state, quiet: settled };
}

/** After a failure: a statement whose Execute failed stays prepared, and it is not known which are. */
async function forget(server: ServerConnection, deadlineMs: number): Promise<void> {
  prepared.delete(server);
  await cleanUpCapture(server, deadlineMs, [GUARD, LOOK]);
}

function lookFrames(version: number, names: readonly string[], parses: boolean, closes: boolean): Buffer {
  const step = (name: string, sql: string, types: readonly number[], parameters: readonly string[]): Buffer[] => [
    ...(parses ? [close('S', name), parse(name, sql, types)] : []),
    bind(name, name, parameters, { binaryResults: true }),
    execute(name),
    close('P', name),
    ...(closes ? [close('S', name)] : []),
  ];
  return Buffer.concat([
    ...step(GUARD, lookGuardSql(version), [], []),
    ...step(LOOK, lookSql(version), [TEXT_ARRAY], [textArray(names)]),
    syncMessage,
  ]);
}

/** The connection's statements are gone, the look's as well. */
export function lookIsGone(server: ServerConnection): void {
  prepared.delete(server);
}
