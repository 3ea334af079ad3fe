import type { SessionRow, Verdict } from '../../../../core/contract/index.ts';

/** A verdict with its session; without one when it has closed meanwhile. */
export interface JudgedSession {
  verdict: Verdict;
  session: SessionRow | undefined;
}

/** Sessions with the same verdict for the same kind of reason. */
export interface VerdictGroup {
  key: string;
  verdict: Verdict['verdict'];
  /** The reason of them all; what differs between them is left out. Null: they are ready. */
  reason: string | null;
  /** What would unblock them; null: nothing would, nothing has to, or it differs. */
  hint: string | null;
  sessions: readonly JudgedSession[];
}

const attention: Record<Verdict['verdict'], number> = { refused: 0, waits: 1, ready: 2 };

/** Verdicts with their sessions, those that need attention first. */
export function judge(verdicts: readonly Verdict[], sessions: readonly SessionRow[]): JudgedSession[] {
  const rows = new Map(sessions.map((row) => [row.id, row]));
  return verdicts
    .map((verdict) => ({ verdict, session: rows.get(verdict.sessionId) }))
    .sort((a, b) => attention[a.verdict.verdict] - attention[b.verdict.verdict]);
}

/** Groups verdicts by reason: those that need attention first, then the largest. */
export function groupVerdicts(judged: readonly JudgedSession[]): VerdictGroup[] {
  const groups = new Map<string, JudgedSession[]>();
  for (const each of judged) {
    const key = keyOf(each.verdict);
    const group = groups.get(key);
    if (group) group.push(each);
    else groups.set(key, [each]);
  }
  return [...groups]
    .map(([key, sessions]) => {
      const reasons = new Set(sessions.map(({ verdict }) => verdict.reason));
      const hints = new Set(sessions.map(({ verdict }) => blockerOf(verdict)?.hint ?? null));
      const [reason = null] = reasons;
      const [hint = null] = hints;
      return {
        key,
        verdict: sessions[0]?.verdict.verdict ?? 'ready',
        reason: reasons.size === 1 || reason === null ? reason : likeness(reason),
        hint: hints.size === 1 || hint === null ? hint : likeness(hint),
        sessions,
      };
    })
    .sort((a, b) => attention[a.verdict] - attention[b.verdict] || b.sessions.length - a.sessions.length);
}

function keyOf(verdict: Verdict): string {
  if (verdict.verdict === 'ready') return 'ready';
  return `${verdict.verdict} ${blockerOf(verdict)?.code ?? likeness(verdict.reason ?? '')}`;
}

function blockerOf(verdict: Verdict): Verdict['findings'][number] | undefined {
  return verdict.findings.find(({ level }) => level === 'block');
}

/** A sentence without the names and numbers that differ from session to session. */
function likeness(words: string): string {
  return words.replaceAll(/"[^"]*"/g, '"…"').replaceAll(/\d+(\.\d+)?/g, '…');
}
