/** Makes a batch that fails shorter, as long as it still fails. */
import type { Batch, SessionScript } from './script.ts';

const IDLE: SessionScript = { steps: [], kinds: [], roams: false };

/**
 * First whole sessions are left out, then steps of those that remain: halves, quarters, single ones. `fails` plays a candidate and gives it
 * back as it failed; it is asked until `untilMs` (of `Date.now`). A session left out keeps its number, because names follow from it.
 */
export async function shorten(batch: Batch, fails: (candidate: Batch) => Promise<Batch | null>, untilMs: number): Promise<Batch> {
  let shortest = batch;
  const attempt = async (candidate: Batch): Promise<boolean> => {
    const failed = Date.now() > untilMs ? null : await fails(candidate);
    shortest = failed ?? shortest;
    return failed !== null;
  };
  if (shortest.moves) await attempt({ ...shortest, moves: false });
  for (const index of batch.sessions.keys()) {
    if ((shortest.sessions[index]?.steps.length ?? 0) > 0) await attempt(withSession(shortest, index, IDLE));
  }
  for (const index of batch.sessions.keys()) {
    for (let size = Math.ceil((shortest.sessions[index]?.steps.length ?? 0) / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      // The first step connects.
      for (let at = 1; at < (shortest.sessions[index]?.steps.length ?? 0) && Date.now() < untilMs;) {
        const session = shortest.sessions[index] ?? IDLE;
        const fewer = { ...session, steps: session.steps.toSpliced(at, size) };
        if (!(await attempt(withSession(shortest, index, fewer)))) at += size;
      }
    }
  }
  return shortest;
}

function withSession(batch: Batch, index: number, session: SessionScript): Batch {
  return { ...batch, sessions: batch.sessions.with(index, session) };
}
