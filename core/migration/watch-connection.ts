/** Hears of the loss of a connection that waits for its use. */
import type { ServerConnection } from '../backend/server-connection.ts';

/** `onLost` is called once; null: nobody listens any more. What the server says meanwhile waits for the connection's next owner. */
export function watchConnection(connection: ServerConnection, onLost: ((reason: string) => void) | null): void {
  connection.setOwner(onLost === null ? null : { onServerDrain: () => {}, onServerClosed: onLost });
}
