/**
 * The client's messages that name a prepared statement, under the name the server has it by. Only the name is looked at and replaced;
 * what it stands for is `StatementNames`' business.
 */
import { Client, HEADER_BYTES } from '../../wire/codes.ts';
import type { StatementNames } from './names.ts';
import { NO_SUCH, SERVER_PREFIX, type Statement } from './statement.ts';

/** What is to be done with a message. */
export const Renaming = {
  /** It passes as it is, behind what stands in `StatementNames.front`. */
  Pass: 0,
  /** `head` takes the place of its beginning, up to `rest`. */
  Replace: 1,
  /** More of it has to be at hand. */
  More: 2,
  /** It has to wait until what is on its way is answered. */
  Wait: 3,
} as const;
export type Renaming = (typeof Renaming)[keyof typeof Renaming];

/** Longest Parse, in bytes, that is kept to be parsed on other server connections. A longer one is not waited for as a whole. */
export const PARSE_LIMIT = 1024 * 1024;

const OF_STATEMENT = 0x53;
const noSuch = Buffer.from(`${NO_SUCH}\0`, 'latin1');

/** Looks at one message after the other; what the last one needs stands in its fields. */
export class Renamer {
  /** See `Renaming.Replace`. */
  head: Buffer = noSuch;
  rest = 0;
  /** What the last Bind or Describe that was replaced uses. */
  used: Statement | null = null;

  /** `bytes[start, end)` is as much of a message of `total` bytes as is at hand, with its header. It must be sent next, if it may. */
  rename(names: StatementNames, type: number, bytes: Buffer, start: number, end: number, total: number): Renaming {
    switch (type) {
      case Client.Sync:
        names.syncs();
        return Renaming.Pass;
      case Client.Query:
        // Its text is looked at before it passes, as far as it can be kept.
        if (end - start < total && total <= PARSE_LIMIT && !names.isNative) return Renaming.More;
        names.changesUnnamed();
        return Renaming.Pass;
      case Client.Parse:
        return this.#parse(names, bytes, start, end, total);
      case Client.Bind: {
        const portalEnd = zeroAfter(bytes, start + HEADER_BYTES);
        if (portalEnd < 0 || portalEnd >= end) return missing(end - start, total);
        return this.#use(names, type, bytes, start, portalEnd + 1, end, total);
      }
      case Client.Describe:
      case Client.Close:
        if (end - start <= HEADER_BYTES) return missing(end - start, total);
        if (bytes[start + HEADER_BYTES] !== OF_STATEMENT) return Renaming.Pass;
        return this.#use(names, type, bytes, start, start + HEADER_BYTES + 1, end, total);
      default:
        return Renaming.Pass;
    }
  }

  #parse(names: StatementNames, bytes: Buffer, start: number, end: number, total: number): Renaming {
    const nameStart = start + HEADER_BYTES;
    const nameEnd = zeroAfter(bytes, nameStart);
    if (nameEnd < 0 || nameEnd >= end) return missing(end - start, total);
    const isKept = total <= PARSE_LIMIT;
    if (isKept && end - start < total && !names.isNative) return Renaming.More;
    if (nameEnd === nameStart) {
      names.changesUnnamed();
      return Renaming.Pass;
    }
    if (names.isNative) return Renaming.Pass;
    const name = bytes.toString('latin1', nameStart, nameEnd);
    const known = names.find(name);
    if (known === undefined) return Renaming.Wait;
    const body = isKept ? bytes.subarray(nameEnd + 1, end) : null;
    const statement = known === null ? names.parses(name, body) : names.duplicates(name, body);
    if (statement === null) return Renaming.Wait;
    if (known === null && statement.frame !== null) {
      this.head = statement.frame;
      this.rest = end;
      return Renaming.Replace;
    }
    return this.#replace(Client.Parse, bytes, start, nameStart, nameEnd, total, statement.serverName);
  }

  #use(names: StatementNames, type: number, bytes: Buffer, start: number, nameStart: number, end: number, total: number): Renaming {
    const nameEnd = zeroAfter(bytes, nameStart);
    if (nameEnd < 0 || nameEnd >= end) return missing(end - start, total);
    if (nameEnd === nameStart) {
      if (type !== Client.Close) return names.usesUnnamed() ? Renaming.Pass : Renaming.Wait;
      names.changesUnnamed();
      return Renaming.Pass;
    }
    if (names.isNative) return Renaming.Pass;
    const name = bytes.toString('latin1', nameStart, nameEnd);
    const statement = names.find(name);
    if (statement === undefined) return Renaming.Wait;
    if (statement === null) {
      // The server itself says that there is none, unless the client has made it by SQL, where the proxy does not look.
      return name.startsWith(SERVER_PREFIX) ? this.#hide(type, bytes, start, nameStart, nameEnd, total) : Renaming.Pass;
    }
    if (type === Client.Close) {
      // Others go on using it; closing what is not there is answered just the same.
      names.closes(name);
      return this.#replace(type, bytes, start, nameStart, nameEnd, total, noSuch);
    }
    if (names.isGone(statement)) return this.#hide(type, bytes, start, nameStart, nameEnd, total);
    if (!names.uses(name, statement)) return Renaming.Wait;
    this.used = statement;
    return this.#replace(type, bytes, start, nameStart, nameEnd, total, statement.serverName);
  }

  /** Under a name that the server cannot have, and that still holds the client's. */
  #hide(type: number, bytes: Buffer, start: number, nameStart: number, nameEnd: number, total: number): Renaming {
    const name = Buffer.concat([noSuch.subarray(0, -1), bytes.subarray(nameStart, nameEnd + 1)]);
    return this.#replace(type, bytes, start, nameStart, nameEnd, total, name);
  }

  #replace(type: number, bytes: Buffer, start: number, nameStart: number, nameEnd: number, total: number, name: Buffer): Renaming {
    const kept = nameStart - start;
    const head = Buffer.allocUnsafe(kept + name.length);
    bytes.copy(head, HEADER_BYTES, start + HEADER_BYTES, nameStart);
    head[0] = type;
    head.writeInt32BE(total - 1 + name.length - (nameEnd + 1 - nameStart), 1);
    name.copy(head, kept);
    this.head = head;
    this.rest = nameEnd + 1;
    return Renaming.Replace;
  }
}

/** A whole message without the end of its name is the server's to refuse. */
function missing(length: number, total: number): Renaming {
  return length < total ? Renaming.More : Renaming.Pass;
}

/** Where the next zero byte stands; -1: nowhere. Names are short: a loop of a few steps costs less than a call out of the language. */
function zeroAfter(bytes: Buffer, from: number): number {
  const near = Math.min(from + 32, bytes.length);
  for (let at = from; at < near; at++) if (bytes[at] === 0) return at;
  return bytes.indexOf(0, near);
}
