/** What an operation is to do. */
import type { CarryOptions, OperationKind, TransferMode } from '../../contract/index.ts';
import type { EndpointSpec } from '../../endpoints/map.ts';
import type { Session } from '../../session/session.ts';
import type { ForcedEnd } from './forced-end.ts';

/** A session and where it is to go. */
export interface Errand {
  readonly session: Session;
  readonly to: EndpointSpec;
  /** Where it could be taken back to: the line of its endpoint as it was. Null: that is not known. */
  readonly from: EndpointSpec | null;
}

/** What the operator says of how it is done. Times are milliseconds from the start. */
export interface Terms {
  readonly withinMs: number;
  /** When sessions that have not moved are ended; null: never. */
  readonly forceAfterMs: number | null;
  /** Null: whichever suits. */
  readonly mode: TransferMode | null;
  readonly carry: CarryOptions;
}

/** See the head of this file. */
export interface Plan extends Terms {
  readonly kind: OperationKind;
  readonly label: string;
  readonly to: string;
  /** The backend that is left, of a drain or a remap. */
  readonly backend: string | null;
  readonly errands: readonly Errand[];
  /** Sessions that did not move are tried again, until the deadline. */
  readonly persists: boolean;
  /** What clients are told that are ended in the end. */
  readonly forcedEnd: ForcedEnd;
  /** The session need not be moved any more: somebody else has done it. */
  isDone(session: Session): boolean;
  /** Those that have come upon it since it began. */
  stragglers(): readonly Errand[];
  /**
   * Takes back what it changed for clients to come, for the undo; null: it changed nothing. Throws `CallError` (`not_undoable`) when somebody
   * else has changed that since.
   */
  readonly restore: (() => void) | null;
}

/** A session that an operation has moved, by numbers and names: nothing of the session itself is kept. */
export interface Moved {
  readonly sessionId: number;
  readonly from: EndpointSpec | null;
  /** Where it was moved to. */
  readonly endpoint: string;
  readonly backend: string;
}
