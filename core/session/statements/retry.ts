/**
 * A cycle that the server may refuse because a plan is out of date (0A000 after DDL): nothing of it has run then, so it is sent once more
 * behind a fresh Parse, and its client, who asks for the result's columns anyway, notices nothing (pooling.md 3.4.6).
 */
import { Client, HEADER_BYTES } from '../../wire/codes.ts';
import { Expected, type ExpectedAnswers } from '../expected-answers.ts';
import type { Statement } from './statement.ts';

/** Longest cycle that is kept, in bytes. */
const LIMIT = 64 * 1024;
const OF_PORTAL = 0x50;

const kinds = new Map([
  [Client.Bind, Expected.Bind],
  [Client.Describe, Expected.Describe],
  [Client.Execute, Expected.Execute],
  [Client.Sync, Expected.Sync],
] as const) as ReadonlyMap<number, Parameters<ExpectedAnswers['push']>[0]>;

/** See the head of this file. */
export interface Retry {
  /** What was sent, its names being the server's. */
  readonly bytes: Buffer;
  /** The statement of its first message, and that message's number among the expected answers. */
  readonly statement: Statement;
  readonly number: number;
  /** Sends to the server what is not the client's. */
  readonly send: (bytes: Buffer) => void;
}

/**
 * Whether some bytes are such a cycle: Binds, Describes and Executes up to a Sync, at least one of them asking for the columns of a result. A client
 * that knows them from before relies on the error to hear of the change.
 */
export function isRetryable(bytes: Buffer): boolean {
  if (bytes.length > LIMIT) return false;
  let describes = false;
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const next = at + 1 + bytes.readInt32BE(at + 1);
    switch (bytes[at]) {
      case Client.Sync:
        return describes && next === bytes.length;
      case Client.Describe:
        describes ||= at === 0 || bytes[at + HEADER_BYTES] === OF_PORTAL;
        break;
      case Client.Bind:
      case Client.Execute:
        break;
      default:
        return false;
    }
    at = next;
  }
  return false;
}

/** Notes a retried cycle's messages among the expected answers. */
export function expectAgain(expected: ExpectedAnswers, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; at += 1 + bytes.readInt32BE(at + 1)) {
    const kind = kinds.get(bytes[at] ?? 0);
    if (kind !== undefined) expected.push(kind);
  }
}
