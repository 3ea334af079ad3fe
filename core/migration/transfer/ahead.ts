/**
 * A move ahead of the client (postgres-session-state.md section 11, steps 4 to 10): the session is captured in a short hold, and restored
 * and verified on the target while its client runs on. If it has sent nothing since, the swap takes no time at all (optimistic); else a
 * second look, in another short hold, says whether anything has changed (two-phase). What has changed is captured in the same hold, and so
 * on, a few times.
 */
import type { Refuge } from '../../session/resurrection/refuge.ts';
import type { Source, TargetSide } from '../dialect.ts';
import { Hold } from './hold.ts';
import type { Move } from './move.ts';
import { Flight, isUntouched, type Moment } from './flight.ts';
import { Recoverable } from './outcomes.ts';
import { settle, swap } from './swap.ts';
import type { TargetSides } from './target-sides.ts';

/** Captures, before a session that is never found as it was is moved in one hold. */
const ROUNDS = 3;
/** Captures for a move that the operator wants to be optimistic. */
const OPTIMISTIC_ROUNDS = 10;

/** A session as it was captured. */
interface Look extends Moment {
  readonly source: Source;
  readonly state: unknown;
}

/** True: the session is on the target. False: it has to be moved in one hold; the target is as it was opened. Rejects as that would. */
export async function moveAhead(move: Move, sides: TargetSides): Promise<boolean> {
  const flight = new Flight(move.session);
  move.record.mode = move.wanted ?? 'optimistic';
  move.onBereaved = () => flight.begin();
  try {
    return await goAhead(move, sides, flight);
  } catch (error) {
    throw flight.failed(error);
  } finally {
    move.onBereaved = null;
  }
}

async function goAhead(move: Move, sides: TargetSides, flight: Flight): Promise<boolean> {
  let look = await firstLook(move, sides.current, flight);
  for (let round = 1; ; round++) {
    if (needsOneHold(move, sides.current, look, flight)) return false;
    await prepareTarget(move, sides.current, look);
    const { refuge } = flight;
    if (refuge !== null) {
      arrive(move, sides.current, refuge);
      return true;
    }
    flight.moment = null;
    const next = await finish(move, sides.current, look, round, flight);
    if (next === 'moved') return true;
    await sides.renew();
    if (next === 'unsteady') return false;
    look = next;
  }
}

async function firstLook(move: Move, side: TargetSide, flight: Flight): Promise<Look> {
  const hold = await move.hold(side);
  let look: Look;
  try {
    look = await take(move, hold);
  } catch (error) {
    hold.release(error);
    throw error;
  }
  flight.moment = look;
  hold.release(null);
  return look;
}

async function take(move: Move, hold: Hold): Promise<Look> {
  const source = move.source(hold.server);
  return { source, requestAt: hold.requestAt, state: await move.capture(hold, source, true) };
}

/** What is carried is not seen by a second look. */
function needsOneHold(move: Move, side: TargetSide, { state, source }: Look, { refuge }: Flight): boolean {
  if ((move.dialect.carrying?.(state, source, side, move.deadlines) ?? null) === null) return false;
  if (refuge !== null) throw new Recoverable('what it holds could not be carried without its server');
  if (move.wanted === null) return true;
  throw new Recoverable(`what it holds can be carried in mode preconnect only, and ${move.wanted} was asked for`);
}

async function prepareTarget(move: Move, side: TargetSide, { state, source }: Look): Promise<void> {
  const { dialect, record, deadlines } = move;
  record.begin('restore');
  const restored = await move.meanwhile(dialect.restore(state, source, side, null, deadlines));
  record.begin('verify');
  await move.meanwhile(dialect.verify(state, source, side, restored, deadlines));
}

/** A session without a server is on the target, in this turn. */
function arrive(move: Move, side: TargetSide, refuge: Refuge): void {
  const { session, record } = move;
  const bytes = session.forwarder.request.heldBytes;
  record.begin('swap');
  settle(session, move.target);
  session.assignments++;
  session.transfer = null;
  refuge.arrive(move.connection(side));
  record.held(performance.now() - refuge.since, bytes, true);
}

/** At the next safe point: `moved`, or the next look. `unsteady`: no more looks. */
async function finish(move: Move, side: TargetSide, look: Look, round: number, flight: Flight): Promise<'moved' | 'unsteady' | Look> {
  const { session, record, wanted } = move;
  const hold = await move.safely(side, (server) => {
    if (wanted === 'two-phase' || !isUntouched(session, look)) return new Hold(session, server, record);
    const connection = move.connection(side);
    record.mode = 'optimistic';
    record.begin('swap');
    swap(session, connection, move.target, { hasTail: move.hasTail, onSwapped: () => record.unheld() });
    return null;
  });
  if (hold === null) return 'moved';
  let next: 'unsteady' | Look;
  try {
    if (await isSame(move, hold, side, look)) {
      await hold.boundary(move.deadlines.graceMs);
      hold.swap(move.connection(side), move.target, move.hasTail);
      return 'moved';
    }
    next = await takeAgain(move, hold, round);
  } catch (error) {
    hold.release(error);
    throw error;
  }
  if (next !== 'unsteady') flight.moment = next;
  hold.release(null);
  return next;
}

/** The second look, where one is wanted. */
async function isSame(move: Move, hold: Hold, side: TargetSide, { state, source, requestAt }: Look): Promise<boolean> {
  const { dialect, record, deadlines } = move;
  if (move.wanted === 'optimistic' || dialect.recheck === undefined || hold.server !== source.server) return false;
  record.mode = 'two-phase';
  record.begin('check');
  try {
    return (await hold.ask(dialect.recheck(state, source, side, deadlines))) === 'same';
  } catch (error) {
    // Nothing has passed since the capture: the old server's death is no loss, and there was nothing to be found.
    if (hold.isServerLost && requestAt === hold.requestAt) return true;
    throw error;
  }
}

async function takeAgain(move: Move, hold: Hold, round: number): Promise<'unsteady' | Look> {
  const { wanted } = move;
  if (round < (wanted === 'optimistic' ? OPTIMISTIC_ROUNDS : ROUNDS)) return await take(move, hold);
  if (wanted === null) return 'unsteady';
  throw new Recoverable(
    wanted === 'optimistic'
      ? `its client was never idle for as long as a restore takes, ${round} times`
      : `its client had changed its state each time, ${round} times`,
  );
}
