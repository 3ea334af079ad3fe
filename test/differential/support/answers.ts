/** Answers of a server as lines that can be compared: everything is kept but what no two runs have in common. */

/** A message as it came. */
export interface Answer {
  readonly type: string;
  readonly body: Buffer;
}

/** The first OID that is not PostgreSQL's own (FirstNormalObjectId). */
const OWN_OIDS = 16_384;

/**
 * One line per message; bytes as Latin-1. Left out: pids, cancel keys, OIDs of own objects, and the number in the name of a
 * session's temporary schema.
 */
export function line({ type, body }: Answer): string {
  switch (type) {
    case 'K':
      return 'K';
    case 'T':
      return `T ${rowDescription(body)}`;
    case 't':
      return `t ${parameterTypes(body).join(' ')}`;
    case 'D':
      return `D ${columns(body).join(' | ')}`;
    case 'E':
    case 'N':
      return `${type} ${plain(body.toString('latin1').replace(/\0+$/, '').replaceAll('\0', ' ; '))}`;
    case 'A':
      return `A ${plain(body.toString('latin1', 4).replaceAll('\0', ' '))}`;
    default:
      return `${type} ${plain(body.toString('latin1').replaceAll('\0', ' '))}`.trimEnd();
  }
}

/** What stands before an error that came in a transaction that had failed before. */
export const IN_FAILED = 'failed: ';

/**
 * Whether the answers are those that were expected. In a transaction that has failed nothing can be parsed, not even what was parsed on
 * another server connection: there any error may be that of the transaction instead (25P02).
 */
export function same(got: readonly string[], expected: readonly string[]): boolean {
  return got.length === expected.length && got.every((line, index) => line === expected[index] || isFailedToo(line, expected[index] ?? ''));
}

function isFailedToo(got: string, expected: string): boolean {
  return got.startsWith(IN_FAILED) && expected.startsWith(IN_FAILED) && got.includes(' ; C25P02 ; ');
}

/** Messages that servers may send at any time: their order counts, their place does not (protocol, 54.2.7). */
export function isAside({ type }: Answer): boolean {
  return type === 'S' || type === 'A';
}

function plain(text: string): string {
  return text.replace(/\bpg_(toast_)?temp_\d+/g, 'pg_$1temp_N');
}

function oid(value: number): string {
  return value >= OWN_OIDS ? 'own' : String(value);
}

function rowDescription(body: Buffer): string {
  const fields: string[] = [];
  let at = 2;
  for (let left = body.readInt16BE(0); left > 0; left--) {
    const end = body.indexOf(0, at);
    const name = body.toString('latin1', at, end);
    at = end + 1;
    const table = oid(body.readUInt32BE(at));
    const type = oid(body.readUInt32BE(at + 6));
    const rest = [body.readInt16BE(at + 4), body.readInt16BE(at + 10), body.readInt32BE(at + 12), body.readInt16BE(at + 16)];
    fields.push(`${name}(${table} ${type} ${rest.join(' ')})`);
    at += 18;
  }
  return fields.join(', ');
}

function parameterTypes(body: Buffer): string[] {
  return Array.from({ length: body.readInt16BE(0) }, (_, index) => oid(body.readUInt32BE(2 + index * 4)));
}

function columns(body: Buffer): string[] {
  const values: string[] = [];
  let at = 2;
  for (let left = body.readInt16BE(0); left > 0; left--) {
    const length = body.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? 'NULL' : JSON.stringify(plain(body.toString('latin1', at, at + length))));
    at += Math.max(length, 0);
  }
  return values;
}
