/**
 * What the old server still has to say after its last answer: notifications that were on their way when their session moved. They are the
 * client's, and none of them is lost between the two servers.
 */
import type { ServerConnection } from '../../backend/server-connection.ts';
import type { Session } from '../../session/session.ts';
import { Server } from '../../wire/codes.ts';
import { frame, query } from '../../wire/messages.ts';

/** How long the old server may take to say that it has nothing more to say; nobody waits for it. */
const TAIL_MS = 10_000;

/** Reads `former` to its end, for a session that has left it, and gives it back. Never rejects. */
export async function deliverTail({ forwarder, lease }: Session, former: ServerConnection): Promise<void> {
  const onNotification = (body: Buffer): void => forwarder.deliverLate(frame(Server.NotificationResponse, body), former.pid);
  try {
    // Everything that is to come comes before the answer.
    await former.exchange(query('UNLISTEN *'), 1, { deadlineMs: TAIL_MS, onNotification }).answer;
  } catch {
    // Silent or gone.
    former.destroy();
  }
  lease.leave(former);
}
