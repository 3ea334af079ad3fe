import type { EndpointRow, Finding, SessionRow, Verdict } from '../../../../core/contract/index.ts';

/** An endpoint as the target of a move, and what speaks against it. */
export interface Target {
  endpoint: EndpointRow;
  /** All chosen sessions are there already, on the backend it points at now. */
  current: boolean;
}

/** The targets for these sessions, in the map's order. */
export function targetsFor(endpoints: readonly EndpointRow[], sessions: readonly SessionRow[]): Target[] {
  return endpoints.map((endpoint) => ({
    endpoint,
    current: sessions.length > 0 && sessions.every((row) => row.endpoint === endpoint.id && row.backend === endpoint.backend),
  }));
}

/** The target to begin with: the one asked for, else the only one that can be meant; null leaves the choice open. */
export function firstTarget(targets: readonly Target[], asked: string | null): string | null {
  if (asked !== null) return targets.some((target) => target.endpoint.id === asked) ? asked : null;
  const up = targets.filter((target) => !target.current && target.endpoint.status !== 'down');
  return up.length === 1 ? (up[0]?.endpoint.id ?? null) : null;
}

/** How many sessions have each verdict. */
export function countVerdicts(verdicts: readonly Verdict[]): Record<Verdict['verdict'], number> {
  const counts = { ready: 0, waits: 0, refused: 0 };
  for (const { verdict } of verdicts) counts[verdict] += 1;
  return counts;
}

/** A finding that several sessions share, and how many. */
export interface SharedFinding {
  finding: Finding;
  sessions: number;
}

/** Notes that more than one session has in the same words: said once for all rather than once for each. */
export function sharedFindings(verdicts: readonly Verdict[]): SharedFinding[] {
  const shared = new Map<string, SharedFinding>();
  for (const finding of verdicts.flatMap((each) => each.findings)) {
    if (finding.level === 'block') continue;
    const key = `${finding.code} ${finding.message}`;
    shared.set(key, { finding, sessions: (shared.get(key)?.sessions ?? 0) + 1 });
  }
  return [...shared.values()].filter(({ sessions }) => sessions > 1);
}
