/** The state of a PostgreSQL session as a capture finds it (postgres-session-state.md section 3), read and validated. */
import * as z from 'zod';

const list = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .nullable()
    .transform((items) => items ?? []);
const oids = list(z.number().int());

const stateSchema = z.object({
  pid: z.number().int(),
  vnum: z.coerce.number().int(),
  db: z.string(),
  enc: z.string(),
  /** Session and current user, and the setting `role`. */
  su: z.string(),
  cu: z.string(),
  role: z.string(),
  rec: z.boolean(),
  /** When the server was started (UTC), and the database's OID. */
  cl: z.tuple([z.string(), z.number()]).nullable().default(null),
  /** name, value in base units, source; a look adds whether the session's user may set it */
  gucs: list(z.tuple([z.string(), z.string().nullable(), z.string()], z.unknown())),
  custom: z.record(z.string(), z.string()).nullable(),
  /** name, text (null: longer than 256 KiB), made by SQL PREPARE, parameter and result type OIDs */
  ps: list(z.tuple([z.string(), z.string().nullable(), z.boolean(), oids, oids.nullable()])),
  /** OID, schema, name, kind */
  types: list(z.tuple([z.number().int(), z.string(), z.string(), z.string()])),
  listen: list(z.string()),
  /** name, binary, scrollable, created */
  cur: list(z.tuple([z.string(), z.boolean(), z.boolean(), z.string()])),
  /** class, object, object sub id, mode */
  adv: list(z.tuple([z.number().int(), z.number().int(), z.number().int(), z.string()])),
  /** type, identity */
  temp: list(z.tuple([z.string(), z.string().nullable()])),
  tslots: z.number().int(),
  /** There is, or was, something temporary. */
  mytemp: z.boolean().default(false),
  /** Where dblink is installed and a capture has asked for it. */
  dblink: list(z.string()).default([]),
});

/** One prepared statement. */
export interface PreparedStatement {
  readonly name: string;
  readonly text: string | null;
  readonly fromSql: boolean;
  readonly parameterTypes: readonly number[];
  /** Null before PostgreSQL 16, which does not tell. */
  readonly resultTypes: readonly number[] | null;
}

/** One setting as `pg_settings` shows it. */
export interface Setting {
  readonly value: string;
  readonly source: string;
  /** False: the session's own user could not set it; not found out by every capture. */
  readonly isSettable: boolean;
}

/** A type whose OID may differ on another server. */
export interface UnstableType {
  readonly oid: number;
  readonly name: string;
}

/** See the head of this file. */
export interface SessionStateCapture {
  readonly pid: number;
  readonly serverVersion: number;
  readonly database: string;
  /** How text travels: the byte encoding to read and write it with. */
  readonly textEncoding: 'utf8' | 'latin1';
  readonly sessionUser: string;
  readonly currentUser: string;
  readonly role: string;
  readonly inRecovery: boolean;
  /** Equal texts: the same database of the same running server; null: not found out. */
  readonly cluster: string | null;
  /** Guarded settings excluded: those are in `guarded`. */
  readonly settings: ReadonlyMap<string, Setting>;
  /** Values of the guarded settings, as SHOW prints them. */
  readonly guarded: ReadonlyMap<string, string>;
  readonly custom: ReadonlyMap<string, string>;
  readonly statements: readonly PreparedStatement[];
  readonly types: readonly UnstableType[];
  readonly channels: readonly string[];
  readonly heldCursors: readonly string[];
  /** In words, e.g. `ExclusiveLock on 42`. */
  readonly advisoryLocks: readonly string[];
  /** In words, e.g. `table pg_temp.basket`. */
  readonly temporaryObjects: readonly string[];
  readonly temporarySlots: number;
  /** Names of open dblink connections, if asked for; the unnamed one is never seen. */
  readonly dblinkConnections: readonly string[];
  /** The connection has, or once had, temporary objects; not found out by every capture. */
  readonly hasTemporarySchema: boolean;
  /** Size of the captured state in bytes. */
  readonly bytes: number;
}

/**
 * Reads the guard's row (of each of `guardedNames` the old value and the override) and the state's JSON; throws `ZodError` when the server
 * answered something else.
 */
export function readState(guardedNames: readonly string[], guard: readonly (Buffer | null)[], json: Buffer): SessionStateCapture {
  // SQL_ASCII databases hold bytes without a meaning: they are carried one to one.
  const textEncoding = json.includes('"enc" : "SQL_ASCII"') ? 'latin1' : 'utf8';
  const raw = stateSchema.parse(JSON.parse(json.toString(textEncoding)));
  const guarded = new Map<string, string>();
  for (const [index, name] of guardedNames.entries()) {
    const value = guard[index * 2];
    if (value !== undefined && value !== null) guarded.set(name, value.toString('latin1'));
  }
  const settings = new Map<string, Setting>();
  for (const [name, value, source, settable] of raw.gucs) {
    if (!guarded.has(name)) settings.set(name, { value: value ?? '', source, isSettable: settable !== false });
  }
  return {
    pid: raw.pid,
    serverVersion: raw.vnum,
    database: raw.db,
    textEncoding,
    sessionUser: raw.su,
    currentUser: raw.cu,
    role: raw.role,
    inRecovery: raw.rec,
    cluster: raw.cl === null ? null : raw.cl.join('/'),
    settings,
    guarded,
    custom: new Map(Object.entries(raw.custom ?? {})),
    statements: raw.ps.map(([name, text, fromSql, parameterTypes, resultTypes]) => ({ name, text, fromSql, parameterTypes, resultTypes })),
    types: raw.types.map(([oid, schema, name, kind]) => ({ oid, name: `${schema}.${name}/${kind}` })),
    channels: raw.listen,
    heldCursors: raw.cur.map(([name]) => name),
    advisoryLocks: raw.adv.map(describeLock),
    // Functions are listed with the schema's own name, tables with its alias; the client knows only the alias.
    temporaryObjects: raw.temp.map(([kind, identity]) => `${kind} ${(identity ?? '(unnamed)').replace(/\bpg_temp_\d+\./g, 'pg_temp.')}`),
    temporarySlots: raw.tslots,
    dblinkConnections: raw.dblink,
    hasTemporarySchema: raw.mytemp,
    bytes: json.length,
  };
}

/** `objsubid` 1: one bigint key; 2: two integers (pg_locks). */
function describeLock([classId, objectId, subId, mode]: [number, number, number, string]): string {
  const key = subId === 1 ? BigInt.asIntN(64, (BigInt(classId) << 32n) | BigInt(objectId)).toString() : `(${classId | 0}, ${objectId | 0})`;
  return `${mode} on ${key}`;
}
