import type { OperationRow, TransferMode, TransferPhase, TransferRow } from '../../../../core/contract/index.ts';

/** The phases before the pause, where a transfer can still be stopped. */
const stoppable: ReadonlySet<string> = new Set(['preflight', 'dial', 'armed']);

/** The stages that every move goes through, however it is done. */
export const stages = ['check', 'dial', 'wait for a safe point', 'carry', 'swap'] as const;

const stageByPhase: Record<TransferPhase, number> = {
  preflight: 0,
  dial: 1,
  armed: 2,
  suspend: 3,
  capture: 3,
  login: 3,
  restore: 3,
  verify: 3,
  check: 3,
  swap: 4,
  resume: 4,
  settled: 5,
};

/** Which of `stages` a phase belongs to; beyond the last when it is settled. */
export function stageOf(phase: TransferPhase): number {
  return stageByPhase[phase];
}

/** The phases in which a client's input is held. While an optimistic move restores and verifies, its client runs on. */
export function isHeld(phase: TransferPhase, mode: TransferMode | null): boolean {
  if (mode === 'detached') return false;
  if (mode === 'optimistic' && (phase === 'restore' || phase === 'verify')) return false;
  return stageOf(phase) === 3 || stageOf(phase) === 4;
}

/** What a panel says about an operation. */
export interface Progress {
  /** Unsettled first, then what went wrong, then the rest. */
  steps: TransferRow[];
  done: number;
  canCancel: boolean;
  /** Median and longest pause of the sessions that moved, in milliseconds; null if none did. */
  pause: { median: number; longest: number } | null;
  /** Clients whose input is held at this moment. */
  held: number;
  /** The longest that a client was held so far, in milliseconds; 0: none was. */
  longestHold: number;
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
    held: steps.filter((step) => step.outcome === null && isHeld(step.phase, step.mode)).length,
    longestHold: steps.reduce((longest, step) => Math.max(longest, ...step.holdsMs), 0),
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
