/**
 * Temporary tables (section 9.3): made again on the target from what the catalogs say, their rows copied. Plain tables only, and only those
 * whose rows are known to outlive a transaction: that is in no catalog.
 */
import * as z from 'zod';
import { AnswerTooLong } from '../../../backend/server-connection.ts';
import { quoteIdentifier } from '../../../state/queries.ts';
import { block, Refusal } from '../../dialect.ts';
import { literal, type OwnSql, type RunOptions, type Step } from './own-sql.ts';
import { READ_TEMPORARY } from './temporary-tables-sql.ts';

/** Most that the temporary tables of a session may take on the server's disk, in bytes. */
export const TABLE_LIMIT = 64 * 1024 * 1024;
/** Text may be longer than what it stands for. */
const TEXT_LIMIT = 2 * TABLE_LIMIT;

const list = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .nullable()
    .transform((items) => items ?? []);

const columnSchema = z.object({
  name: z.string(),
  type: z.string(),
  oid: z.number(),
  notNull: z.boolean(),
  identity: z.string(),
  generated: z.string(),
  expression: z.string().nullable(),
  collation: z.string().nullable(),
});
const tableSchema = z.object({
  name: z.string(),
  owner: z.string(),
  oddities: z.string(),
  bytes: z.number(),
  heapBytes: z.number(),
  columns: list(columnSchema),
  constraints: list(z.object({ name: z.string(), kind: z.string(), definition: z.string() })),
  indexes: list(z.string()),
});
const sequenceSchema = z.object({
  name: z.string(),
  owner: z.string(),
  hasPrivileges: z.boolean(),
  type: z.string(),
  start: z.string(),
  increment: z.string(),
  maximum: z.string(),
  minimum: z.string(),
  cache: z.string(),
  cycles: z.boolean(),
  /** Table, column, and whether it belongs to it (`a`) or is its identity (`i`). */
  of: z.tuple([z.string(), z.string(), z.string()]).nullable(),
});
const INDEX_ON = /^(CREATE (?:UNIQUE )?INDEX (?:"(?:[^"]|"")*"|[^\s"]+) ON )pg_temp_\d+\./;
const schema = z.object({ tables: list(tableSchema), sequences: list(sequenceSchema), others: list(z.string()) });

type Shape = z.infer<typeof schema>;
type Table = Shape['tables'][number];
type Sequence = Shape['sequences'][number];

/** Everything of a session that is temporary. */
export interface TemporaryTables {
  readonly shape: Shape;
  /** Rows per table, as COPY gave them. */
  readonly rows: ReadonlyMap<string, readonly Buffer[]>;
  /** Per sequence: the last value, and whether it was given out. */
  readonly values: ReadonlyMap<string, readonly [string, string]>;
}

/** Reads them; null: there are none. Throws `Refusal` for what cannot be made again. */
export async function readTemporaryTables(own: OwnSql, options: RunOptions): Promise<TemporaryTables | null> {
  const shape = await readShape(own, options);
  if (shape.tables.length + shape.sequences.length + shape.others.length === 0) return null;
  refuse(shape);
  const { tables, sequences } = shape;
  const reading: Step[] = [
    ...sequences.map(({ name }) => ({ label: `the sequence ${named(name)}`, sql: `SELECT last_value,is_called FROM ${named(name)}` })),
    ...tables.map((table) => ({ label: `the temporary table ${named(table.name)}`, sql: `COPY ${withColumns(table)} TO STDOUT` })),
  ];
  const { results } = await own.run(reading, { ...options, limit: TEXT_LIMIT }).catch((error: unknown) => {
    throw error instanceof AnswerTooLong ? tooLarge() : error;
  });
  const values = new Map<string, readonly [string, string]>();
  for (const [index, { name }] of sequences.entries()) {
    const [last = null, called = null] = results[index]?.rows[0] ?? [];
    values.set(name, [last ?? '1', called ?? 'f']);
  }
  const rows = new Map(tables.map(({ name }, index) => [name, results[sequences.length + index]?.copied ?? []]));
  return { shape, rows, values };
}

