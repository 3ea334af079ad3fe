/** How a pod differs from others of its cluster. Everything may be changed while it runs. */
import type { Losses } from './session-state.ts';

/** See the head of this file. */
export interface PodOptions {
  /** PEM; null: an SSLRequest is answered N. */
  tls: { readonly key: string; readonly certificate: string } | null;
  /** ParameterStatus messages beside the usual thirteen. */
  moreParameters: number;
  /** Its own `crdb_version`, during a rolling upgrade. */
  version: string | null;
  /** What it loses of the sessions it takes over. */
  losses: Losses;
}

/** A pod as others are. */
export function usualOptions(): PodOptions {
  return {
    tls: null,
    moreParameters: 0,
    version: null,
    losses: { statements: new Set(), shapes: new Set(), settings: new Set() },
  };
}
