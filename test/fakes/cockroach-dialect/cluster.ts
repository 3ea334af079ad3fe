/** What the pods of one cluster share: who may log in, settings, data, a clock, the secret that signs revival tokens. */
import { randomBytes } from 'node:crypto';

/** How clients log in. */
export type Authentication = 'trust' | 'password' | 'scram-sha-256';

/** A user. */
export interface ClusterUser {
  readonly password: string;
}

/** Somebody who listens. */
export interface Listener {
  notify(pid: number, channel: string, payload: string): void;
}

/** See the head of this file. Everything may be changed while the pods run. */
export class Cluster {
  readonly signingSecret = randomBytes(32);
  authentication: Authentication = 'trust';
  /** With `trust` anybody may come; else these. */
  readonly users = new Map<string, ClusterUser>();
  /** `server.user_login.session_revival_token.enabled`; CockroachDB's default is false. */
  revivalTokens = true;
  /** `sql.session_transfer.max_session_size` in bytes; 0: no limit. */
  maxSessionSize = 0;
  /** Whether a simple query drops the unnamed statement, as PostgreSQL's does. CockroachDB's sources that were read leave it open. */
  queryDropsUnnamed = true;
  /** Whether a Parse that fails drops the unnamed statement that it was to replace, as in PostgreSQL. Left open as well. */
  failedParseDropsUnnamed = true;
  /** What every pod reports as `crdb_version`. */
  version = 'CockroachDB CCL v25.2.0 (test dialect server)';
  /** Rows of its tables: lines, as COPY has them. */
  readonly tables = new Map<string, string[]>();
  readonly sequences = new Map<string, bigint>();
  readonly listeners = new Map<string, Set<Listener>>();
  #ahead = 0;

  /** The time of the cluster, milliseconds since the epoch. */
  now(): number {
    return Date.now() + this.#ahead;
  }

  /** Puts its clock on. */
  advance(ms: number): void {
    this.#ahead += ms;
  }
}
