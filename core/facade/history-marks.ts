/** What happened that may explain what the figures did: operations, servers that came and went, an operator's doings, changes. */
import type { HistoryMark, LogEntry, MarkKind, OperationRow } from '../contract/index.ts';

const KEPT = 200;

/** Codes of the event log that are worth a mark. */
const KINDS: Readonly<Record<string, MarkKind>> = {
  backend_down: 'server',
  backend_up: 'server',
  server_evicted: 'server',
  server_login_failed: 'server',
  session_lost: 'server',
  sessions_resurrected: 'server',
  draining: 'work',
  undrained: 'work',
  restart_begins: 'work',
  restart_ready: 'work',
  restart_gone: 'work',
  restart_cancelled: 'work',
  restart_timeout: 'work',
  endpoint_paused: 'work',
  endpoint_resumed: 'work',
  endpoint_reconnect: 'work',
  endpoint_killed: 'work',
  pause_timeout: 'work',
  shutdown: 'work',
  endpoint_changed: 'change',
  endpoint_removed: 'change',
  settings_changed: 'change',
};

/** The marks since `from`, oldest first, the last 200. */
export function historyMarks(from: number, log: readonly LogEntry[], operations: readonly OperationRow[]): HistoryMark[] {
  const marks: HistoryMark[] = [];
  for (const { at, level, code, message } of log) {
    const kind = Object.hasOwn(KINDS, code) ? KINDS[code] : undefined;
    if (kind !== undefined && at >= from) marks.push({ at, kind, level, code, message, operationId: null });
  }
  for (const operation of operations) {
    if (operation.startedAt >= from) marks.push(markOf(operation));
  }
  return marks.sort((a, b) => a.at - b.at).slice(-KEPT);
}

function markOf(operation: OperationRow): HistoryMark {
  const { success, recoverable, fatal, refused } = operation;
  const failed = recoverable + fatal + refused;
  const outcome = operation.settledAt === null ? 'under way' : failed === 0 ? `${success} moved` : `${success} moved, ${failed} did not`;
  return {
    at: operation.startedAt,
    kind: 'move',
    level: fatal > 0 ? 'error' : failed > 0 ? 'warn' : 'info',
    code: operation.kind,
    message: `${operation.label}: ${outcome}.`,
    operationId: operation.id,
  };
}
