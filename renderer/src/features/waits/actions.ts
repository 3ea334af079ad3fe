import { create } from 'zustand';
import type { HostCall } from '../../bridge/client.ts';
import { sentences } from '../../lib/format.ts';
import { failureOf } from '../../lib/use-action.ts';

/** What can be done to a session that waits or is waited for. */
export type SessionWork = 'cancel' | 'rollback' | 'close';

/** What was done to a session last: under way, or in words how it ended. */
export interface Outcome {
  work: SessionWork;
  state: 'running' | 'done' | 'refused';
  words: string;
}

interface Actions {
  bySession: ReadonlyMap<number, Outcome>;
  /** What ended last, in words; for the line above the queues. */
  last: { sessionId: number; outcome: Outcome } | null;
}

const KEPT = 200;

/** Outlives the view, as its outcomes do. */
export const useActions = create<Actions>()(() => ({ bySession: new Map(), last: null }));

const running: Record<SessionWork, string> = { cancel: 'Cancelling…', rollback: 'Rolling back…', close: 'Closing…' };

const done: Record<SessionWork, string> = {
  cancel: 'Cancelled.',
  rollback: 'Its transaction was rolled back.',
  close: 'Closed.',
};

function put(sessionId: number, outcome: Outcome): void {
  useActions.setState(({ bySession, last }) => {
    const next = new Map(bySession);
    next.delete(sessionId);
    next.set(sessionId, outcome);
    for (const id of next.keys()) {
      if (next.size <= KEPT) break;
      next.delete(id);
    }
    return { bySession: next, last: outcome.state === 'running' ? last : { sessionId, outcome } };
  });
}

/** Does one thing to one session; how it goes is in `useActions`. Nothing happens while another is under way there. */
export async function act(call: HostCall, sessionId: number, work: SessionWork): Promise<void> {
  if (useActions.getState().bySession.get(sessionId)?.state === 'running') return;
  put(sessionId, { work, state: 'running', words: running[work] });
  try {
    await call(`session.${work}`, { sessionId });
    put(sessionId, { work, state: 'done', words: done[work] });
  } catch (error) {
    const { message, hint } = failureOf(error);
    put(sessionId, { work, state: 'refused', words: sentences(message, hint) });
  }
}
