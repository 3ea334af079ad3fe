/** Rows of the contract as one line each, for whoever reads what a soak said. */
import type { SessionRow, TransferRow } from '../../../core/contract/index.ts';

/** Who it is, what it does since when, and what passed last. */
export function sessionLine(row: SessionRow): string {
  const { id, application, state, transaction, outstanding, lastRequest, lastResponse, poolMode, endpoint, backend } = row;
  const last = `${lastRequest?.type ?? '-'}${lastRequest?.at ?? ''} ${lastResponse?.type ?? '-'}${lastResponse?.at ?? ''}`;
  const pins = row.pins.map(({ reason }) => reason).join(', ') || 'none';
  return (
    `session ${id} ${application}: ${state} since ${secondsSince(row.stateSince)} s, transaction ${transaction ?? '-'}, ${outstanding} outstanding, ` +
    `last messages ${last}, ${poolMode} mode at ${endpoint} on ${backend}, pins ${pins}`
  );
}

/** Where it stands, and why. */
export function transferLine({ id, phase, outcome, reason, mode, requestedAt, phases }: TransferRow): string {
  const passed = phases.map(({ name, ms }) => `${name} ${Math.round(ms)} ms`).join(', ');
  return `move ${id}: ${outcome ?? phase} (${reason ?? 'no reason'}), mode ${mode ?? '-'}, asked for ${secondsSince(requestedAt)} s ago; ${passed}`;
}

function secondsSince(at: number): string {
  return ((Date.now() - at) / 1_000).toFixed(1);
}
