/** Room in a pool for a connection that is logged in elsewhere: with what only its session has (a token), at a moment of its own. */
import type { ServerConnection } from '../backend/server-connection.ts';

/** See the head of this file. Ends once, by one of its two methods. */
export interface Reservation {
  /** The connection is there, and the session's: it belongs to the pool from here on. */
  adopt(connection: ServerConnection): void;
  /** It will not come. */
  cancel(): void;
}

/** A reservation that ends once, whatever is called. */
export function reservation(hooks: Reservation): Reservation {
  let isOver = false;
  const once = (end: () => void): void => {
    if (isOver) return;
    isOver = true;
    end();
  };
  return { adopt: (connection) => once(() => hooks.adopt(connection)), cancel: () => once(() => hooks.cancel()) };
}
