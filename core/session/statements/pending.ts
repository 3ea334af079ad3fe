/**
 * What has been sent to the server and changes, once it is answered, what a session's statement names stand for. An answer makes it
 * true; an error in front of it makes the server skip it, and then it never was.
 */
import type { UnnamedStatement } from '../journal.ts';
import type { Statement } from './statement.ts';

interface Sent {
  /** Its number among the expected answers. */
  readonly number: number;
}

/** The client's Parse of a name that was free. */
export interface ParsePending extends Sent {
  readonly kind: 'parse';
  /** As the client has it, a character per byte. */
  readonly name: string;
  readonly statement: Statement;
  readonly generation: number;
}

/** The client's Parse of a name that is taken: it fails. */
export interface DuplicatePending extends Sent {
  readonly kind: 'duplicate';
  readonly name: string;
  readonly body: Buffer | null;
}

/** The client's Close of a name. */
export interface ClosePending extends Sent {
  readonly kind: 'close';
  readonly name: string;
}

/** The client uses a name whose statement has other names, too. */
export interface UsePending extends Sent {
  readonly kind: 'use';
  readonly name: string;
}

/** The proxy's own Parse of a statement that was not there. */
export interface OwnParsePending extends Sent {
  readonly kind: 'own parse';
  readonly statement: Statement;
  readonly generation: number;
}

/** The proxy's own Close of a statement. */
export interface OwnClosePending extends Sent {
  readonly kind: 'own close';
  readonly statement: Statement;
}

/** The proxy's own Parse, or Close, that makes the unnamed statement this session's. */
export interface OwnUnnamedPending extends Sent {
  readonly kind: 'own unnamed';
}

/** The client's Parse or Close of the unnamed statement, or a simple query, which takes it away; it may be skipped. */
export interface UnnamedPending extends Sent {
  readonly kind: 'unnamed';
  /** What is true again then, and which message had made it so; others if that is skipped, too. */
  before: UnnamedStatement;
  changedAt: number;
}

export type Pending =
  ParsePending | DuplicatePending | ClosePending | UsePending | OwnParsePending | OwnClosePending | OwnUnnamedPending | UnnamedPending;
