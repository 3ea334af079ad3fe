/** What the event log says of a transfer that has come to its end. */
import type { LogEntry, TransferRow } from '../contract/index.ts';

/** Of a settled transfer. */
export function settledEntry(row: TransferRow): Pick<LogEntry, 'level' | 'code' | 'message'> {
  // A remapped endpoint keeps its name.
  const way = row.fromEndpoint === row.toEndpoint ? [row.fromBackend, row.toBackend] : [row.fromEndpoint, row.toEndpoint];
  const what = `Session ${row.sessionId} (${way.join(' to ')})`;
  if (row.outcome === 'success') {
    return { level: 'info', code: 'migrated', message: `${what} moved in ${(row.pauseMs ?? 0).toFixed(1)} ms.` };
  }
  return {
    level: row.outcome === 'error_fatal' ? 'error' : 'warn',
    code: `migration_${row.outcome ?? 'unsettled'}`,
    message: `${what} did not move: ${row.reason ?? 'no reason given'}.`,
  };
}
