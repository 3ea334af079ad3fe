/**
 * The words that say what a statement may do to its session, in a table that is asked with bytes: word -> what is known of it, as one
 * number (`WordBit`, and an `Id` above).
 */
import { harmlessFunctions, neverFunctions, otherKeywords } from './catalog-words.ts';

/** What a statement may do to its session: bits of what `effectsOf` returns. */
export const Effect = {
  /** May change what outlives the transaction. */
  State: 1,
  /** May change a setting now, be it for the transaction only: parse-time settings are not known after it. */
  Settings: 2,
  /** Needs the client's own statement names on the server: SQL PREPARE, EXECUTE, DEALLOCATE. */
  Names: 4,
  /** currval, lastval. */
  SequenceRead: 8,
  /** nextval, setval, DISCARD SEQUENCES. */
  SequenceUse: 16,
  /** Once done, nothing carries it and no look at the session sees it end. */
  Sticky: 32,
  /** Writes rows: triggers and defaults may run. */
  Write: 64,
  /** Drops every prepared statement: DEALLOCATE ALL, DISCARD ALL. */
  ForgetStatements: 128,
} as const;

/** Bits of a word; the lowest eight are the effects that its mention has. */
export const WordBit = {
  /** A function whose effects are known: those of its mention. */
  Known: 1 << 8,
  /** No function is called by this name, unless it is quoted or qualified. */
  Never: 1 << 9,
  Keyword: 1 << 10,
  /** No call, whatever comes between it and a parenthesis: a table's columns, a type's width. */
  NamesNext: 1 << 11,
} as const;

/** Place of a word's `Id`. */
export const ID_SHIFT = 20;

/** Words that are treated by name. */
const special = [
  ...['set', 'local', 'transaction', 'constraints', 'seed', 'session_authorization', 'authorization', 'to', 'session'],
  ...['declare', 'hold', 'into', 'insert', 'merge', 'update', 'for', 'key', 'as', 'execute', 'explain', 'analyze', 'analyse'],
  ...['deallocate', 'discard', 'all', 'sequences', 'on', 'conflict', 'do', 'distinct', 'returning', 'with', 'recursive'],
  ...['over', 'filter', 'sets', 'grouping', 'rollup', 'cube', 'by', 'order', 'group', 'partition', 'varying', 'character'],
  ...['char', 'bit', 'nchar', 'zone', 'time', 'stdin', 'stdout', 'copy', 'operator', 'join', 'ilike', 'left', 'right', 'full'],
  ...['inner', 'outer', 'cross', 'natural', 'pg_catalog', 'pg_settings', 'load', 'ordinality', 'verbose', 'set_config', 'prepare'],
] as const;

type Special = (typeof special)[number];
/** The number of each word in `special`, from 1; 0 is any other word. */
export const Id = Object.fromEntries(special.map((word, index) => [word, index + 1])) as Readonly<Record<Special, number>>;

const { State, Settings, Names, SequenceRead, SequenceUse, Sticky, Write } = Effect;

/** A name in `U&"…"` can be any function's. */
export const anyName = State | Settings | Write | SequenceRead | SequenceUse | Sticky;

/** Functions, and what their mention has for effects: of the server and of the extensions that it comes with. */
const functions: readonly (readonly [number, string])[] = [
  [State | Settings, 'set_config'],
  [State | Sticky, 'setseed pg_backup_start pg_backup_stop pg_start_backup pg_stop_backup'],
  [State | Sticky, 'pg_replication_origin_session_setup pg_replication_origin_session_reset pg_replication_origin_xact_setup'],
  [State | SequenceUse, 'nextval setval'],
  [SequenceRead, 'currval lastval'],
  [State, 'pg_advisory_lock pg_advisory_lock_shared pg_try_advisory_lock pg_try_advisory_lock_shared'],
  [State, 'pg_advisory_unlock pg_advisory_unlock_shared pg_advisory_unlock_all'],
  [State, 'pg_create_physical_replication_slot pg_create_logical_replication_slot pg_drop_replication_slot'],
  [State, 'pg_copy_physical_replication_slot pg_copy_logical_replication_slot pg_sync_replication_slots pg_logical_emit_message'],
  [State, 'pg_logical_slot_get_changes pg_logical_slot_get_binary_changes pg_logical_slot_peek_changes'],
  [State, 'pg_logical_slot_peek_binary_changes pg_replication_slot_advance pg_reload_conf'],
  // Run a text they are given.
  [
    State | Settings | Write,
    'query_to_xml query_to_xmlschema query_to_xml_and_xmlschema cursor_to_xml cursor_to_xmlschema ts_stat ts_rewrite',
  ],
  [State | Sticky, 'dblink_connect dblink_connect_u'],
  [State, 'dblink dblink_disconnect dblink_exec dblink_open dblink_fetch dblink_close dblink_send_query dblink_get_result'],
  [State, 'dblink_is_busy dblink_get_notify dblink_get_connections dblink_cancel_query dblink_error_message'],
];

/** Said of a leading word beside its effects: event triggers and the like may run, which the strict profile suspects of anything. */
export const STRICT_ONLY = 256;

