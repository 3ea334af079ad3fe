/** The few types of the dialect server, and their two formats. CockroachDB's INT is int8. */
import { SqlError } from './sql-error.ts';

export const Oid = { bool: 16, int8: 20, int2: 21, int4: 23, text: 25, oid: 26, varchar: 1043, bytea: 17, numeric: 1700 } as const;

const byName: Readonly<Record<string, number>> = {
  bool: Oid.bool,
  boolean: Oid.bool,
  int: Oid.int8,
  integer: Oid.int8,
  int8: Oid.int8,
  bigint: Oid.int8,
  int4: Oid.int4,
  int2: Oid.int2,
  smallint: Oid.int2,
  text: Oid.text,
  string: Oid.text,
  varchar: Oid.varchar,
  oid: Oid.oid,
  bytea: Oid.bytea,
  numeric: Oid.numeric,
  decimal: Oid.numeric,
};

/** The OID of a type's name. Throws `SqlError` 42704. */
export function typeOid(name: string): number {
  const oid = byName[name.trim().toLowerCase()];
  if (oid === undefined) throw new SqlError('42704', `type "${name.trim()}" does not exist`);
  return oid;
}

/** As in RowDescription: -1 for what has no fixed size. */
export function typeSize(oid: number): number {
  const sizes: Readonly<Record<number, number>> = { [Oid.bool]: 1, [Oid.int8]: 8, [Oid.int2]: 2, [Oid.int4]: 4, [Oid.oid]: 4 };
  return sizes[oid] ?? -1;
}

/** A value on the wire, in format 0 (text) or 1 (binary). */
export function encode(value: string, oid: number, format: number): Buffer {
  const size = typeSize(oid);
  if (format === 0 || size < 0) return Buffer.from(value, 'utf8');
  const bytes = Buffer.alloc(size);
  if (oid === Oid.bool) bytes[0] = value === 't' || value === 'true' ? 1 : 0;
  else if (size === 8) bytes.writeBigInt64BE(BigInt(value));
  else bytes.writeIntBE(Number(value), 0, size);
  return bytes;
}

/** A parameter from the wire, as text. */
export function decode(bytes: Buffer, oid: number, format: number): string {
  const size = typeSize(oid);
  if (format === 0 || size < 0) return bytes.toString('utf8');
  if (bytes.length !== size) throw new SqlError('22P03', `incorrect binary data format for a parameter of ${size} bytes`);
  if (oid === Oid.bool) return bytes[0] === 1 ? 't' : 'f';
  return size === 8 ? bytes.readBigInt64BE().toString() : bytes.readIntBE(0, size).toString();
}
