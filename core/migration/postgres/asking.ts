/** Asks a session's own server connection something, so that nothing of it is left there whatever becomes of it. */
import { Server } from '../../wire/codes.ts';
import { readErrorFields } from '../../wire/errors.ts';
import { frame } from '../../wire/messages.ts';
import type { Message } from '../../wire/message-reader.ts';
import { CaptureFailure, cleanUpCapture, splitAtReady, type Batch } from '../../state/capture.ts';
import type { Asking, Source } from '../dialect.ts';

/** What a batch of `guardedBatch` was answered: the queries, and whether there is an unnamed statement, if that was asked. */
export interface Answered {
  readonly queries: readonly Message[];
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
    return { queries, unnamedIsMissing: described.some((message) => message.type === Server.ErrorResponse) };
  });
  const quiet = asked.then(
    () => {},
    async (error: unknown) => {
      // Too late or refused. What still runs is cancelled; only when the cancel has arrived and the answer is in may the client go on,
      // or the cancel could hit its next query.
      if (!(error instanceof CaptureFailure) && server.isOpen) await Promise.all([server.cancel(() => server.isOpen), exchange.quiet]);
      await cleanUpCapture(server, deadlineMs);
    },
  );
  return { answer: asked.then(read), quiet };
}
