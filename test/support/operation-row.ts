import type { OperationRow } from '../../core/contract/index.ts';
import { NOTHING_SETTLED } from '../../core/migration/planner/operation.ts';

/** A move of three sessions that has just begun, as a window sees it, with what a test changes about it. */
export function operationRowOf(change: Partial<OperationRow> = {}): OperationRow {
  return {
    id: 1,
    kind: 'migrate',
    label: 'Migrate 3 sessions to ep-b',
    to: 'ep-b',
    backend: null,
    startedAt: 0,
    deadlineAt: 30_000,
    forceAt: null,
    ...NOTHING_SETTLED,
    total: 3,
    ...change,
  };
}
