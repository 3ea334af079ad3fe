/**
 * What a kind of server must be able to do for its sessions to be moved. A dialect is found out from the server, not configured
 * (`dialectOf`). `State`, `Side` and `Restored` are its own business; the transfer only carries them from one step to the next. Every step
 * takes its own deadline; a step that misses it costs the new connection, never the old one.
 */
import type { Login } from '../backend/login.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import type { CarryOptions, Finding, TransferDialect } from '../contract/index.ts';
import type { Reservation } from '../pool/reservation.ts';
import type { SessionJournal } from '../session/journal.ts';
import type { TransferDeadlines } from './transfer/deadlines.ts';

/** A session's server connection and what the proxy remembers of the session. */
export interface Source {
  readonly server: ServerConnection;
  readonly journal: SessionJournal;
  /** The unnamed statement follows by itself, when its client uses it next (transaction mode): nothing of it is captured. */
  readonly leavesUnnamed: boolean;
  /** What the operator allows to be carried although it costs more (postgres-session-state.md section 9). */
  readonly carry: CarryOptions;
  /** Where dblink is installed in its database; null: nowhere, as far as is known. */
  readonly dblinkSchema?: string | null;
  /** Notifications that arrive in the middle of an exchange belong to the client; the frame is complete. */
  readonly onNotification: (frame: Buffer) => void;
}

/** Something asked on the session's own connection, under way while its client's input is held. */
export interface Asking<T> {
  /** Rejects when it could not be read in time; the session is unharmed then. */
  readonly answer: Promise<T>;
  /** Settles when the connection is the client's again: nothing of it is left there. Never rejects. */
  readonly quiet: Promise<void>;
}

/** What opening a target needs. */
export interface Opening {
  readonly login: Login;
  readonly journal: SessionJournal;
  /** A logged-in connection of the target's pool, given back by `release`. */
  acquire(): Promise<ServerConnection>;
  /** Closes a connection that `acquire` gave. */
  release(connection: ServerConnection): void;
  /** Room in the target's pool for a connection that the dialect logs in itself; null: there is none. */
  reserve(): Reservation | null;
  /** What the target is told of the client (`address:port`); undefined: nothing. */
  tells(): string | undefined;
  /** Ends when the transfer is given up. */
  readonly signal: AbortSignal;
}

/** What a dialect has opened on the target before the session is held: a logged-in connection, or a channel that waits for a token. */
export interface TargetSide {
  /** The connection that the session will be on; null until the dialect has logged in. */
  readonly connection: ServerConnection | null;
  readonly isOpen: boolean;
  /** `onLost` is called once if it is lost while it waits; null: nobody listens any more. */
  watch(onLost: ((reason: string) => void) | null): void;
  /** Closes it; it was not used. */
  discard(): void;
}

/**
 * What is carried beyond a replay, and only in one hold (mode `preconnect`), because a second look would not see it change. Each place is
 * awaited; a rejection ends the move as recoverable (a `Refusal` as refused).
 */
export interface Carrying {
  /** For the timeline: `2 advisory locks, 1 cursor`. */
  readonly what: string;
  /** What could not be carried, and does not forbid the move; complete after `beforeSwap`. */
  readonly findings: readonly Finding[];
  /** Whether a finding of `judge` is none any more because of what was carried; known after `collect`. */
  settles(finding: Finding): boolean;
  /** In the hold, the old server in the middle of no message: reads there all that is to be carried. Changes nothing. */
  collect(target: ServerConnection): Promise<void>;
  /** On the target, settings and role restored, before the prepared statements are parsed (temporary tables). */
  beforeStatements(target: ServerConnection): Promise<void>;
  /**
   * On the target, the prepared statements parsed, before LISTEN, timeouts, client_encoding and the unnamed statement are restored and the
   * result is captured for `verify` (sequences, cursors, locks of another server). May use the unnamed statement.
   */
  afterStatements(target: ServerConnection): Promise<void>;
  /** The last step before the swap, verified: what changes the old server (a lock handed over in its cluster, a barrier). */
  beforeSwap(target: ServerConnection): Promise<void>;
  /**
   * The move failed after this was made: puts back what was changed on the old server. Never rejects; has its own deadline. May come while
   * one of the steps is still under way (the client has left, say).
   */
  undo(): Promise<void>;
}

/** What a second look found. `same`: as captured, and what the target lacked of it (the unnamed statement) has been brought there. */
export type Recheck = 'same' | 'changed';

/** See the head of this file. */
export interface Dialect<State, Side extends TargetSide, Restored> {
  readonly name: TransferDialect;

  /** Before any hold: everything that can be done on the target without the session's state. Rejects as `Opening.acquire` does. */
  open(opening: Opening, deadlines: TransferDeadlines): Promise<Side>;

  /**
   * In a hold: reads the session's state, and all that is needed of the old server for `verify`; changes nothing. `again`: it will be
   * looked at again by `recheck`.
   */
  capture(source: Source, deadlines: TransferDeadlines, again: boolean): Asking<State>;

  /** What forbids the move or should be known about it, from the state alone. */
  judge(state: State, source: Source): Finding[];

  /** Whether a finding forbids nothing because what it is about is carried on request. */
  takesOver?(finding: Finding, carry: CarryOptions): boolean;

  /** What has to be carried, of what `takesOver` let pass; null, or no such step: nothing, a replay does it. */
  carrying?(state: State, source: Source, side: Side, deadlines: TransferDeadlines): Carrying | null;

  /**
   * In a hold: the second look, on the old server, whether the session is still as captured. What only has to be brought up to date on the
   * target (the unnamed statement) it brings there. Without it there is no second look, and all has to be done in one hold.
   */
  recheck?(state: State, source: Source, side: Side, deadlines: TransferDeadlines): Asking<Recheck>;

  /** In the hold, after `judge`: logs in with what the state holds (a token). Without it `open` has logged in. */
  login?(state: State, source: Source, side: Side, deadlines: TransferDeadlines): Promise<void>;

  /**
   * Rebuilds the state on the target and captures the result; rejects with the reason, or with `Refusal` for what may not move. Uses the
   * target only: unless `carrying` is there, the old server runs for its client meanwhile.
   */
  restore(state: State, source: Source, side: Side, carrying: Carrying | null, deadlines: TransferDeadlines): Promise<Restored>;

  /** Rejects when the result is not the captured state, or a statement means something else there. Uses the target only, as `restore`. */
  verify(state: State, source: Source, side: Side, restored: Restored, deadlines: TransferDeadlines): Promise<void>;

  /** The server sends the session what others have said, asked or not; without it: it does not. */
  listens?(state: State): boolean;

  /** Size of the captured state in bytes. */
  size(state: State): number;
}

/** Any dialect; whoever holds one passes what it makes only back to itself. */
export type AnyDialect = Dialect<unknown, TargetSide, unknown>;

/** Found only on the target, or on the old server while the session was held: the session may not move there. */
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

/** A finding that only explains. */
export function info(code: string, message: string, hint: string | null = null): Finding {
  return { level: 'info', code, message, hint };
}
