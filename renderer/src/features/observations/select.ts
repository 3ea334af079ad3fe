import type { ObservationRow } from '../../../../core/contract/index.ts';

/** Which observations to show; empty: all. */
export interface ObservationFilter {
  endpoint: string;
  application: string;
}

/** What happened most often first; equals by their names, so that the order never flickers. */
export function selectObservations(all: readonly ObservationRow[], { endpoint, application }: ObservationFilter): ObservationRow[] {
  return all
    .filter((row) => (endpoint === '' || row.endpoint === endpoint) && (application === '' || row.application === application))
    .sort((a, b) => b.count - a.count || observationKey(a).localeCompare(observationKey(b)));
}

/** What makes an observation the same as another. */
export function observationKey(row: ObservationRow): string {
  return JSON.stringify([row.endpoint, row.application, row.code, row.statement]);
}

/** The different values of a column, in order. */
export function valuesOf(all: readonly ObservationRow[], column: 'endpoint' | 'application'): string[] {
  return [...new Set(all.map((row) => row[column]))].sort((a, b) => a.localeCompare(b));
}
