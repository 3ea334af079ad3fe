/**
 * The move of a session that carries its state from one server connection to another (transaction mode): what it carries is tried out on
 * the target, and then its next server connection is one there. Without a hold: mode `detached`.
 */
import type { ServerConnection } from '../../backend/server-connection.ts';
import type { Pools } from '../../pool/pools.ts';
import type { Rehearsal } from '../../session/carried-session.ts';
import { watchConnection } from '../watch-connection.ts';
import type { Move } from './move.ts';
import { Recoverable } from './outcomes.ts';
import { atSafePoint } from './safe-point.ts';
import { settle } from './swap.ts';
import type { TargetSides } from './target-sides.ts';

/** A connection to the target on which a session has been rehearsed. */
export interface Rehearsed {
  readonly connection: ServerConnection;
  readonly rehearsal: Rehearsal;
}

/** Null: it has what only its own server connection can tell, and moves attached; the target is open for that. */
export async function rehearse({ session, target, wanted }: Move, sides: TargetSides, pools: Pools): Promise<Rehearsed | null> {
  const connection = await sides.acquire();
  let rehearsal: Rehearsal | null;
  try {
    rehearsal = await session.lease.rehearse(connection, { endpoint: target.spec.id, login: target.login });
    if (rehearsal === null && wanted !== null) throw new Recoverable('it has what only its own server connection can tell');
  } catch (error) {
    pools.release(connection, 'close');
    throw error;
  }
  if (rehearsal !== null) return { connection, rehearsal };
  await sides.open(connection);
  return null;
}

/** At the session's next safe point, in one turn: true when it is on the target, false when it carries something else by now. */
export async function relocate({ session, target, record, patience }: Move, rehearsed: Rehearsed, pools: Pools): Promise<boolean> {
  const { connection, rehearsal } = rehearsed;
  const side = { watch: (onLost: ((reason: string) => void) | null) => watchConnection(connection, onLost) };
  record.mode = 'detached';
  record.begin('armed');
  let moved = false;
  try {
    moved = await atSafePoint(session, side, patience, () => {
      if (!session.lease.relocate(rehearsal)) return false;
      record.begin('swap');
      settle(session, target);
      session.transfer = null;
      record.unheld();
      return true;
    });
  } finally {
    pools.release(connection, moved ? 'keep' : 'close');
    session.lease.unhold(false);
  }
  return moved;
}
