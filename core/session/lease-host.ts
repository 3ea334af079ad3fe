/** What the lease of a session knows of the session, and what all leases have in common. */
import type { Login } from '../backend/login.ts';
import type { Settings } from '../contract/index.ts';
import type { Pools } from '../pool/pools.ts';
import type { CarriedState } from '../state/carried.ts';
import type { StatePin } from '../state/pins.ts';
import type { MortalSession } from './resurrection/absence.ts';
import type { Resurrection } from './resurrection/resurrection.ts';
import type { ServerStates } from './server-states.ts';
import type { SharedStatements } from './statements/shared.ts';

/** The session of a lease, as far as it concerns the lease. */
export interface LeasedSession extends MortalSession {
  readonly identity: { readonly replication: boolean };
  readonly pool: string;
}

/** What leases have in common. */
export interface LeaseHost {
  readonly pools: Pools;
  readonly states: ServerStates;
  readonly statements: SharedStatements;
  /** The applications that have asked for currval or lastval. */
  readonly sequenceReaders: Set<string>;
  /** What becomes of sessions in session mode whose server goes away. */
  readonly resurrection: Resurrection;
  /** What becomes of a transaction whose client is gone. */
  abandoned(): Settings['pooling']['abandoned'];
  /** The window's report of profile `observe`: what the session would have lost. */
  observed(session: LeasedSession, before: CarriedState, now: CarriedState, pins: readonly StatePin[], statement: string | null): void;
  /** A login failed that was not the client's first. */
  loginFailed(login: Login): void;
  report(level: 'info' | 'warn', code: string, message: string, sessionId: number): void;
}