/**
 * Makes them on the target, where nothing temporary may be yet. `currentUser`: who the session is there. Rejects when they did not come out
 * the same.
 */
export async function makeTemporaryTables(
  own: OwnSql,
  temporary: TemporaryTables,
  currentUser: string,
  options: RunOptions,
): Promise<void> {
  const { shape, rows, values } = temporary;
  const { tables, sequences } = shape;
  const steps: Step[] = [];
  let owner = currentUser;
  const as = (wanted: string): void => {
    if (wanted === owner) return;
    owner = wanted;
    steps.push({ label: `the role ${wanted}`, sql: `SELECT pg_catalog.set_config('role',${literal(wanted)},true)` });
  };
  for (const sequence of sequences) {
    if (sequence.of?.[2] === 'i') continue;
    as(sequence.owner);
    steps.push({
      label: `the sequence ${named(sequence.name)}`,
      sql: `CREATE TEMPORARY SEQUENCE ${named(sequence.name)} ${sequenceOptions(sequence)}`,
    });
  }
  for (const table of tables) {
    const label = `the temporary table ${named(table.name)}`;
    as(table.owner);
    steps.push({ label, sql: createSql(table, sequences) });
    steps.push({ label, sql: `COPY ${withColumns(table)} FROM STDIN`, copyIn: rows.get(table.name) ?? [] });
  }
  // Those that refer to other tables come last.
  const constraints = tables.flatMap((table) => table.constraints.map((constraint) => ({ table, constraint })));
  for (const { table, constraint } of constraints.toSorted(
    (a, b) => Number(a.constraint.kind === 'f') - Number(b.constraint.kind === 'f'),
  )) {
    as(table.owner);
    const sql = `ALTER TABLE ${named(table.name)} ADD CONSTRAINT ${quoteIdentifier(constraint.name)} ${constraint.definition}`;
    steps.push({ label: `the constraint "${constraint.name}"`, sql });
  }
  for (const table of tables) {
    for (const sql of table.indexes) {
      as(table.owner);
      steps.push({ label: `an index of the temporary table ${named(table.name)}`, sql });
    }
  }
  for (const { name, of, owner: role } of sequences) {
    as(role);
    const label = `the sequence ${named(name)}`;
    if (of?.[2] === 'a') steps.push({ label, sql: `ALTER SEQUENCE ${named(name)} OWNED BY ${named(of[0])}.${quoteIdentifier(of[1])}` });
    const [last, called] = values.get(name) ?? ['1', 'f'];
    steps.push({ label, sql: `SELECT pg_catalog.setval(${literal(named(name))}::pg_catalog.regclass,${last},${called === 't'})` });
  }
  const { results } = await own.run(steps, options);
  for (const table of tables) {
    const step = steps.findIndex(({ sql, copyIn }) => copyIn !== undefined && sql === `COPY ${withColumns(table)} FROM STDIN`);
    const copied = results[step]?.tag;
    const there = rows.get(table.name)?.length ?? 0;
    if (copied !== `COPY ${there}`)
      throw new Error(`the temporary table ${named(table.name)} came out with ${copied ?? 'no rows'} instead of ${there}`);
  }
  const made = await readShape(own, options);
  if (comparable(made) !== comparable(shape)) throw new Error('the temporary tables came out differently on the target');
}

async function readShape(own: OwnSql, options: RunOptions): Promise<Shape> {
  const { rows } = await own.one({ label: 'its temporary objects', sql: READ_TEMPORARY }, options);
  const shape = schema.parse(JSON.parse(rows[0]?.[0] ?? 'null'));
  return { ...shape, tables: shape.tables.map(withAlias) };
}

/** Before 15 the schema of temporary objects is written with the name it has on its server only. */
function withAlias(table: Table): Table {
  return {
    ...table,
    constraints: table.constraints.map(({ kind, definition, ...rest }) => ({
      ...rest,
      kind,
      definition: kind === 'f' ? definition.replace(/ REFERENCES pg_temp_\d+\./, ' REFERENCES pg_temp.') : definition,
    })),
    indexes: table.indexes.map((sql) => sql.replace(INDEX_ON, '$1pg_temp.')),
  };
}

