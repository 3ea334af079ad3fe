import type { SessionTimeline, TransferOutcome, TransferRow } from '../../../../core/contract/index.ts';

/** What the list can be narrowed to; `unmoved`: settled without success. */
export const filters = ['all', 'success', 'error_recoverable', 'error_fatal', 'refused', 'unmoved'] as const;
export type OutcomeFilter = (typeof filters)[number];

/** Reads the filter of an address; anything unknown is `all`. */
export function filterOf(text: string | null): OutcomeFilter {
  return filters.find((each) => each === text) ?? 'all';
}

/** The transfers to list, newest first. `operation` null: of any. */
export function listTransfers(transfers: Iterable<TransferRow>, filter: OutcomeFilter, operation: number | null): TransferRow[] {
  return [...transfers]
    .filter((transfer) => (operation === null || transfer.operationId === operation) && fits(transfer.outcome, filter))
    .sort((a, b) => b.id - a.id);
}

function fits(outcome: TransferOutcome | null, filter: OutcomeFilter): boolean {
  if (filter === 'all') return true;
  if (filter === 'unmoved') return outcome !== null && outcome !== 'success';
  return outcome === filter;
}

/** The events of a session's timeline as rows of a file. */
export function timelineRows({ sessionId, application, user, endpoint, backend, events }: SessionTimeline): object[] {
  return events.map(({ at, name, detail }) => ({ at, session: sessionId, application, user, endpoint, backend, name, detail }));
}
