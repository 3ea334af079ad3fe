/** Asks a session's own server connection something, so that nothing of it is left there whatever becomes of it. */
import type { Exchange, ServerConnection } from '../../backend/server-connection.ts';
import { Server } from '../../wire/codes.ts';
import { readErrorFields } from '../../wire/errors.ts';
import { frame } from '../../wire/messages.ts';
import type { Message } from '../../wire/message-reader.ts';
import { CaptureFailure, cleanUpCapture, splitAtReady, type Batch } from '../../state/capture.ts';
import type { Asking, Source } from '../dialect.ts';

/** invalid_sql_statement_name */
const NO_STATEMENT = '26000';

/** What a batch of `guardedBatch` was answered: the queries, and whether there is an unnamed statement, if that was asked. */
export interface Answered {
  readonly queries: readonly Message[];
  /** What Describe told of the unnamed statement, or the error that there is none; empty if it was not asked. */
  readonly unnamed: readonly Message[];
  readonly unnamedIsMissing: boolean;
}

/** Sends a batch of the proxy's own; `read` may ask others before it answers. */
export function askSession<T>(source: Source, batch: Batch, deadlineMs: number, read: (answered: Answered) => T | Promise<T>): Asking<T> {
  const { server } = source;
  const exchange = server.exchange(batch.frames, batch.readyCount, {
    deadlineMs,
    onNotification: (body) => source.onNotification(frame(Server.NotificationResponse, body)),
  });
  const asked = exchange.answer.then((messages): Answered => {
    const [queries = [], described = []] = splitAtReady(messages);
    const refusal = queries.find((message) => message.type === Server.ErrorResponse);
    if (refusal !== undefined) throw new CaptureFailure(readErrorFields(refusal.body));
    // Any other error is about a statement that is there: its table is gone, say.
    const unnamedIsMissing = described.some(
      ({ type, body }) => type === Server.ErrorResponse && readErrorFields(body).sqlState === NO_STATEMENT,
    );
    return { queries, unnamed: described, unnamedIsMissing };
  });
  const quiet = asked.then(
    () => {},
    async (error: unknown) => {
      if (error instanceof CaptureFailure) await cleanUpCapture(server, deadlineMs);
      else await giveUp(server, exchange, deadlineMs);
    },
  );
  return { answer: asked.then(read), quiet };
}

/**
 * Too late. What still runs is cancelled; only when the cancel has arrived and the answer is in may the client go on, or the cancel could
 * hit its next query. `names`: see `cleanUpCapture`. Never rejects.
 */
export async function giveUp(server: ServerConnection, exchange: Exchange, deadlineMs: number, names?: readonly string[]): Promise<void> {
  if (server.isOpen) await Promise.all([server.cancel(() => server.isOpen), exchange.quiet]);
  await cleanUpCapture(server, deadlineMs, names);
}

/** Asks once more, with what was answered; both are one asking. */
export function thenAsk<T, U>({ answer, quiet }: Asking<T>, more: (answered: T) => Asking<U>): Asking<U> {
  const second = Promise.all([answer, quiet]).then(([answered]) => ({ asking: more(answered) }));
  return {
    answer: second.then(({ asking }) => asking.answer),
    quiet: Promise.all([quiet, second.then(({ asking }) => asking.quiet).catch(() => {})]).then(() => {}),
  };
}