/** What a statement that begins with the word may do. */
const leads: readonly (readonly [number, string])[] = [
  [0, 'select values table with begin start commit end rollback abort savepoint release show fetch move notify lock explain'],
  [0, 'analyze analyse vacuum cluster checkpoint declare set'],
  [Write, 'insert update delete merge truncate copy'],
  [Write | STRICT_ONLY, 'comment grant revoke security reindex refresh reassign'],
  // In a session whose search_path begins with pg_temp every object may be temporary; a view is wherever its tables are.
  [State | Write | STRICT_ONLY, 'create alter drop import'],
  [State | Settings, 'reset'],
  [State, 'listen unlisten close'],
  [State | Settings, 'discard'],
  // PREPARE has an id besides: PREPARE TRANSACTION makes no statement.
  [State, 'prepare'],
  [State | Names, 'deallocate'],
  [State | Settings | Names | Write, 'execute'],
  [State | Settings | Sticky, 'load'],
  [State | Write | STRICT_ONLY, 'do call'],
];

/** Anywhere in a statement; UPDATE has an id instead. */
const writes = 'insert delete merge truncate';
/** What comes next is the name of a table, of its columns, or of a type. */
const namesNext = 'into as with recursive ordinality';

interface Word {
  bits: number;
  lead: number;
}

const words = new Map<string, Word>();
function word(name: string): Word {
  const known = words.get(name) ?? { bits: 0, lead: -1 };
  words.set(name, known);
  return known;
}
function mark(names: string, bits: number): void {
  for (const name of names.trim().split(/\s+/)) word(name).bits |= bits;
}
mark(neverFunctions, WordBit.Never | WordBit.Keyword);
mark(otherKeywords, WordBit.Keyword);
mark(harmlessFunctions, WordBit.Known);
for (const [effects, names] of functions) mark(names, effects | WordBit.Known);
mark('pg_temp', State);
// Lists the statements by their names.
mark('pg_prepared_statements pg_prepared_statement', Names);
mark(writes, Write);
mark(namesNext, WordBit.NamesNext);
for (const name of special) word(name).bits |= Id[name] << ID_SHIFT;
for (const [lead, names] of leads) for (const name of names.split(' ')) word(name).lead = lead;

const SLOTS = 8192;
const slots = new Int16Array(SLOTS).fill(-1);
const offsets = new Int32Array(words.size + 1);
const bitsOf = new Int32Array(words.size);
const leadOf = new Int16Array(words.size);
const letters = Buffer.from([...words.keys()].join(''), 'latin1');

/** One step of a word's hash; upper and lower case are alike. Starts with 0. */
export function hashStep(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + (byte | 32)) | 0;
}

let place = 0;
for (const [index, [name, { bits, lead }]] of [...words].entries()) {
  bitsOf[index] = bits;
  leadOf[index] = lead;
  offsets[index] = place;
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = hashStep(hash, name.charCodeAt(i));
  place += name.length;
  let slot = (hash ^ (hash >>> 13)) & (SLOTS - 1);
  while ((slots[slot] ?? -1) >= 0) slot = (slot + 1) & (SLOTS - 1);
  slots[slot] = index;
}
offsets[words.size] = place;

/** The number of the word `bytes[from, to)` in the table, -1 if it is not there. `hash`: of all its bytes, by `hashStep`. */
export function findWord(bytes: Buffer, from: number, to: number, hash: number): number {
  const length = to - from;
  let slot = (hash ^ (hash >>> 13)) & (SLOTS - 1);
  for (;;) {
    const index = slots[slot] ?? -1;
    if (index < 0) return -1;
    const offset = offsets[index] ?? 0;
    if ((offsets[index + 1] ?? 0) - offset === length) {
      let at = 0;
      // Among the bytes of a word only letters differ in this bit.
      while (at < length && ((bytes[from + at] ?? 0) | 32) === ((letters[offset + at] ?? 0) | 32)) at++;
      if (at === length) return index;
    }
    slot = (slot + 1) & (SLOTS - 1);
  }
}

/** `findWord` of bytes that have not been hashed yet. */
export function lookUp(bytes: Buffer, from: number, to: number): number {
  let hash = 0;
  for (let at = from; at < to; at++) hash = hashStep(hash, bytes[at] ?? 0);
  return findWord(bytes, from, to, hash);
}

/** Whether `name`, in lower case, begins at `from`; upper and lower case are alike. */
export function startsWith(bytes: Buffer, from: number, name: Buffer): boolean {
  for (let at = 0; at < name.length; at++) if (((bytes[from + at] ?? 0) | 32) !== ((name[at] ?? 0) | 32)) return false;
  return true;
}

const temporarySchema = Buffer.from('pg_temp');

/** The session's own schema by its other name: pg_temp_3. */
export function isTemporarySchema(bytes: Buffer, from: number, to: number): boolean {
  return to - from > temporarySchema.length && startsWith(bytes, from, temporarySchema);
}

/** What is known of a word (`findWord`). */
export function wordBits(index: number): number {
  return bitsOf[index] ?? 0;
}

/** The effects of a statement that begins with a word (`findWord`), with `STRICT_ONLY`; -1: no statement is known to. */
export function leadEffects(index: number): number {
  return leadOf[index] ?? -1;
}
