/** How long each phase of a transfer may take. A deadline costs the new connection only; the session goes on where it is. */

/** Milliseconds. */
export interface TransferDeadlines {
  /** Asking both servers for what decides whether sessions can move between them. */
  readonly preflightMs: number;
  /** Connecting to the target and, where it needs no token, logging in, and reading its defaults. */
  readonly dialMs: number;
  /** Reading the session's state. In a hold. */
  readonly captureMs: number;
  /** How long an answer that missed its deadline is waited for on the old server, before that is given up (CockroachDB). In a hold. */
  readonly lateMs: number;
  /** Logging in with the session's token. In a hold. */
  readonly loginMs: number;
  /** Rebuilding the state on the target and capturing the result. In a hold, or while the client runs on. */
  readonly restoreMs: number;
  /** What proves the result, beyond its comparison. As `restoreMs`. */
  readonly verifyMs: number;
  /** The second look at the session. In a hold. */
  readonly checkMs: number;
  /** What is carried: each of its steps. In a hold. */
  readonly carryMs: number;
  /** How long a session that is restored waits for the end of a message, or of a cancel request, before it is swapped. */
  readonly graceMs: number;
}

const DEFAULTS: TransferDeadlines = {
  preflightMs: 15_000,
  dialMs: 10_000,
  captureMs: 1_000,
  lateMs: 10_000,
  loginMs: 5_000,
  restoreMs: 2_000,
  verifyMs: 2_000,
  checkMs: 1_000,
  carryMs: 5_000,
  graceMs: 50,
};

/** The deadlines, some of them others than usual (a test's). */
export function transferDeadlines(changed: Partial<TransferDeadlines> = {}): TransferDeadlines {
  return { ...DEFAULTS, ...changed };
}
