/**
 * What becomes of connections and cancel requests at the proxy's door: the first seed's counters, in its names
 * (cockroach-migration.md section 5). All only ever grow.
 */
import type { SessionRow } from '../contract/index.ts';

/** Why a connection, or a session, came to its end against somebody's will. */
export type ProxyError = 'routing' | 'backend_down' | 'backend_disconnect' | 'client_disconnect' | 'refused_conn' | 'idle_disconnect';

/** What became of a cancel request. `ignored`: nobody has its key, or nothing was running. */
export type CancelOutcome = 'ignored' | 'successful';

/** See the head of this file. */
export class ProxyTally {
  /** Every socket that was accepted, and the clients that got through their login. */
  accepted = 0;
  successful = 0;
  authenticationFailures = 0;
  readonly routed = new Map<SessionRow['routedBy'], number>();
  readonly errors = new Map<ProxyError, number>();
  readonly cancels = new Map<CancelOutcome, number>();

  constructor() {
    // A counter that is not there yet cannot be told from one that was forgotten.
    for (const method of ['options', 'database', 'sni', 'listener', 'default', 'fallback'] as const) this.routed.set(method, 0);
    for (const error of [
      'routing',
      'backend_down',
      'backend_disconnect',
      'client_disconnect',
      'refused_conn',
      'idle_disconnect',
    ] as const) {
      this.errors.set(error, 0);
    }
    for (const outcome of ['ignored', 'successful'] as const) this.cancels.set(outcome, 0);
  }

  routedBy(method: SessionRow['routedBy']): void {
    this.routed.set(method, (this.routed.get(method) ?? 0) + 1);
  }

  failed(error: ProxyError): void {
    this.errors.set(error, (this.errors.get(error) ?? 0) + 1);
  }

  cancelled(outcome: CancelOutcome): void {
    this.cancels.set(outcome, (this.cancels.get(outcome) ?? 0) + 1);
  }

  /** A client was turned away with this SQLSTATE. */
  turnedAway(sqlState: string): void {
    if (sqlState.startsWith('28')) this.authenticationFailures++;
    else if (sqlState === '3D000' || sqlState === '08004') this.failed('routing');
    else if (sqlState === '53300' || sqlState === '57P03') this.failed('refused_conn');
  }

  /** A session has ended. */
  ended(kind: 'terminated' | 'client_lost' | 'server_lost' | 'violation' | 'closed'): void {
    if (kind === 'client_lost') this.failed('client_disconnect');
    else if (kind === 'server_lost') this.failed('backend_disconnect');
  }
}
