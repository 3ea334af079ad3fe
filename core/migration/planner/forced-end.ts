/** The end of a session that has not moved by the operator's deadline: with an error that says why, between two messages. */
import type { Session } from '../../session/session.ts';

/** How long a client may take to read the rest of a message before it is ended in the middle of it, milliseconds. */
const MESSAGE_MS = 5_000;

/** What its client is told. */
export interface ForcedEnd {
  readonly message: string;
  readonly hint: string;
}

/** Ends the session; resolves when it is. */
export function endForced(session: Session, { message, hint }: ForcedEnd): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      if (!session.forwarder.isEnded) session.end('57P01', message, hint);
      resolve();
    };
    const timer = setTimeout(end, MESSAGE_MS);
    session.forwarder.response.whenWhole(end);
  });
}
