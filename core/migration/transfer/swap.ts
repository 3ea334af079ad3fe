/** The swap: in one turn the session is on its new server connection, and nothing it sent is on its way to the old one. */
import type { ServerConnection } from '../../backend/server-connection.ts';
import type { Session } from '../../session/session.ts';
import type { Target } from '../preflight/preflight.ts';
import { deliverTail } from './tail.ts';

/** How it is done. */
export interface SwapOptions {
  /** The old server may still have something to say to the client. */
  readonly hasTail: boolean;
  /** Called right before the client's held input goes on. */
  onSwapped(): void;
}

/** Only at a safe point, or from a hold. */
export function swap(session: Session, connection: ServerConnection, target: Target, options: SwapOptions): void {
  const { forwarder, lease } = session;
  const former = forwarder.swap(connection);
  settle(session, target);
  session.assignments++;
  session.transfer = null;
  options.onSwapped();
  forwarder.resume();
  if (former === null) return;
  if (options.hasTail && former.isOpen) void deliverTail(session, former);
  else lease.leave(former);
}

/** The session belongs to the target from here on. */
export function settle(session: Session, { spec, login }: Target): void {
  session.place = { endpoint: spec.id, login, defaultDatabase: spec.database };
  session.migrations++;
}
