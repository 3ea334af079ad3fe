/** The swap: in one turn the session is on its new server connection, and nothing it sent is on its way to the old one. */
import type { ServerConnection } from '../../backend/server-connection.ts';
import type { Session } from '../../session/session.ts';
import type { Target } from '../preflight/preflight.ts';

/** Only at a safe point, or from a hold. `onSwapped`: right before the client's held input goes on. */
export function swap(session: Session, connection: ServerConnection, target: Target, onSwapped: () => void): void {
  const { forwarder, lease } = session;
  const former = forwarder.swap(connection);
  settle(session, target);
  session.assignments++;
  session.transfer = null;
  onSwapped();
  forwarder.resume();
  if (former !== null) lease.leave(former);
}

/** The session belongs to the target from here on. */
export function settle(session: Session, { spec, login }: Target): void {
  session.place = { endpoint: spec.id, login, defaultDatabase: spec.database };
  session.migrations++;
}