function refuse({ tables, sequences, others }: Shape): void {
  // Functions are listed with the schema's own name, tables with its alias; the client knows only the alias.
  const aliased = others.map((other) => other.replace(/\bpg_temp_\d+\./g, 'pg_temp.'));
  if (aliased.length > 0)
    throw new Refusal([block('temp_object', `it has temporary objects that cannot be carried: ${aliased.join(', ')}`, 'Drop them first.')]);
  const odd = tables.find((table) => table.oddities !== '');
  if (odd !== undefined) {
    throw new Refusal([
      block('temp_object', `its temporary table ${named(odd.name)} has more than can be carried: ${odd.oddities}`, 'Drop it first.'),
    ]);
  }
  const granted = sequences.find((sequence) => sequence.hasPrivileges);
  if (granted !== undefined)
    throw new Refusal([block('temp_object', `its temporary sequence ${named(granted.name)} has privileges, which are not carried`)]);
  // ON COMMIT DELETE ROWS gives a table's pages back at every commit; one that has pages keeps its rows.
  const unclear = tables.find((table) => table.heapBytes === 0);
  if (unclear !== undefined) {
    throw new Refusal([
      block(
        'temp_object',
        `its temporary table ${named(unclear.name)} is empty, and no catalog tells whether it is to be emptied at every commit`,
        'It can move when the table has rows, or is dropped.',
      ),
    ]);
  }
  if (tables.reduce((sum, table) => sum + table.bytes, 0) > TABLE_LIMIT) throw tooLarge();
}

function tooLarge(): Refusal {
  return new Refusal([block('temp_object', `its temporary tables are too large: ${TABLE_LIMIT / 1024 / 1024} MB at most are carried`)]);
}

function named(name: string): string {
  return `pg_temp.${quoteIdentifier(name)}`;
}

/** What is computed is not copied. */
function withColumns({ name, columns }: Table): string {
  const copied = columns.filter((column) => column.generated === '').map((column) => quoteIdentifier(column.name));
  return copied.length === 0 ? named(name) : `${named(name)} (${copied.join(',')})`;
}

function createSql(table: Table, sequences: readonly Sequence[]): string {
  const columns = table.columns.map(({ name, type, notNull, identity, generated, expression, collation }) => {
    const parts = [quoteIdentifier(name), type];
    if (collation !== null) parts.push(`COLLATE ${collation}`);
    if (generated !== '') parts.push(`GENERATED ALWAYS AS (${expression ?? ''}) ${generated === 's' ? 'STORED' : 'VIRTUAL'}`);
    else if (identity !== '') {
      const sequence = sequences.find(({ of }) => of?.[0] === table.name && of[1] === name && of[2] === 'i');
      const options = sequence === undefined ? '' : ` (SEQUENCE NAME ${named(sequence.name)} ${sequenceOptions(sequence)})`;
      parts.push(`GENERATED ${identity === 'a' ? 'ALWAYS' : 'BY DEFAULT'} AS IDENTITY${options}`);
    } else if (expression !== null) parts.push(`DEFAULT ${expression}`);
    if (notNull) parts.push('NOT NULL');
    return parts.join(' ');
  });
  return `CREATE TEMPORARY TABLE ${named(table.name)} (${columns.join(', ')}) USING heap`;
}

function sequenceOptions({ of, type, start, increment, maximum, minimum, cache, cycles }: Sequence): string {
  // An identity's sequence has its column's type.
  const as = of?.[2] === 'i' ? '' : `AS ${type} `;
  return `${as}INCREMENT BY ${increment} MINVALUE ${minimum} MAXVALUE ${maximum} START WITH ${start} CACHE ${cache} ${cycles ? 'CYCLE' : 'NO CYCLE'}`;
}

/** Sizes are each server's own affair. */
function comparable({ tables, sequences, others }: Shape): string {
  const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
  const same = tables.map(({ bytes: _bytes, heapBytes: _heapBytes, ...rest }) => rest);
  return JSON.stringify([same.toSorted(byName), sequences.toSorted(byName), others]);
}
