import type { OperationRow, TransferRow } from '../../../../core/contract/index.ts';

/** The phases before the pause, where a transfer can still be stopped. */
const stoppable: ReadonlySet<string> = new Set(['preflight', 'dial', 'armed']);

/** What a panel says about an operation. */
export interface Progress {
  /** Unsettled first, then what went wrong, then the rest. */
  steps: TransferRow[];
  done: number;
  canCancel: boolean;
  /** Median and longest pause of the sessions that moved, in milliseconds; null if none did. */
  pause: { median: number; longest: number } | null;
  /** Sessions that moved and the one endpoint they all came from; null where there is no single way back. */
  undo: { sessionIds: number[]; to: string } | null;
}

/** Sums up an operation from its transfers. */
export function progressOf(operation: OperationRow, transfers: Iterable<TransferRow>): Progress {
  const steps = [...transfers].filter((transfer) => transfer.operationId === operation.id);
  steps.sort((a, b) => rank(a) - rank(b) || a.id - b.id);
  const moved = steps.filter((step) => step.outcome === 'success');
  const pauses = moved.flatMap((step) => step.pauseMs ?? []).sort((a, b) => a - b);
  const longest = pauses.at(-1);
  const origins = new Set(moved.map((step) => step.fromEndpoint));
  const [origin] = origins;
  return {
    steps,
    done: operation.success + operation.recoverable + operation.fatal + operation.refused,
    canCancel:
      operation.settledAt === null &&
      !operation.cancelled &&
      (steps.length < operation.total || steps.some((step) => step.outcome === null && stoppable.has(step.phase))),
    pause: longest === undefined ? null : { median: pauses[Math.floor((pauses.length - 1) / 2)] ?? longest, longest },
    undo:
      origins.size === 1 && origin !== undefined && origin !== operation.to
        ? { sessionIds: moved.map((step) => step.sessionId), to: origin }
        : null,
  };
}

function rank(step: TransferRow): number {
  if (step.outcome === null) return 0;
  return step.outcome === 'success' ? 2 : 1;
}
