import { poolMode, routedBy, sessionState } from '../../../../../core/contract/index.ts';
import type { SessionRow } from '../../../../../core/contract/index.ts';

/** What this window knows of a session beside its row, and the host's clock in milliseconds. */
export interface Surroundings {
  now: number;
  flagged: ReadonlySet<number>;
  notes: ReadonlyMap<number, string>;
}

interface FieldBase {
  /** As it is written. */
  name: string;
  /** Other spellings. */
  aliases?: readonly string[];
  /** What it looks at, for the list of suggestions. */
  hint: string;
}

/** Words: `:` finds the value in them, `=` wants the whole. */
export interface TextField extends FieldBase {
  kind: 'text';
  read: (row: SessionRow, around: Surroundings) => string;
  /** The words there can be; one of them, written out, means exactly that one. */
  words?: readonly string[];
  /** Addresses: a value with a port means this port, not one that begins with the same digits. */
  address?: boolean;
}

/** Properties that a session has or has not: `is:pinned`. */
export interface PropertyField extends FieldBase {
  kind: 'property';
  words: readonly string[];
  has: (row: SessionRow, word: string, around: Surroundings) => boolean;
}

/** Numbers: compared. */
export interface NumberField extends FieldBase {
  kind: 'number';
  read: (row: SessionRow, around: Surroundings) => number;
}

/** Durations in milliseconds: compared. */
export interface DurationField extends FieldBase {
  kind: 'duration';
  read: (row: SessionRow, around: Surroundings) => number;
}

export type Field = TextField | PropertyField | NumberField | DurationField;

const properties: Record<string, (row: SessionRow, around: Surroundings) => boolean> = {
  pinned: (row) => row.pins.length > 0,
  migrating: (row) => row.transfer !== null || row.state === 'migrating',
  flagged: (row, around) => around.flagged.has(row.id),
  noted: (row, around) => around.notes.has(row.id),
  detached: (row) => row.serverPid === null,
  fallback: (row) => row.routedBy === 'fallback',
};

/** Every field of the language, in the order in which they are suggested. */
export const fields: readonly Field[] = [
  { name: 'app', aliases: ['application'], kind: 'text', hint: 'application name', read: (row) => row.application },
  { name: 'user', kind: 'text', hint: 'role', read: (row) => row.user },
  { name: 'db', aliases: ['database'], kind: 'text', hint: 'database', read: (row) => row.database },
  { name: 'endpoint', kind: 'text', hint: 'endpoint it belongs to', read: (row) => row.endpoint },
  { name: 'backend', kind: 'text', hint: 'host:port it is on', read: (row) => row.backend, address: true },
  { name: 'state', kind: 'text', hint: 'what it is doing', read: (row) => row.state, words: sessionState.options },
  {
    name: 'is',
    kind: 'property',
    hint: 'a property, such as pinned',
    words: Object.keys(properties),
    has: (row, word, around) => properties[word]?.(row, around) ?? false,
  },
  { name: 'since', kind: 'duration', hint: 'time in its state, such as since>5s', read: (row, { now }) => now - row.stateSince },
  { name: 'tx', kind: 'text', hint: 'transaction status: I, T or E', read: (row) => row.transaction ?? '', words: ['I', 'T', 'E'] },
  { name: 'last', aliases: ['statement'], kind: 'text', hint: 'kind of its last statement', read: (row) => row.statementKind ?? '' },
  { name: 'moves', kind: 'number', hint: 'migrations so far, such as moves>0', read: (row) => row.migrations },
  { name: 'queries', kind: 'number', hint: 'queries so far', read: (row) => row.queries },
  { name: 'pin', kind: 'text', hint: 'what pins it', read: (row) => row.pins.map((pin) => `${pin.code} ${pin.reason}`).join(' ') },
  { name: 'pins', kind: 'number', hint: 'how many things pin it', read: (row) => row.pins.length },
  { name: 'mode', kind: 'text', hint: 'session or transaction', read: (row) => row.poolMode, words: poolMode.options },
  {
    name: 'client',
    kind: 'text',
    hint: 'address and port of the client',
    read: (row) => `${row.clientAddress}:${row.clientPort}`,
    address: true,
  },
  { name: 'pid', kind: 'number', hint: 'server process', read: (row) => row.serverPid ?? -1 },
  { name: 'pool', kind: 'text', hint: 'its pool', read: (row) => row.pool },
  { name: 'note', kind: 'text', hint: 'your note on it', read: (row, { notes }) => notes.get(row.id) ?? '' },
  { name: 'id', kind: 'number', hint: 'number of the session', read: (row) => row.id },
  { name: 'asked', kind: 'text', hint: 'endpoint it asked for', read: (row) => row.requestedEndpoint ?? '' },
  { name: 'route', kind: 'text', hint: 'how its endpoint was chosen', read: (row) => row.routedBy, words: routedBy.options },
  { name: 'tls', kind: 'text', hint: 'how its client is encrypted, or none', read: (row) => row.tls ?? 'none' },
  { name: 'age', kind: 'duration', hint: 'time since it connected', read: (row, { now }) => now - row.connectedAt },
];

const byName = new Map(fields.flatMap((field) => [field.name, ...(field.aliases ?? [])].map((name) => [name, field] as const)));

/** The field with this name or spelling, in any case. */
export function fieldNamed(name: string): Field | undefined {
  return byName.get(name.toLowerCase());
}

/** Everything that a word without a field is looked for in. */
export function everything(row: SessionRow): string {
  return [
    row.id,
    row.application,
    row.user,
    row.database,
    row.endpoint,
    row.backend,
    row.state,
    row.statementKind ?? '',
    `${row.clientAddress}:${row.clientPort}`,
  ].join(' ');
}
