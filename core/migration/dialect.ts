/**
 * What a kind of server must be able to do for its sessions to be moved. A dialect is found out from the server, not
 * configured. `State`, `Baseline` and `Restored` are its own business; the transfer only carries them from one step to the next.
 */
import type { Finding } from '../contract/index.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import type { SessionJournal } from '../session/journal.ts';

/** A session's server connection and what the proxy remembers of the session. */
export interface Source {
  readonly server: ServerConnection;
  readonly journal: SessionJournal;
  /** The unnamed statement follows by itself, when its client uses it next (transaction mode): nothing of it is captured. */
  readonly leavesUnnamed: boolean;
  /** Notifications that arrive in the middle of an exchange belong to the client; the frame is complete. */
  readonly onNotification: (frame: Buffer) => void;
}

/** A capture under way on the session's own connection. */
export interface CaptureRun<State> {
  /** Rejects when the state could not be read in time; the session is unharmed then. */
  readonly state: Promise<State>;
  /** Settles when the connection is the client's again: nothing of the capture is left on it. Never rejects. */
  readonly quiet: Promise<void>;
}

/** Deadlines of the steps inside the pause, in milliseconds. */
export interface StepDeadlines {
  readonly captureMs: number;
  readonly restoreMs: number;
}

/** See the head of this file. All times are inside the pause but for `prepare`. */
export interface Dialect<State, Baseline, Restored> {
  readonly name: 'postgres';
  /** Before the pause: reads the target's defaults, which also warms its caches. */
  prepare(target: ServerConnection, journal: SessionJournal, deadlines: StepDeadlines): Promise<Baseline>;
  /** Reads the session's state; changes nothing. */
  capture(source: Source, deadlines: StepDeadlines): CaptureRun<State>;
  /** What forbids the move or should be known about it, from the state alone. */
  judge(state: State, source: Source): Finding[];
  /** Rebuilds the state on the target and captures the result; rejects with the reason, or with `Refusal` for what may not move. */
  restore(state: State, baseline: Baseline, source: Source, target: ServerConnection, deadlines: StepDeadlines): Promise<Restored>;
  /** Throws when the result is not the captured state. */
  verify(state: State, baseline: Baseline, restored: Restored): void;
  /** Size of the captured state in bytes. */
  size(state: State): number;
}

/** Found only on the target: the session may not move there. */
export class Refusal extends Error {
  readonly findings: readonly Finding[];
  constructor(findings: readonly Finding[]) {
    super(findings.map((finding) => finding.message).join('; '));
    this.name = 'Refusal';
    this.findings = findings;
  }
}

/** A blocking finding. */
export function block(code: string, message: string, hint: string | null = null): Finding {
  return { level: 'block', code, message, hint };
}

/** A finding that does not forbid the move. */
export function warn(code: string, message: string, hint: string | null = null): Finding {
  return { level: 'warn', code, message, hint };
}
