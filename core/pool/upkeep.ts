/** What becomes of a server connection between two that use it: cancels on their way are awaited, it is reset, it is checked. */
import type { ServerConnection } from '../backend/server-connection.ts';
import { Server, Status } from '../wire/codes.ts';
import { query } from '../wire/messages.ts';
import type { Member, MemberState } from './member.ts';
import type { Stock } from './stock.ts';
import type { Return } from './want.ts';

const RESET_DEADLINE_MS = 5_000;
const CHECK_DEADLINE_MS = 2_000;
/**
 * As a simple query, which also destroys the unnamed statement; an extended one would leave it (postgres-session-state.md
 * section 5).
 */
const discardAll = query('DISCARD ALL');
const nothing = query('');

/** What the pool hears. */
export interface UpkeepHooks {
  /** It may be given out. */
  ready(member: Member): void;
  /** It cannot be used any more, and why; null: because its server speaks although nobody asks. */
  lost(member: Member, reason: string | null): void;
  /** What it carried is gone. */
  onReset(connection: ServerConnection): void;
}

/** See the head of this file. */
export class Upkeep {
  readonly #stock: Stock;
  readonly #hooks: UpkeepHooks;

  constructor(stock: Stock, hooks: UpkeepHooks) {
    this.#stock = stock;
    this.#hooks = hooks;
  }

  /** After a session has given it back. */
  returned(member: Member, how: Exclude<Return, 'close'>): void {
    const { connection } = member;
    if (connection.cancelsInFlight === 0) {
      this.#settled(member, how);
      return;
    }
    // It could hit the next session's query (pooling.md section 4, rule 2).
    this.#stock.enter(member, 'cancelling');
    connection.setOwner(member);
    connection.onCancelsSettled = () => {
      connection.onCancelsSettled = null;
      if (member.state === 'cancelling') this.#settled(member, how);
    };
  }

  /** DISCARD ALL. */
  reset(member: Member): void {
    const { connection } = member;
    this.#tend(member, 'resetting', ask(connection, discardAll, Server.CommandComplete, RESET_DEADLINE_MS), () => {
      member.kept = false;
      this.#hooks.onReset(connection);
    });
  }

  /** Whether it still answers, asked with an empty query. */
  check(member: Member): void {
    this.#tend(member, 'checking', ask(member.connection, nothing, Server.EmptyQueryResponse, CHECK_DEADLINE_MS));
  }

  #settled(member: Member, how: Exclude<Return, 'close'>): void {
    if (how === 'reset') {
      this.reset(member);
      return;
    }
    member.kept = true;
    this.#hooks.ready(member);
  }

  #tend(member: Member, state: 'resetting' | 'checking', work: Promise<void>, afterwards?: () => void): void {
    this.#stock.enter(member, state);
    member.connection.setOwner(member);
    work.then(
      () => {
        if (member.state !== state) return;
        afterwards?.();
        this.#hooks.ready(member);
      },
      (error: unknown) => {
        if (member.state === state) this.#hooks.lost(member, error instanceof Error ? error.message : String(error));
      },
    );
  }
}

/** Rejects with what is wrong with the connection. */
async function ask(connection: ServerConnection, frame: Buffer, expected: number, deadlineMs: number): Promise<void> {
  const [done, ready, more] = await connection.exchange(frame, 1, { deadlineMs }).answer;
  if (done?.type !== expected || ready?.type !== Server.ReadyForQuery || more !== undefined) {
    throw new Error('the server answered with something else');
  }
  if (ready.body[0] !== Status.Idle) throw new Error('the server is in a transaction');
  if (!connection.isOpen) throw new Error('the connection was closed');
}

/** What the event log says of a connection that was lost while nobody used it. */
export function lossEntry(state: MemberState, pool: string, reason: string): ['info' | 'warn', string, string] {
  if (state === 'resetting') return ['warn', 'reset_failed', `A connection of ${pool} could not be reset and was closed: ${reason}.`];
  if (state === 'checking')
    return ['warn', 'check_failed', `A connection of ${pool} did not answer when it was needed and was closed: ${reason}.`];
  return ['info', 'idle_server_lost', `An idle connection to ${pool} ended: ${reason}.`];
}
