import type { CallName, CallResult, Delta } from '../../../core/contract/index.ts';

/**
 * `open`: calls and deltas flow. `closed`: lost, being retried. `denied`: this page has no token, so retrying is pointless.
 */
export type ConnectionState = 'open' | 'closed' | 'denied';

/** How the window talks to its host. The two implementations cannot be told apart by anything above this folder. */
export interface Transport {
  /** Never rejects: what goes wrong on the way is a failure with the code `disconnected` or `timeout`. */
  call(name: CallName, request: unknown): Promise<CallResult>;
  /**
   * Starts the feed. Deltas have been validated. `onState('open')` is called on every (re)connection, after which the caller
   * must ask for a snapshot. Returns the function that stops it.
   */
  subscribe(onDelta: (delta: Delta) => void, onState: (state: ConnectionState) => void): () => void;
}

/** How long a call may take before the window gives up on it: starting the demo initialises two servers. */
export function deadlineOf(name: CallName): number {
  return name === 'demo.start' ? 180_000 : 60_000;
}

/** A failure made by the window itself, in the form of the contract. */
export function localFailure(code: string, message: string, hint: string | null = null): CallResult {
  return { ok: false, error: { code, message, hint } };
}
