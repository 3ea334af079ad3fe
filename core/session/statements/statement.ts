/** A prepared statement as servers know it: under a name of the proxy's own, whatever its clients call it. */
import type { ParseSettings } from '../../state/parse-settings.ts';
import { Client, HEADER_BYTES } from '../../wire/codes.ts';

/** What the server-side names begin with; a client's own name that begins so is changed wherever it would be taken for one. */
export const SERVER_PREFIX = '_swy_';
/** In front of a name that no server-side statement has: numbers follow the prefix otherwise. */
export const NO_SUCH = `${SERVER_PREFIX}?`;

/** What a Parse depends on beside its text. */
export interface ParseContext {
  /** Equal keys: equal settings, as a Parse sees them. */
  readonly key: string;
  /** Those that differ from the startup's. */
  readonly settings: ParseSettings;
}

/** See the head of this file. Made by `SharedStatements` only. */
export class Statement {
  /** What its name ends with: a number, or a word for those that the proxy needs for itself. */
  readonly label: string;
  /** Its name with its zero byte. */
  readonly serverName: Buffer;
  /** Its Parse under the server name; null: too large to be kept, so it is there only where it was parsed. */
  readonly frame: Buffer | null;
  /** The settings it was parsed under; null: not known for certain, so it may be parsed nowhere else. */
  readonly under: ParseContext | null;
  /** Under what it is found again; null: it belongs to one session. */
  readonly key: string | null;
  /** How many names of clients stand for it. */
  references = 0;
  /** Counts its retirements: what was prepared under an earlier number is of no use any more. */
  generation = 0;

  constructor(label: string, body: Buffer | null, under: ParseContext | null, key: string | null) {
    this.label = label;
    this.serverName = Buffer.from(`${this.name}\0`, 'latin1');
    this.frame = body === null ? null : withName(Client.Parse, this.serverName, body);
    this.under = under;
    this.key = key;
  }

  /** The server name. */
  get name(): string {
    return `${SERVER_PREFIX}${this.label}`;
  }

  /** What follows the name in its Parse: text and parameter types. */
  get body(): Buffer | null {
    return this.frame === null ? null : this.frame.subarray(HEADER_BYTES + this.serverName.length);
  }

  /** It cannot be parsed again on another server connection. */
  get isPrivate(): boolean {
    return this.key === null;
  }
}

/** A frame of a name (with its zero byte) and what follows it. */
export function withName(type: number, name: Buffer, rest: Buffer): Buffer {
  const out = Buffer.allocUnsafeSlow(HEADER_BYTES + name.length + rest.length);
  out[0] = type;
  out.writeInt32BE(out.length - 1, 1);
  name.copy(out, HEADER_BYTES);
  rest.copy(out, HEADER_BYTES + name.length);
  return out;
}
