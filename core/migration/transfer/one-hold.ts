/**
 * Everything in one hold, on a target opened before: capture, (log in,) restore, verify, swap. For sessions that change whenever they are
 * looked at, for what only can be carried so, and for servers that know no second look.
 */
import type { Carrying, TargetSide } from '../dialect.ts';
import type { Move } from './move.ts';

/** Resolves when the session is on the target, `side` being its own. Rejects with the reason why it is where it was. */
export async function moveInOneHold(move: Move, side: TargetSide): Promise<void> {
  const { dialect, record, deadlines } = move;
  record.mode = dialect.name === 'cockroach' ? 'cockroach' : 'preconnect';
  const hold = await move.hold(side);
  const source = move.source(hold.server);
  let carrying: Carrying | null = null;
  try {
    const state = await move.capture(hold, source, false);
    carrying = dialect.carrying?.(state, source, side, deadlines) ?? null;
    if (carrying !== null) {
      await hold.boundary(deadlines.graceMs);
      await hold.during(carrying.collect(move.connection(side)));
    }
    if (dialect.login !== undefined) {
      record.begin('login');
      await hold.during(dialect.login(state, source, side, deadlines));
    }
    record.begin('restore');
    const restored = await hold.during(dialect.restore(state, source, side, carrying, deadlines));
    record.begin('verify');
    await hold.during(dialect.verify(state, source, side, restored, deadlines));
    await hold.boundary(deadlines.graceMs);
    if (carrying !== null) {
      await hold.during(carrying.beforeSwap(move.connection(side)));
      await hold.boundary(deadlines.graceMs);
      move.settleFindings(carrying);
    }
    // What is handed over inside a cluster comes from the new server.
    hold.swap(move.connection(side), move.target, move.hasTail && carrying === null);
  } catch (error) {
    await carrying?.undo();
    hold.release(error);
    throw error;
  }
}
